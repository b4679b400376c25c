# SPDX-License-Identifier: Apache-2.0
"""Makes dip_peer.csv, dips and p-values of the Python package diptest: python dip_peer.py >dip_peer.csv

A line a sample: dip, p-value (by the package's table), values. Ties and small samples are among them.
"""
import diptest
import numpy


def samples():
    draw = numpy.random.default_rng(3)
    for size in (4, 5, 8, 13, 30, 72):
        yield draw.uniform(size=size)
        yield draw.normal(size=size)
        yield numpy.concatenate([draw.normal(size=size // 2), 5 + draw.normal(size=size - size // 2)])
        yield numpy.round(2 * draw.normal(size=size))
    yield numpy.repeat([1.0, 2.0], 20)
    yield numpy.arange(50.0)
    # quartz in the sense of Hartigan and Hartigan's example: two modes of unequal size
    yield numpy.concatenate([draw.normal(size=60), 4 + draw.normal(size=15)])


print(f"# diptest {diptest.__version__}: dip, p-value, values")
for values in samples():
    values = numpy.round(values, 4)
    dip, p = diptest.diptest(values)
    print(",".join([f"{dip:.17g}", f"{p:.6g}"] + [f"{v:.6g}" for v in values]))

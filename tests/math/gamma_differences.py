# SPDX-License-Identifier: Apache-2.0
"""Writes gamma_differences.csv: a, n, lgamma(a + n) - lgamma(a), digamma(a + n) - digamma(a), by plain subtraction at
80 digits (mpmath). Every a is a float, so that float and double are tested on the same numbers."""
import random
import struct
import mpmath as mp

mp.mp.dps = 80


def as_float(x):
    return struct.unpack("f", struct.pack("f", x))[0]


random.seed(1)
shapes = [10 ** (-6 + 15 * i / 44) for i in range(45)]
shapes += [10 ** random.uniform(-6, 9) for _ in range(20)]
shapes += [0.5, 1.0, 2.0, 3.5, 7.0, 8.0, 16.0, 0.618034, 0.324717, 0.0384945, 1e-4]
for switch in (8.0,):  # and the floats beside it
    bits = struct.unpack("I", struct.pack("f", switch))[0]
    shapes += [struct.unpack("f", struct.pack("I", bits + d))[0] for d in (-2, -1, 1)]
counts = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 17, 25, 60, 137, 400, 1000, 5003, 30000, 100000, 1000000, 9999999]
with open("gamma_differences.csv", "w") as out:
    out.write("a,n,lgamma_difference,digamma_difference\n")
    for a in sorted({as_float(x) for x in shapes}):
        for n in counts:
            d = mp.loggamma(mp.mpf(a) + n) - mp.loggamma(a)
            g = mp.digamma(mp.mpf(a) + n) - mp.digamma(a)
            out.write(f"{a!r},{n},{mp.nstr(d, 21)},{mp.nstr(g, 21)}\n")

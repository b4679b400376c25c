# SPDX-License-Identifier: Apache-2.0
"""Runs the documentation's snippet that reads a model file with h5py: model_snippet.py README.md MODEL.h5

Ends with 0 (right), 1 (wrong) or 77 (h5py is not installed).
"""
import re
import sys

try:
    import h5py
    import numpy
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

readme, model = sys.argv[1:]
with open(readme, encoding="utf-8") as text:
    snippets = [s for s in re.findall(r"```python\n(.*?)```", text.read(), re.S) if '"DIR/model.h5"' in s]
if len(snippets) != 1:
    sys.exit(f"wrong: {len(snippets)} snippets read DIR/model.h5; expected one")
names = {}
exec(snippets[0].replace('"DIR/model.h5"', repr(model)), names)
weight, genes, options, history = (names[name] for name in ("weight", "genes", "options", "history"))
assert weight.dtype == numpy.float32 and weight.ndim == 2, weight
assert len(genes) == weight.shape[0] and all(isinstance(gene, str) and gene for gene in genes), genes[:3]
assert options["latent"] == 4 and options["activation"] == b"relu", options
assert list(history["epoch"]) == list(range(1, len(history["epoch"]) + 1)), history
assert numpy.isfinite(history["bound_train"]).all()


def check(name, item):
    assert not isinstance(item, h5py.Dataset) or item.dtype.kind in "fiS", (name, item.dtype)


with h5py.File(model) as file:  # nothing but groups and plain arrays
    file.visititems(check)
print("model_snippet.py: right")

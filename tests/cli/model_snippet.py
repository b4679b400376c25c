# SPDX-License-Identifier: Apache-2.0
"""Runs the documentation's snippets that read a model file with h5py and compute latent means with numpy:
model_snippet.py README.md RUN, where RUN has model.h5 and cells.h5ad

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

readme, run = sys.argv[1:]
model = f"{run}/model.h5"
with open(readme, encoding="utf-8") as text:
    snippets = [s for s in re.findall(r"```python\n(.*?)```", text.read(), re.S) if "h5py" in s]
if len(snippets) != 2:
    sys.exit(f"wrong: {len(snippets)} snippets read a model file; expected two")
names = {}
for snippet in snippets:
    exec(snippet.replace('"DIR/model.h5"', repr(model)), names)
assert len(snippets[1].splitlines()) <= 40
with h5py.File(f"{run}/cells.h5ad") as file:
    rows, x = file["X/indptr"][:], numpy.zeros(file["X"].attrs["shape"])
    for cell in range(len(x)):
        x[cell, file["X/indices"][rows[cell]:rows[cell + 1]]] = file["X/data"][rows[cell]:rows[cell + 1]]
    index = file["var"].attrs["_index"]
    found = names["latent_means"](model, x, file[f"var/{index}"].asstr()[:])
    expected = file["obsm/X_cellvae"][:]
worst = numpy.abs(found - expected).max()
print(f"latent means in numpy differ by {worst:.1e} at most, of values up to {numpy.abs(expected).max():.1f}")
assert numpy.allclose(found, expected, rtol=1e-5, atol=1e-5), worst
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

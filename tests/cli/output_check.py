#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `cellvae train` wrote, as a scanpy user opens it: output_check.py FOLDER. Ends with 77 where anndata is missing."""
import json
import sys
import warnings

try:
    import anndata
    import numpy
except ImportError:
    print("skipped: there is no anndata")
    sys.exit(77)

warnings.simplefilter("error")
folder = sys.argv[1]
cells = anndata.read_h5ad(folder + "/cells.h5ad")
with open(folder + "/scores.json", encoding="utf-8") as file:
    scores = json.load(file)
assert cells.shape == (scores["cells"], scores["genes"]), cells.shape
latent = cells.obsm["X_cellvae"]
assert latent.shape == (scores["cells"], scores["latent"]) and latent.dtype == numpy.float32 and numpy.isfinite(latent).all()
clusters = cells.obs["cellvae_cluster"]
assert str(clusters.dtype) == "category" and len(clusters.cat.categories) == scores["clusters"]
assert "cell_type" in cells.obs and cells.X.sum() > 0
units = int((latent.astype(float).var(axis=0) > 0.01).sum())
assert units == scores["active_units"], (units, scores["active_units"])
try:
    from sklearn import metrics
except ImportError:
    print("right (scores not compared: there is no scikit-learn)")
    sys.exit(0)
for name, value in {"ari": metrics.adjusted_rand_score(cells.obs["cell_type"], clusters),
                    "nmi": metrics.normalized_mutual_info_score(cells.obs["cell_type"], clusters),
                    "silhouette": metrics.silhouette_score(latent.astype(float), cells.obs["cell_type"])}.items():
    assert abs(scores[name] - value) < 1e-6, (name, scores[name], value)
print("right")

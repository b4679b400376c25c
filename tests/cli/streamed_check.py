# SPDX-License-Identifier: Apache-2.0
"""What streamed.sh left, as anndata sees it: streamed_check.py FOLDER. 77: there is no anndata."""
import sys

try:
    import anndata
    import numpy
except ImportError:
    print("SKIPPED: there is no anndata")
    sys.exit(77)

folder = sys.argv[1]
for run in ("whole", "streamed_3"):
    expected = anndata.read_h5ad(f"{folder}/embedded_{run}.h5ad")
    found = anndata.read_h5ad(f"{folder}/embedded_streamed_{run}.h5ad")
    assert found.X is None and found.shape == expected.shape, found
    assert list(found.obs_names) == list(expected.obs_names)
    assert list(found.var_names) == list(expected.var_names)
    assert set(found.obsm) == set(expected.obsm) and "X_cellvae" in found.obsm, found.obsm
    for name in expected.obsm:
        assert numpy.array_equal(found.obsm[name], expected.obsm[name]), name
resident = anndata.read_h5ad(f"{folder}/resident_3/cells.h5ad")
streamed = anndata.read_h5ad(f"{folder}/streamed_3/cells.h5ad")
assert streamed.X is None and resident.X is not None
assert numpy.array_equal(streamed.obsm["X_cellvae"], resident.obsm["X_cellvae"])
assert list(streamed.obs["cellvae_cluster"]) == list(resident.obs["cellvae_cluster"])
assert numpy.array_equal(streamed.var["highly_variable"], resident.var["highly_variable"])
assert numpy.array_equal(streamed.var["cellvae_observed_mean"], resident.var["cellvae_observed_mean"], equal_nan=True)
assert numpy.allclose(streamed.obs["cellvae_library_size"], numpy.asarray(resident.X.sum(axis=1)).ravel())
print("anndata reads what was streamed")

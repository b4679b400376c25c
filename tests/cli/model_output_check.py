# SPDX-License-Identifier: Apache-2.0
"""anndata opens what the commands on a model wrote: model_output_check.py FOLDER GENE [cells]; or makes other cells: FOLDER make"""
import json
import sys
import warnings

import anndata
import numpy
import pandas

folder, gene = sys.argv[1:3]


def read(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return anndata.read_h5ad(f"{folder}/{name}")


def check_with_scanpy():
    """Where scanpy is there: what its users do first works on every output."""
    try:
        import scanpy
    except ImportError:
        return "not tried: there is no scanpy"
    for name in ("run 1/cells.h5ad", "embedded.h5ad", "mixture.h5ad", "denoised.h5ad", "sampled.h5ad"):
        cells = scanpy.read_h5ad(f"{folder}/{name}")
        scanpy.pp.calculate_qc_metrics(cells, percent_top=None, inplace=True)
        scanpy.pp.normalize_total(cells, target_sum=1e4)
        scanpy.pp.log1p(cells)
        if "X_cellvae" in cells.obsm:
            scanpy.pp.neighbors(cells, use_rep="X_cellvae", n_neighbors=10)
            scanpy.tl.rank_genes_groups(cells, "cell_type", n_genes=5)
    return "scanpy opens all"


def make_cells():
    cells = read("with space/zähl.h5ad")
    cells[:, ::-1].copy().write_h5ad(f"{folder}/reversed.h5ad")
    model_genes = read("run 1/cells.h5ad")
    model_genes = model_genes.var_names[model_genes.var["highly_variable"]]
    cells[:, ~cells.var_names.isin(model_genes[:10])].copy().write_h5ad(f"{folder}/fewer.h5ad")
    clusters = read("mixture/cells.h5ad").obs["cellvae_cluster"].astype(str)
    assert clusters.nunique() > 1
    cells[clusters == clusters.max()].copy().write_h5ad(f"{folder}/last_cluster.h5ad")
    cells.obs["donor"] = ["b", "a", "c"] * 40
    cells.write_h5ad(f"{folder}/donors.h5ad")
    cells.obs["donor"] = pandas.Categorical(cells.obs["donor"], categories=["c", "b", "a"])
    cells.write_h5ad(f"{folder}/recoded.h5ad")
    cells.obs["donor"] = cells.obs["donor"].astype(str)
    cells[cells.obs["donor"] == "b"].copy().write_h5ad(f"{folder}/one_donor.h5ad")
    cells.obs["donor"] = ["b", "stranger", "c"] * 40
    cells.write_h5ad(f"{folder}/strangers.h5ad")


def check_other_cells():
    latent = read("embedded.h5ad").obsm["X_cellvae"]
    assert numpy.allclose(read("reversed_embedded.h5ad").obsm["X_cellvae"], latent, atol=1e-5)
    assert not numpy.allclose(read("fewer_embedded.h5ad").obsm["X_cellvae"], latent, atol=1e-5)
    # a cluster keeps its name where the others are not there
    last = read("last_cluster_embedded.h5ad").obs["cellvae_cluster"]
    assert (last.astype(str) == read("mixture/cells.h5ad").obs["cellvae_cluster"].astype(str).max()).all() and len(last) > 0
    # the statistics and the conditions are those of the training, not of these cells
    trained = read("donors/cells.h5ad")
    expected = trained[trained.obs["donor"] == "b"].obsm["X_cellvae"]
    assert numpy.allclose(read("one_donor_embedded.h5ad").obsm["X_cellvae"], expected, atol=1e-5)
    # the training's own latent, bit for bit, whatever the order of the conditions' codes
    assert numpy.array_equal(read("donors_embedded.h5ad").obsm["X_cellvae"], trained.obsm["X_cellvae"])
    assert numpy.array_equal(read("recoded_embedded.h5ad").obsm["X_cellvae"], trained.obsm["X_cellvae"])
    assert (read("of_c.h5ad").obs["condition"] == "c").all()


def check_outputs():
    trained = read("run 1/cells.h5ad")
    embedded = read("embedded.h5ad")
    assert embedded.shape == (120, 200), embedded.shape
    assert (embedded.obs_names == trained.obs_names).all()
    # the parameters of the best epoch, the same cells: the same coordinates
    assert numpy.array_equal(embedded.obsm["X_cellvae"], trained.obsm["X_cellvae"])

    mixture = read("mixture.h5ad")
    shares = mixture.obsm["X_cellvae_responsibility"]
    assert numpy.allclose(shares.sum(axis=1), 1, atol=1e-5)
    # the clusters are those of the training, not found anew
    trained_mixture = read("mixture/cells.h5ad")
    assert (mixture.obs["cellvae_cluster"] == trained_mixture.obs["cellvae_cluster"]).all()
    assert numpy.allclose(mixture.obs["cellvae_certainty"], trained_mixture.obs["cellvae_certainty"])

    denoised = read("denoised.h5ad")
    assert denoised.shape == (120, 100) and denoised.layers["denoised"].shape == (120, 100)
    assert (denoised.layers["denoised"] > 0).all()
    one = read("one.h5ad")
    assert list(one.var_names) == [gene]
    assert (one.X.toarray() == denoised[:, gene].X.toarray()).all()

    ranked = read("ranked.h5ad").uns["rank_genes_groups"]
    assert ranked["params"] == {"groupby": "cell_type", "reference": "type_2", "method": "cellvae"}, ranked["params"]
    assert ranked["names"].dtype.names == ("type_1", "type_3"), ranked["names"].dtype
    with open(f"{folder}/all.csv", encoding="utf-8") as table:
        genes = {line.split(",")[1] for line in table if line.startswith("type_1,")}
    for group in ranked["names"].dtype.names:
        assert set(ranked["names"][group]) == genes and len(ranked["names"]) == 100
        assert (numpy.diff(ranked["pvals"][group]) >= 0).all() and (numpy.diff(ranked["scores"][group]) <= 0).all()
        assert numpy.allclose(ranked["pvals_adj"][group], ranked["pvals"][group].cumsum() / numpy.arange(1, 101))

    zeros = read("zeros.h5ad").layers["denoised"]
    assert ((zeros > 0) & (zeros < 1)).all()

    with open(f"{folder}/new.json", encoding="utf-8") as result:
        library = json.load(result)["library"]  # that of all genes, not of the model's alone
    assert abs(library / read("with space/zähl.h5ad").X.sum(axis=1).mean() - 1) < 1e-6, library
    new = read("new.h5ad")
    assert new.shape == (50, 100) and new.X.sum() > 0 and "cellvae_cluster" not in new.obs
    of = read("new_of.h5ad")
    assert of.shape == (40, 1) and set(of.obs["cellvae_cluster"]) <= {"0", "1"}

    sampled = read("sampled.h5ad")
    assert sampled.shape == (240, 100)
    values = sampled.X.toarray()
    assert (values >= 0).all() and (values == numpy.round(values)).all() and values.sum() > 0
    assert sorted(set(sampled.obs["draw"])) == [0, 1]
    assert (sampled.obs["cell_type"].values[:120] == trained.obs["cell_type"].values).all()


if gene == "make":
    make_cells()
elif len(sys.argv) > 3:
    check_other_cells()
else:
    check_outputs()
    print(check_with_scanpy())
print("model_output_check.py: right")

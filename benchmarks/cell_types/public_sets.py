#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seven public sets of real cells with known types, as h5ad files for study.py.

    git clone --depth 1 https://github.com/ttgump/scDCC
    git clone --depth 1 https://github.com/LuyiTian/sc_mixology
    python3 benchmarks/cell_types/public_sets.py scDCC sc_mixology FOLDER

pbmc4k (10x Genomics, 4,271 cells, 8 types), kidney (human, Young et al. 2018, 5,685, 11), bladder (mouse, Han et al.
2018, 2,746, 16), worm (neurons of C. elegans, Cao et al. 2017, 4,186, 10) and cbmc (cord blood, Stoeckius et al. 2017,
8,617, 15) are as scDCC (Tian et al. 2021) has them: counts of the 2,000 most variable genes, all genes of worm; celseq
(five cancer cell lines, three plates of CEL-seq2 together, 909 cells) and dropseq (three lines, 225 cells) are of Tian
et al. 2019, where each cell's line is known by its genotype. Wants anndata and h5py.
"""
import argparse
import pathlib

import anndata
import h5py
import numpy as np
import pandas
import scipy.sparse

SCDCC = {
    "pbmc4k": "Small_Datasets/10X_PBMC_top2000.h5",
    "kidney": "Small_Datasets/human_kidney_counts_top2000.h5",
    "bladder": "Small_Datasets/mouse_bladder_cell_top2000.h5",
    "worm": "Small_Datasets/worm_neuron_cell.h5",
    "cbmc": "CITE_PBMC/CITE_CBMC_counts_top2000.h5",
}
MIXOLOGY = {"celseq": ["sc_celseq2_5cl_p1", "sc_celseq2_5cl_p2", "sc_celseq2_5cl_p3"], "dropseq": ["sc_dropseq"]}


def cells_of(counts, types, genes, names):
    """@param counts cells x genes"""
    cells = anndata.AnnData(scipy.sparse.csr_matrix(counts.astype(np.float32)))
    cells.obs["cell_type"] = pandas.Categorical([str(each) for each in types])
    cells.obs_names, cells.var_names = names, genes
    return cells


def of_scdcc(file):
    with h5py.File(file) as stored:
        counts, types = np.asarray(stored["X"]), np.asarray(stored["Y"]).astype(int)
    return cells_of(counts, types, [f"gene_{i}" for i in range(counts.shape[1])], [f"cell_{i}" for i in range(len(types))])


def of_mixology(folder, name):
    counts = pandas.read_csv(folder / f"{name}.count.csv.gz", index_col=0)  # genes x cells
    types = pandas.read_csv(folder / f"{name}.metadata.csv.gz", index_col=0).loc[counts.columns, "cell_line_demuxlet"]
    return cells_of(counts.to_numpy().T, types, list(counts.index), [f"{name}_{cell}" for cell in counts.columns])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scdcc", type=pathlib.Path)
    parser.add_argument("mixology", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    options = parser.parse_args()
    sets = {name: of_scdcc(options.scdcc / "data" / file) for name, file in SCDCC.items()}
    for name, plates in MIXOLOGY.items():
        sets[name] = anndata.concat([of_mixology(options.mixology / "data" / "csv", plate) for plate in plates])
    options.out.mkdir(parents=True, exist_ok=True)
    for name, cells in sets.items():
        cells.write_h5ad(options.out / f"{name}.h5ad")
        print(f"{name}: {cells.n_obs} cells x {cells.n_vars} genes, {cells.obs['cell_type'].nunique()} types")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Writes one small data set with anndata in many forms: make_anndata_files.py FOLDER

60 cells x 40 genes; count (7 c + 3 g) mod 11 where that is below 4, else 0.
"""
import pathlib
import sys

import anndata
import numpy
import pandas
import scipy.sparse


def make(folder):
    folder = pathlib.Path(folder)
    cells = numpy.arange(60)
    counts = (7 * cells[:, None] + 3 * numpy.arange(40)[None, :]) % 11
    counts[counts >= 4] = 0
    labels = pandas.Categorical.from_codes([-1 if c % 4 == 3 else [0, 1, 2][(c // 2) % 3 if c % 2 else (c // 4) % 3] for c in cells],
                                           ["B", "T", "\u03b2"])
    obs = pandas.DataFrame(
        {
            "label": labels,
            "text": [f"t{c}" for c in cells],
            "number": cells / 2,
            "whole": cells,
            "flag": cells % 2 == 1,
            "nullable": pandas.array([None if c % 5 == 1 else c for c in cells], dtype="Int64"),
        },
        index=[f"cell{c}" for c in cells],
    )
    obs["grade"] = pandas.Categorical.from_codes([c % 3 for c in cells], ["low", "middle", "high"], ordered=True)
    obs["maybe"] = pandas.array([None if c % 5 == 1 else c % 2 == 0 for c in cells], dtype="boolean")
    if anndata.__version__.startswith("0.7"):  # which cannot write these
        obs = obs.drop(columns=["nullable", "maybe"])
    var = pandas.DataFrame(index=[f"gene{g}" for g in range(40)])

    def write(name, matrix, **options):
        data = anndata.AnnData(matrix, obs=obs.copy(), var=var.copy())
        # One text column that differs in every row stays text.
        data.write_h5ad(folder / f"{name}.h5ad", **options)

    for kind in ("float32", "float64", "int32", "int64", "uint16"):
        write(f"csr_{kind}", scipy.sparse.csr_matrix(counts.astype(kind)))
        write(f"csc_{kind}_gzip", scipy.sparse.csc_matrix(counts.astype(kind)), compression="gzip")
        write(f"dense_{kind}", counts.astype(kind))
    wide = scipy.sparse.csr_matrix(counts.astype("float32"))
    wide.indices = wide.indices.astype("int64")
    wide.indptr = wide.indptr.astype("int64")
    write("csr_wide", wide)
    write("dense_gzip", counts.astype("float32"), compression="gzip", compression_opts=9)
    mixed = scipy.sparse.csr_matrix(counts.astype("float32"))
    for row in range(60):  # genes of each cell backwards
        part = slice(mixed.indptr[row], mixed.indptr[row + 1])
        mixed.indices[part] = mixed.indices[part][::-1].copy()
        mixed.data[part] = mixed.data[part][::-1].copy()
    mixed.has_sorted_indices = False
    write("csr_unsorted", mixed)
    # pandas' own strings, as names, values and categories
    data = anndata.AnnData(scipy.sparse.csr_matrix(counts.astype("float32")), obs=obs.copy(), var=var.copy())
    data.obs["text"] = data.obs["text"].astype("string")
    data.obs["label"] = pandas.Categorical.from_codes(labels.codes, pandas.Index(labels.categories, dtype="string"))
    data.obsm["X_pca"] = numpy.arange(120, dtype="float32").reshape(60, 2)
    if hasattr(getattr(anndata, "settings", None), "allow_write_nullable_strings"):  # 0.11 and later
        with anndata.settings.override(allow_write_nullable_strings=True):
            data.write_h5ad(folder / "nullable_strings.h5ad", compression="gzip")
    write("csr_lzf", scipy.sparse.csr_matrix(counts.astype("float32")), compression="lzf")


if __name__ == "__main__":
    make(sys.argv[1])

# SPDX-License-Identifier: Apache-2.0
"""Holds cellvae's h5ad files against Python's anndata, warnings as errors.

anndata_check.py IO_TEST      the test program writes a file that anndata must read as expected,
                              and reads files that anndata wrote in many forms
anndata_check.py FILE.h5ad    any file that cellvae wrote: anndata reads it, its parts fit together

Ends with 0 (right), 1 (wrong) or 77 (anndata is not installed).
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

try:
    import anndata
    import numpy
    import scipy.sparse
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)


def read(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return anndata.read_h5ad(path)


def require(condition, what):
    if not condition:
        sys.exit(f"wrong: {what}")


def check_any(path):
    data = read(path)
    require(scipy.sparse.isspmatrix_csr(data.X) or isinstance(data.X, scipy.sparse.csr_array), "X is no CSR matrix")
    require(data.X.dtype == numpy.float32, f"X is {data.X.dtype}")
    data.X.check_format(full_check=True)
    require(data.X.has_canonical_format, "rows of X are not sorted or repeat genes")
    require((data.X.data > 0).all(), "X stores zeros or negative values")
    for name, values in data.obsm.items():
        require(values.dtype == numpy.float32 and numpy.isfinite(values).all(), f"obsm/{name} is not finite float32")
    with tempfile.TemporaryDirectory() as folder:  # anndata can write what it read
        again = pathlib.Path(folder, "again.h5ad")
        data.write_h5ad(again)
        require((read(again).X != data.X).nnz == 0, "anndata's copy differs")
    print(f"right: {data.n_obs} x {data.n_vars}, obs {list(data.obs)}, var {list(data.var)}, obsm {list(data.obsm)}")
    return data


def check_example(path):
    data = check_any(path)
    expected = numpy.array([[1, 0, 0, 16777216], [0, 0, 0, 0], [0, 2.5, 0, 0]], numpy.float32)
    require((data.X.toarray() == expected).all(), "X")
    require(list(data.obs_names) == ["cell a", "z\u00e4hler", ""], f"names of cells: {list(data.obs_names)}")
    require(data.obs.index.name == "cell_id", "the index's name")
    require(list(data.var_names) == ["g0", "g1", "Actb", "mt-Co1"], "names of genes")
    require(list(data.obs) == ["number", "whole", "flag", "text", "label", "cellvae_library_size"], f"columns {list(data.obs)}")
    number = data.obs["number"].to_numpy()
    require(number[0] == 1.5 and numpy.isnan(number[1]) and number[2] == -3, "obs/number")
    require(list(data.obs["whole"]) == [1, -2, 9007199254740993], "obs/whole")
    require(data.obs["flag"].dtype == bool and list(data.obs["flag"]) == [True, False, True], "obs/flag")
    require(list(data.obs["text"]) == ["x", "", "\u03b2 cell"], "obs/text")
    label = data.obs["label"]
    require(list(label.cat.categories) == ["T", "B", "never"] and list(label.cat.codes) == [1, -1, 0] and label.cat.ordered, "obs/label")
    require(list(data.obs["cellvae_library_size"]) == [20000000, 3, 4.5], "obs/cellvae_library_size")
    require((data.obsm["X_cellvae"] == numpy.array([[1, 2], [3, 4], [5, 6]], numpy.float32)).all(), "obsm/X_cellvae")


def main():
    target = sys.argv[1]
    if target.endswith(".h5ad"):
        check_any(target)
        return
    with tempfile.TemporaryDirectory() as folder:
        example = pathlib.Path(folder, "example.h5ad")
        made = pathlib.Path(folder, "made")
        made.mkdir()
        import make_anndata_files

        make_anndata_files.make(made)
        environment = dict(os.environ, CELLVAE_ANNDATA_WRITE=str(example), CELLVAE_ANNDATA_READ=str(made))
        subprocess.run([target, "[anndata]"], env=environment, check=True)
        check_example(example)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Every form of count file that `cellvae` reads, beside what people read it with in Python: seconds and peak memory.

    python read_peers.py PROGRAM COUNTS.h5ad FOLDER [--repeats N] [--table-cells N] [--forms ...]

PROGRAM is the program `cellvae`, COUNTS.h5ad cells of which every form is made in FOLDER (kept there for the next run), the table of
text of the first --table-cells alone. Both readers run as processes of their own, one after the other, N times: `cellvae info FORM`,
which reads and checks everything, and the peer's one call. Seconds are those of the two calls, without imports and the rest of
`info`; its whole process stands in brackets. The ratio is the median of those of the turns. Needs scanpy and loompy.
"""
import argparse
import gzip
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

PEERS = {  # form: what reads it
    "cells.h5ad": "import anndata; read = anndata.read_h5ad",
    "cells_plain.h5ad": "import anndata; read = anndata.read_h5ad",
    "cells_dense.h5ad": "import anndata; read = anndata.read_h5ad",
    "tenx.h5": "import scanpy; read = scanpy.read_10x_h5",
    "mex": "import scanpy; read = lambda path: scanpy.read_10x_mtx(path, cache=False)",
    "mex_plain": "import scanpy; read = lambda path: scanpy.read_10x_mtx(path, cache=False)",
    "cells.loom": "import anndata; read = lambda path: anndata.io.read_loom(path, sparse=True)",
    "table.csv": "import anndata; read = lambda path: anndata.io.read_csv(path, first_column_names=True)",
    "table.csv.gz": "import anndata; read = lambda path: anndata.io.read_csv(path, first_column_names=True)",
}
WORDS = {
    "cells.h5ad": "h5ad, gzip",
    "cells_plain.h5ad": "h5ad, not compressed",
    "cells_dense.h5ad": "h5ad, dense, gzip",
    "tenx.h5": "10x HDF5 (version 3)",
    "mex": "10x folder, gzip",
    "mex_plain": "10x folder, text",
    "cells.loom": "loom",
    "table.csv": "CSV",
    "table.csv.gz": "CSV, gzip",
}


def write_mex(cells, folder, compressed):
    import numpy
    folder.mkdir()
    # cells x genes by rows is, read by columns, 10x's order: genes x cells, one cell after another
    counts = cells.X.tocsr()
    opened = (lambda name: gzip.open(folder / (name + ".gz"), "wt", compresslevel=6)) if compressed else (
        lambda name: open(folder / name, "w"))
    with opened("barcodes.tsv") as file:
        file.writelines(name + "\n" for name in cells.obs_names)
    with opened("features.tsv") as file:
        file.writelines(f"ENSG{k:011d}\t{name}\tGene Expression\n" for k, name in enumerate(cells.var_names))
    with opened("matrix.mtx") as file:
        file.write("%%MatrixMarket matrix coordinate integer general\n%\n")
        file.write(f"{cells.n_vars} {cells.n_obs} {counts.nnz}\n")
        step = 2000
        for first in range(0, cells.n_obs, step):
            rows = counts[first:first + step]
            cell = numpy.repeat(numpy.arange(first + 1, first + rows.shape[0] + 1), numpy.diff(rows.indptr))
            lines = zip((rows.indices + 1).tolist(), cell.tolist(), rows.data.astype(numpy.int64).tolist())
            file.write("".join(f"{gene} {at} {count}\n" for gene, at, count in lines))
    if not compressed:  # scanpy reads version 3 compressed alone, and version 2 as text
        (folder / "features.tsv").rename(folder / "genes.tsv")


def write_tenx(cells, path):
    import h5py
    import numpy
    counts = cells.X.tocsr()
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        packed = {"compression": "gzip", "chunks": (80000,)}
        group.create_dataset("data", data=counts.data.astype(numpy.int32), **packed)
        group.create_dataset("indices", data=counts.indices.astype(numpy.int64), **packed)
        group.create_dataset("indptr", data=counts.indptr.astype(numpy.int64), **packed)
        group["shape"] = numpy.array([cells.n_vars, cells.n_obs], dtype=numpy.int32)
        group["barcodes"] = numpy.array(cells.obs_names, dtype="S")
        features = group.create_group("features")
        features["id"] = numpy.array([f"ENSG{k:011d}" for k in range(cells.n_vars)], dtype="S")
        features["name"] = numpy.array(cells.var_names, dtype="S")
        features["feature_type"] = numpy.array(["Gene Expression"] * cells.n_vars, dtype="S")
        features["genome"] = numpy.array(["GRCh38"] * cells.n_vars, dtype="S")
        features["_all_tag_keys"] = numpy.array(["genome"], dtype="S")


def write_loom(cells, path):
    import h5py
    with h5py.File(path, "w") as file:
        file.attrs["LOOM_SPEC_VERSION"] = "3.0.0"
        for name in ("layers", "row_graphs", "col_graphs", "attrs"):
            file.create_group(name)
        file["attrs"]["LOOM_SPEC_VERSION"] = "3.0.0"
        text = h5py.string_dtype()
        file.create_group("row_attrs").create_dataset("var_names", data=list(cells.var_names), dtype=text)
        file.create_group("col_attrs").create_dataset("obs_names", data=list(cells.obs_names), dtype=text)
        matrix = file.create_dataset("matrix", (cells.n_vars, cells.n_obs), dtype="int32", chunks=(64, 64),
                                     compression="gzip", compression_opts=2)
        counts = cells.X.tocsc()
        for first in range(0, cells.n_vars, 512):
            matrix[first:first + 512] = counts[:, first:first + 512].toarray().T


def write_table(cells, path):
    with (gzip.open(path, "wt", compresslevel=6) if path.suffix == ".gz" else open(path, "w")) as file:
        file.write("," + ",".join(cells.var_names) + "\n")
        for cell, name in enumerate(cells.obs_names):
            file.write(name + "," + ",".join(str(int(x)) for x in cells.X[cell].toarray()[0]) + "\n")


def make_forms(source, folder, table_cells):
    if all((folder / form).exists() for form in PEERS):
        return
    import anndata
    folder.mkdir(parents=True, exist_ok=True)
    cells = anndata.read_h5ad(source)
    cells.var_names_make_unique()
    table = cells[:table_cells].copy()
    makers = {
        "cells.h5ad": lambda path: cells.write_h5ad(path, compression="gzip"),
        "cells_plain.h5ad": lambda path: cells.write_h5ad(path),
        "cells_dense.h5ad": lambda path: anndata.AnnData(table.X.toarray(), table.obs, table.var).write_h5ad(
            path, compression="gzip"),
        "tenx.h5": lambda path: write_tenx(cells, path),
        "mex": lambda path: write_mex(cells, path, True),
        "mex_plain": lambda path: write_mex(cells, path, False),
        "cells.loom": lambda path: write_loom(table, path),
        "table.csv": lambda path: write_table(table, path),
        "table.csv.gz": lambda path: write_table(table, path),
    }
    for form, make in makers.items():
        if not (folder / form).exists():
            print("making", form, file=sys.stderr, flush=True)
            make(folder / form)


def run(command):
    """Seconds, peak MB and output of a process."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    output = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: ended with {status}")
    return time.perf_counter() - start, used.ru_maxrss / 1024, output


PEER = """
import sys, time, warnings
warnings.filterwarnings("ignore")
{reader}
start = time.perf_counter()
cells = read(sys.argv[1])
print(time.perf_counter() - start, cells.n_obs, cells.n_vars, cells.X.sum(dtype="f8"))
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("counts")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--table-cells", type=int, default=2000)
    parser.add_argument("--forms", nargs="*", choices=PEERS, default=list(PEERS), help="these alone")
    parser.add_argument("--make", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make_forms(options.counts, options.folder, options.table_cells)
        return
    # In a process of its own: what this one holds would count as its children's.
    subprocess.run([sys.executable, *sys.argv, "--make"], check=True)
    print("| form | cells x genes | cellvae, s (process) | MB | peer, s | MB | seconds, ours to theirs |\n|---|---|---|---|---|---|---|")
    for form in options.forms:
        path = options.folder / form
        ours, theirs = [], []
        for _ in range(options.repeats):
            seconds, memory, output = run([options.program, "info", path, "--json"])
            ours.append((json.loads(output)["seconds_reading"], memory, seconds))
            _, memory, words = run([sys.executable, "-c", PEER.format(reader=PEERS[form]), path])
            seconds, cells, genes, total = words.split()
            theirs.append((float(seconds), memory))
        found = json.loads(output)
        if (found["cells"], found["genes"]) != (int(cells), int(genes)):
            raise SystemExit(f"{form}: {found} where the peer has {cells} x {genes}")
        (a, m), (b, n) = (tuple(statistics.median(run[k] for run in runs) for k in (0, 1)) for runs in (ours, theirs))
        process = statistics.median(run[2] for run in ours)
        ratio = statistics.median(our[0] / their[0] for our, their in zip(ours, theirs))
        print(f"| {WORDS[form]} | {cells} x {genes} | {a:.2f} ({process:.2f}) | {m:.0f} | {b:.2f} | {n:.0f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()

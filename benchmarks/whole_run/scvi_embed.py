# SPDX-License-Identifier: Apache-2.0
"""Latent coordinates of all cells of a file by scvi-tools' SCVI, to be held against `cellvae embed`.

    python scvi_embed.py COUNTS.h5ad [--threads N]

Prints one line of JSON: the seconds of reading the file and of get_latent_representation(), and the peak memory in MB. The model is not
trained: that changes no time.
"""
import argparse
import json
import resource
import time
import warnings


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts")
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    import anndata
    import scvi
    import torch

    if options.threads > 0:
        torch.set_num_threads(options.threads)
    start = time.perf_counter()
    cells = anndata.read_h5ad(options.counts)
    read = time.perf_counter() - start
    scvi.model.SCVI.setup_anndata(cells)
    model = scvi.model.SCVI(cells, n_latent=10, n_hidden=128)
    model.is_trained_ = True
    start = time.perf_counter()
    latent = model.get_latent_representation()
    seconds = time.perf_counter() - start
    print(json.dumps({"program": "scvi-tools " + scvi.__version__, "cells": cells.n_obs, "genes": cells.n_vars,
                      "latent": latent.shape[1], "read_seconds": round(read, 2), "seconds": round(seconds, 2),
                      "cells_per_second": round(cells.n_obs / seconds, 1),
                      "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


if __name__ == "__main__":
    main()

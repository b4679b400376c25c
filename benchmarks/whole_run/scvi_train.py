# SPDX-License-Identifier: Apache-2.0
"""Trains scvi-tools' SCVI with its defaults on a count file, and says how many cells a second it takes.

    python scvi_train.py COUNTS.h5ad [--epochs 3] [--threads N]

Prints one line of JSON. The seconds are those of train() after a first epoch, which also warms up.
"""
import argparse
import json
import time
import warnings


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    import anndata
    import scvi
    import torch

    if options.threads > 0:
        torch.set_num_threads(options.threads)
    scvi.settings.seed = 0
    cells = anndata.read_h5ad(options.counts)
    cells.X = cells.X.astype("float32").tocsr()
    scvi.model.SCVI.setup_anndata(cells)
    model = scvi.model.SCVI(cells)
    train = dict(accelerator="cpu", enable_progress_bar=False, plan_kwargs={"n_epochs_kl_warmup": 400})
    model.train(max_epochs=1, **train)
    start = time.perf_counter()
    model.train(max_epochs=options.epochs, **train)
    seconds = time.perf_counter() - start
    trained = round(0.9 * cells.n_obs) * options.epochs
    print(json.dumps({"program": "scvi-tools " + scvi.__version__, "cells": cells.n_obs, "genes": cells.n_vars,
                      "epochs": options.epochs, "seconds": round(seconds, 2), "cells_per_second": round(trained / seconds, 1)}))


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Part 12 of the study (study.py): few cells.

Of every file, and of simulated types that are faint, samples of few cells; a mixture with the program's defaults, the same
without looking at what a merge does to the clusters' silhouette, and Leiden at its default on principal components. Cells of
one type are there too: one cluster is right.
"""
import json
import pathlib
import statistics

from known_labels import call

TITLE = "12. Few cells"
SIZES = (250, 450, 900)
TRAIN = "train --samples 1 --no-report --save none"
WAYS = (("mixture", TRAIN), ("no merge is taken back", f"{TRAIN} --merge-silhouette 0"),
        ("PCA, Leiden at 1", "baseline --cluster-by leiden --resolution 1"))
# By name: options of `cellvae simulate`.
SIMULATED = {
    "5 types, separation 0.9": "--types 5 --separation 0.9 --type-sizes 1",
    "12 types, 0.8": "--types 12 --separation 0.8 --type-sizes 0.5",
    "12 types, 1.1": "--types 12 --separation 1.1 --type-sizes 0",
    "8 types, 1.5": "--types 8 --separation 1.5 --type-sizes 1",
    "one type": "--types 1",
}


def folder_of(out, name, cells):
    stem = name.replace(" ", "_") if name in SIMULATED else pathlib.Path(name).stem
    return out / "few_cells" / stem / str(cells)


def run(program, out, name, cells, seed):
    """Every way on one sample of a file, or of simulated cells. Returns what went wrong, or None."""
    folder = folder_of(out, name, cells) / str(seed)
    folder.mkdir(parents=True, exist_ok=True)
    sample = folder / "cells.h5ad"
    make = (["simulate", "--cells", str(cells), "--genes", "6000", *SIMULATED[name].split()] if name in SIMULATED
            else ["filter", name, "--subsample", str(cells)])
    todo = []
    for way, (_, command) in enumerate(WAYS):
        if not (folder / f"way{way}" / "scores.json").exists():
            verb, *options = command.split()
            todo.append([verb, str(sample), "--out", str(folder / f"way{way}"), *options])
    try:
        for arguments in [[*make, "--out", str(sample)], *todo] if todo else []:
            call(program, *arguments, "--seed", str(seed))
    except RuntimeError as error:
        return str(error)
    for path in folder.glob("**/cells.h5ad"):
        path.unlink()  # copies of the counts
    return None


def table(out, names, seeds):
    """ARI and clusters of either way: means over the samples."""
    print(f"\n### {TITLE}\n\nSeeds: {seeds}. Mean ARI; mean number of clusters: {', '.join(way for way, _ in WAYS)}.\n")
    print("| cells | " + " | ".join(f"{size}, {way}" for size in SIZES for way, _ in WAYS) + " |")
    print("|---" * (1 + len(SIZES) * len(WAYS)) + "|")
    for name in names:
        row = [pathlib.Path(name).stem if name not in SIMULATED else name]
        for size in SIZES:
            for way in range(len(WAYS)):
                paths = [folder_of(out, name, size) / str(seed) / f"way{way}" / "scores.json" for seed in range(1, seeds + 1)]
                found = [json.loads(path.read_text()) for path in paths if path.exists()]
                row.append(f"{statistics.mean(scores['ari'] for scores in found):.2f}; "
                           f"{statistics.mean(scores['clusters'] for scores in found):.1f}" if found else "")
        print("| " + " | ".join(row).replace("| 0.", "| .") + " |")

# SPDX-License-Identifier: Apache-2.0
"""Part 12 of the study (study.py): few cells.

Of every file, and of simulated types that are faint, samples of few cells; a mixture with the program's defaults, and the
same without looking at what a merge does to the clusters' silhouette. Cells of one type are there too: one cluster is right.
"""
import json
import pathlib
import statistics
import subprocess

TITLE = "12. Few cells"
SIZES = (250, 450, 900)
WAYS = (("as by default", ""), ("no merge is taken back", "--merge-silhouette 0"))
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
    """Both ways on one sample of a file, or of simulated cells. Returns what went wrong, or None."""
    folder = folder_of(out, name, cells) / str(seed)
    if (folder / "found.json").exists():
        return None
    folder.mkdir(parents=True, exist_ok=True)
    sample = str(folder / "cells.h5ad")
    if name in SIMULATED:
        make = ["simulate", "--cells", str(cells), "--genes", "6000", *SIMULATED[name].split()]
    else:
        make = ["filter", name, "--subsample", str(cells)]
    calls = [[*make, "--seed", str(seed), "--out", sample]]
    calls += [["train", sample, "--out", str(folder / f"way{way}"), "--seed", str(seed), "--threads", "1", "--samples", "1",
               "--no-report", "--save", "none", *options.split()] for way, (_, options) in enumerate(WAYS)]
    for call in calls:
        ended = subprocess.run([program, *call], capture_output=True, text=True)
        if ended.returncode != 0:
            return f"{' '.join(call)}: {ended.stderr.strip().splitlines()[-1:]}"
    found = [json.loads((folder / f"way{way}" / "scores.json").read_text()) for way in range(len(WAYS))]
    for path in folder.glob("**/cells.h5ad"):
        path.unlink()  # copies of the counts
    (folder / "found.json").write_text(json.dumps([{key: scores[key] for key in ("ari", "clusters")} for scores in found]))
    return None


def table(out, names, seeds):
    """ARI and clusters of either way: means over the samples."""
    print(f"\n### {TITLE}\n\nSeeds: {seeds}. Mean ARI; mean number of clusters: {', '.join(way for way, _ in WAYS)}.\n")
    print("| cells | " + " | ".join(f"{size}, {way}" for size in SIZES for way, _ in WAYS) + " |")
    print("|---" * (1 + len(SIZES) * len(WAYS)) + "|")
    for name in names:
        row = [pathlib.Path(name).stem if name not in SIMULATED else name]
        for size in SIZES:
            folders = [folder_of(out, name, size) / str(seed) for seed in range(1, seeds + 1)]
            runs = [json.loads((folder / "found.json").read_text()) for folder in folders
                    if (folder / "found.json").exists()]
            for way in range(len(WAYS)):
                row.append(f"{statistics.mean(found[way]['ari'] for found in runs):.2f}; "
                           f"{statistics.mean(found[way]['clusters'] for found in runs):.1f}" if runs else "")
        print("| " + " | ".join(row).replace("| 0.", "| .") + " |")

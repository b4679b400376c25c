#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The study of what finds cell types: trains every variant of every ablation on every file with every seed, and prints
Markdown tables of how the clusters agree with the known types.

    python3 benchmarks/cell_types/study.py --out FOLDER [--seeds 10] [--jobs 2] [--only NUMBER,...] FILE.h5ad ...

Every file has a column of known types under a well-known name; three simulated sets are made in FOLDER and come with them. A
run is one call of the program `cellvae` on one thread; what FOLDER already holds is not run again, so a study can be
stopped and go on, or be given more seeds. Seeds go round by round: a study that is cut short has the same seeds for all
variants. With --report nothing is run. Seconds are of the processor, so that a busy machine changes them little.

Needs nothing but Python's standard library, except for part 10, with known labels (known_labels.py), which wants numpy and
anndata. That part and 12, few cells (few_cells.py), are run where --only names them.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import statistics
import subprocess
import sys

import few_cells
import known_labels

# Everything that the ablations vary is named, so that the study stays what it is when the program's defaults change, but for
# the epochs: 25 of the plain model and 10 of the mixture, and of few cells as many more as the program takes.
INPUT = "--input standardised"
START = "--start-resolution 0.7"
COMMON = f"{INPUT} {START} --merge 0.05 --merge-level 0"
MIXTURE = f"--prior marginal_mixture {COMMON}"
NETWORK = f"--prior mixture --sum threshold {COMMON}"
PLAIN = f"--prior gaussian --patience 0 {INPUT}"


def without_input(options):
    return options.replace(INPUT + " ", "")


def start(options, of=MIXTURE):
    """The mixture with other groups to start from."""
    return of.replace(START, options)


def longer(plain, mixture):
    """The mixture after so many epochs of the plain model, with so many of its own."""
    return f"{MIXTURE} --epochs {mixture} --start-epochs {plain}"


BASELINE = "baseline"  # principal components in place of a model

# Every ablation: its variants by name with their options. The others are compared to the first.
ABLATIONS = {
    "1. Beside principal components": [
        ("mixture", MIXTURE),
        ("N(0, I), 40 epochs", f"{PLAIN} --epochs 40"),
        ("PCA 50, k-means, true number", BASELINE),
        *((f"PCA 50, Leiden at {resolution}", f"{BASELINE} --cluster-by leiden --resolution {resolution}")
          for resolution in ("0.3", "0.6", "1")),
    ],
    "2. Start of the mixture": [
        ("groups of Leiden at .7, small ones at 1.4", MIXTURE),
        *((f"at {resolution}, small ones at {finer}", start(f"--start-resolution {resolution}"))
          for resolution, finer in (("0.5", "1"), ("1", "2"), ("3", "6"))),
        ("of k-means, 15", start("--start kmeans --components 15")),
        ("random, 15, 40 epochs", start("--start random --components 15")),
    ],
    "3. Sum over the clusters": [
        ("Bayes' rule (marginal_mixture)", MIXTURE),
        ("network, exact", NETWORK.replace("threshold", "exact")),
        ("network, without responsibilities below .01", NETWORK),
        ("network, Gumbel-softmax from 1 to .1", NETWORK.replace("threshold", "gumbel_softmax")),
        ("network, straight-through from 1 to .1", NETWORK.replace("threshold", "straight_through")),
    ],
    "4. Genes and input": [
        ("2,000 genes, standardised, no noise", MIXTURE),
        *((f"{genes or 'all'} genes", f"{MIXTURE} --genes {genes}") for genes in (500, 1000, 4000, 0)),
        *((f"noise {noise}", f"{MIXTURE} --input-noise {noise}") for noise in ("0.75", "1.5")),
        ("500 genes, batch normalisation", f"{MIXTURE} --genes 500 --normalisation batch"),
        ("not standardised", f"{without_input(MIXTURE)} --input log1p_normalised"),
    ],
    "5. Epochs of the plain model + of the mixture": [
        ("25 + 10, more of few cells", MIXTURE),
        *((f"{plain} + 10", longer(plain, 10)) for plain in (5, 10, 20, 40)),
        *((f"25 + {mixture}", longer(25, mixture)) for mixture in (5, 20)),
    ],
    "6. Prior, likelihood and networks": [
        ("mixture, ZINB, layer normalisation", MIXTURE),
        ("N(0, I), 40 epochs", f"{PLAIN} --epochs 40"),
        ("VampPrior, 40 epochs", f"{PLAIN.replace('gaussian', 'vamp')} --epochs 40"),
        ("batch normalisation", f"{MIXTURE} --normalisation batch"),
        ("NB", f"{MIXTURE} --likelihood nb"),
        ("mean library x share", f"{MIXTURE} --scale library_share"),
    ],
    "7. Length of training and regularisation of the plain VAE": [
        ("40 epochs", f"{PLAIN} --epochs 40"),
        *((f"{epochs}", f"{PLAIN} --epochs {epochs}") for epochs in (5, 10, 20, 80)),
        ("40, no dropout", f"{PLAIN} --epochs 40 --dropout 0"),
        ("40, noise 1.5", f"{PLAIN} --epochs 40 --input-noise 1.5"),
    ],
    "8. Weights of the divergences": [
        ("network, no warm-up", NETWORK),
        ("warm-up of KL_y over 5 epochs", f"{NETWORK} --cluster-warm-up 5"),
        ("balance 100", f"{NETWORK} --balance 100"),
        ("free nats of KL_y 1", f"{NETWORK} --cluster-free-nats 1"),
        ("weight of both .5", f"{NETWORK} --kl-weight 0.5"),
    ],
    "11. Products of the output layer in training": [
        ("float32", MIXTURE),
        ("bfloat16", f"{MIXTURE} --products bfloat16"),
    ],
}

# Sets made by `cellvae simulate`, with what of it: types at a noise where Leiden on principal components is near .9, one
# type of a hundredth of the cells, and many types of unequal sizes.
SIMULATED = {
    "balanced": "--cells 3000 --genes 8000 --types 8 --type-sizes 0 --separation 0.8 --seed 13",
    "rare": "--cells 3000 --genes 8000 --types 8 --type-sizes 0 --rare-share 0.01 --seed 12",
    "many": "--cells 4000 --genes 8000 --types 20 --type-sizes 1 --separation 0.9 --seed 14",
}


# Which components of a mixture are one cluster: overlap and level of the dip test, each in every run of --compare.
MERGES = ("9. Which components are one", MIXTURE, ("0.02", "0.05", "0.07", "0.1", "1"), ("0", "0.0001", "0.001", "0.01"))


# The rule by which the other tables' clusters are merged: the program's default.
DEFAULT_MERGE = "merge_0.05_0.0001"


def folder_of(out, file, options, seed):
    return out / pathlib.Path(file).stem / (options.replace("--", "").replace(" ", "_") or "defaults") / str(seed)


def run(program, out, file, options, seed):
    """One training, unless its scores are there. Returns what went wrong, or None."""
    folder = folder_of(out, file, options, seed)
    if (folder / "seconds").exists():
        return None
    folder.parent.mkdir(parents=True, exist_ok=True)
    words = options.split()
    if options.startswith(BASELINE):
        words = [BASELINE, file, *words[1:]]
    else:
        products = [] if "--products" in words else ["--products", "float32"]  # the same whatever the machine
        words = ["train", file, "--samples", "1", "--compare", "--no-report", *products, *words]
    command = [program, *words, "--out", str(folder), "--seed", str(seed), "--threads", "1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        return f"{' '.join(command)}: {said.strip().splitlines()[-1:]}"
    (folder / "cells.h5ad").unlink()  # a copy of the counts
    (folder / "seconds").write_text(f"{usage.ru_utime + usage.ru_stime:.2f}\n")
    return None


def scores_of(out, file, options, seed):
    """A run's scores, with the seconds of the processor that it took; None where it was not run."""
    folder = folder_of(out, file, options, seed)
    if not (folder / "seconds").exists():
        return None
    scores = json.loads((folder / "scores.json").read_text())
    for name in ("ari", "nmi", "clusters"):
        scores[name] = scores.get(f"{DEFAULT_MERGE}_{name}", scores[name])
    return {**scores, "cpu_seconds": float((folder / "seconds").read_text())}


def simulated(program, out):
    """The files of the simulated sets, made where they are not there."""
    files = []
    out.mkdir(parents=True, exist_ok=True)
    for name, options in SIMULATED.items():
        files.append(str(out / f"{name}.h5ad"))
        if not pathlib.Path(files[-1]).exists():
            subprocess.run([program, "simulate", *options.split(), "--out", files[-1]], check=True, stdout=subprocess.DEVNULL)
    return files


def middle(values):
    """Median (least to largest)."""
    short = [f"{value:.2f}".replace("0.", ".", 1) for value in (statistics.median(values), min(values), max(values))]
    return f"{short[0]} ({short[1]} to {short[2]})"


def column(runs, key):
    values = [scores[key] for scores in runs if scores.get(key) is not None]
    return statistics.median(values) if values else float("nan")


def ranks(found, variants, files):
    """Of every variant the median over the files of its place by the median ARI, 1 the best."""
    places = {name: [] for name, _ in variants}
    for file in files:
        by_score = {name: column(found[name, file].values(), "ari") for name, _ in variants if found[name, file]}
        for name, score in by_score.items():
            places[name].append(1 + sum(other > score for other in by_score.values()))
    return {name: f"{statistics.median(each):g}" if each else "" for name, each in places.items()}


def print_table(corner, heads, rows):
    """@param rows each with its name first"""
    for row in ([corner, *heads], None, *rows):
        print(f"| {' | '.join(row)} |" if row else "|---" * (len(heads) + 1) + "|")


def tables(title, variants, out, files, seeds):
    """The tables of an ablation: ARI with its paired difference, everything else, and of the first one README's: the
    median ARI of every variant, of its first with the range and the clusters."""
    names = [pathlib.Path(file).stem for file in files]
    found = {(name, file): {seed: scores for seed in range(1, seeds + 1)
                            if (scores := scores_of(out, file, options, seed))}
             for name, options in variants for file in files}
    counts = sorted({len(runs) for runs in found.values()})
    rank = ranks(found, variants, files)
    heads = [name for name, _ in variants]
    print(f"\n### {title}\n\nSeeds: {' to '.join(str(count) for count in counts[:1] + counts[1:][-1:])}. "
          "ARI: median (least to largest), paired difference to the first column (better in).\n")
    agreement, rest, brief = [], [], []
    for file, set_name in zip(files, names):
        first = found[heads[0], file]
        agreement.append([set_name])
        rest.append([set_name])
        brief.append([set_name])
        for name in heads:
            runs = found[name, file]
            ari = middle([scores["ari"] for scores in runs.values()]) if runs else ""
            paired = [runs[seed]["ari"] - first[seed]["ari"] for seed in runs if seed in first]
            better = sum(difference > 0 for difference in paired)
            difference = ("" if name == heads[0] or not paired else
                          f"; {statistics.median(paired):+.2f} ({better} of {len(paired)})")
            agreement[-1].append(ari + difference)
            runs = list(runs.values())
            clusters = f"{column(runs, 'clusters'):.0f}"
            brief[-1].append(f"{ari}; {clusters}" if name == heads[0] else ari.split(" ")[0])
            latent = " ".join(f"{column(runs, key + '_ari'):.2f}".replace("0.", ".", 1)
                              for key in ("kmeans", "leiden_0.3", "leiden_0.6", "leiden_1"))
            rest[-1].append(f"{column(runs, 'nmi'):.2f}; {clusters}; {column(runs, 'bound_test'):.1f}; "
                            f"{latent}; {column(runs, 'cpu_seconds'):.1f}".replace("nan nan nan nan", "-").replace("nan", "-"))
    print_table("ARI", heads, [*agreement, ["median of the rank over the sets", *(rank[name] for name in heads)]])
    print("\nMedians: NMI; clusters; held-out bound; ARI on the latent of k-means, true number, and of Leiden at .3, .6, 1; seconds.\n")
    print_table("", heads, rest)
    if title.startswith("1."):
        print("\n### For README\n")
        print_table("", heads, brief)


def merge_table(title, options, overlaps, levels, out, files, seeds):
    """ARI and clusters of one variant's components by rule of merging, beside Leiden on the same latent."""
    runs = {file: [scores for seed in range(1, seeds + 1) if (scores := scores_of(out, file, options, seed))]
            for file in files}
    print(f"\n### {title}\n\nSeeds: {min(map(len, runs.values()))}. `{options}`. ARI: median (least to largest); clusters.\n")
    rows = [(f"{'none' if overlap == '1' else overlap}, {'none' if level == '0' else level}", f"merge_{overlap}_{level}")
            for overlap in overlaps for level in levels]
    rows += [(f"Leiden at {resolution}", f"leiden_{resolution}") for resolution in ("0.3", "0.6", "1")]
    print_table("overlap, level of the dip test", [pathlib.Path(file).stem for file in files],
                [[name, *(middle([scores[key + "_ari"] for scores in runs[file]]) + "; "
                          f"{statistics.median(scores[key + '_clusters'] for scores in runs[file]):.0f}" for file in files)]
                 for name, key in rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/cellvae")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], metavar="NUMBER,...",
                        help="tables to make, by the numbers in their titles")
    parser.add_argument("--report", action="store_true", help="print the tables of what was run")
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()
    number = lambda title: title.split(".")[0]
    numbers = [number(title) for title in [*ABLATIONS, MERGES[0], known_labels.TITLE, few_cells.TITLE]]
    for unknown in set(options.only) - set(numbers):
        parser.error(f"--only {unknown}: there is no such table, expected some of {', '.join(numbers)}")
    options.files += simulated(options.program, options.out)
    named = lambda title: number(title) in options.only
    chosen = {title: ablation for title, ablation in ABLATIONS.items() if not options.only or named(title)}
    merges = not options.only or named(MERGES[0])
    knows = named(known_labels.TITLE)
    few = [*options.files, *few_cells.SIMULATED] if named(few_cells.TITLE) else []
    needed = [variant for variants in chosen.values() for _, variant in variants] + [MERGES[1]] * merges
    wanted = list(dict.fromkeys((file, variant, seed) for seed in range(1, options.seeds + 1)
                                for variant in needed for file in options.files))
    if not options.report:
        failed = []
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            runs = [pool.submit(run, options.program, options.out, *each) for each in wanted]
            runs += [pool.submit(known_labels.run, options.program, options.out, pathlib.Path(file), share, seed)
                     for seed in range(1, options.seeds + 1) for share in known_labels.SHARES * knows
                     for file in options.files]
            runs += [pool.submit(few_cells.run, options.program, options.out, name, cells, seed)
                     for seed in range(1, options.seeds + 1) for cells in few_cells.SIZES for name in few]
            for done, ended in enumerate(concurrent.futures.as_completed(runs), 1):
                if ended.result():
                    failed.append(ended.result())
                print(f"\r{done} of {len(runs)} runs", end="", file=sys.stderr)
        print("", *failed, sep="\n", file=sys.stderr)
    for title, variants in chosen.items():
        tables(title, variants, options.out, options.files, options.seeds)
    if merges:
        merge_table(*MERGES, options.out, options.files, options.seeds)
    if knows:
        known_labels.table(options.out, [pathlib.Path(file) for file in options.files], options.seeds, middle)
    if few:
        few_cells.table(options.out, few, options.seeds)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The study of what finds cell types: trains every variant of every ablation on every file with every seed, and prints
Markdown tables of how the clusters agree with the known types.

    python3 benchmarks/cell_types/study.py --out FOLDER [--seeds 10] [--jobs 2] [--only NUMBER ...] FILE.h5ad ...

Every file has a column of known types under a well-known name. A run is one call of the program `cellvae` on one thread;
what FOLDER already holds is not run again, so a study can be stopped and go on, or be given more seeds. Seeds go round
by round: a study that is cut short has the same seeds for all variants. With --report nothing is run.

Needs nothing but Python's standard library, except for part 8, with known labels (known_labels.py), which wants numpy and
anndata and is run where --only names it.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import statistics
import subprocess
import sys

import known_labels

# Everything that the ablations vary is named, so that the study stays what it is when the program's defaults change.
INPUT = "--input standardised"
COMMON = f"{INPUT} --epochs 10 --start-epochs 25 --merge 0.07 --merge-level 0"
MIXTURE = f"--prior marginal_mixture {COMMON}"
NETWORK = f"--prior mixture --sum threshold {COMMON}"
PLAIN = f"--prior gaussian --patience 0 {INPUT}"


def without_input(options):
    return options.replace(INPUT + " ", "")


# Every ablation: what of the comparison on the latent its second table shows, and the variants by name with their
# options. The others are compared to the first.
ABLATIONS = {
    "1. Start of the mixture": ("kmeans", [
        ("groups of Leiden at 1", MIXTURE),
        ("of Leiden at .5", f"{MIXTURE} --start-resolution 0.5"),
        ("of k-means, 15", f"{MIXTURE} --start kmeans --components 15"),
        ("random, 15, 40 epochs", f"{MIXTURE} --start random --components 15".replace("--epochs 10", "--epochs 40")),
    ]),
    "2. Responsibilities": ("kmeans", [
        ("Bayes' rule (marginal_mixture)", MIXTURE),
        ("network, sum without responsibilities below .01", NETWORK),
        ("network, Gumbel-softmax from 1 to .1", NETWORK.replace("threshold", "gumbel_softmax")),
    ]),
    "3. Weights of the divergences": ("kmeans", [
        ("network, no warm-up", NETWORK),
        ("warm-up of KL_y over 5 epochs", f"{NETWORK} --cluster-warm-up 5"),
        ("balance 100", f"{NETWORK} --balance 100"),
        ("free nats of KL_y 1", f"{NETWORK} --cluster-free-nats 1"),
        ("weight of both .5", f"{NETWORK} --kl-weight 0.5"),
    ]),
    "4. Genes and input": ("kmeans", [
        ("2,000 genes, standardised, no noise", MIXTURE),
        ("500 genes", f"{MIXTURE} --genes 500"),
        ("1,000 genes", f"{MIXTURE} --genes 1000"),
        ("500 genes, batch normalisation", f"{MIXTURE} --genes 500 --normalisation batch"),
        ("noise 1.5", f"{MIXTURE} --input-noise 1.5"),
        ("not standardised", f"{without_input(MIXTURE)} --input log1p_normalised"),
    ]),
    "5. Prior, likelihood and networks": ("kmeans", [
        ("mixture, ZINB, layer normalisation", MIXTURE),
        ("N(0, I), 40 epochs, and k-means", f"{PLAIN} --epochs 40"),
        ("VampPrior, 40 epochs, and k-means", f"{PLAIN.replace('gaussian', 'vamp')} --epochs 40"),
        ("batch normalisation", f"{MIXTURE} --normalisation batch"),
        ("NB", f"{MIXTURE} --likelihood nb"),
        ("mean library x share", f"{MIXTURE} --scale library_share"),
    ]),
    "6. Length of training and regularisation of the plain VAE": ("leiden_0.3", [
        ("40 epochs", f"{PLAIN} --epochs 40"),
        *((f"{epochs}", f"{PLAIN} --epochs {epochs}") for epochs in (5, 10, 20, 80)),
        ("40, no dropout", f"{PLAIN} --epochs 40 --dropout 0"),
        ("40, noise 1.5", f"{PLAIN} --epochs 40 --input-noise 1.5"),
    ]),
}


# Which components of a mixture are one cluster: overlap and level of the dip test, each in every run of --compare.
MERGES = ("7. Which components are one", MIXTURE, ("0.02", "0.05", "0.07", "0.1", "1"), ("0", "0.0001", "0.001", "0.01"))


def folder_of(out, file, options, seed):
    return out / pathlib.Path(file).stem / (options.replace("--", "").replace(" ", "_") or "defaults") / str(seed)


def run(program, out, file, options, seed):
    """One training, unless its scores are there. Returns what went wrong, or None."""
    folder = folder_of(out, file, options, seed)
    if (folder / "scores.json").exists():
        return None
    folder.parent.mkdir(parents=True, exist_ok=True)
    command = [program, "train", file, "--out", str(folder), "--seed", str(seed), "--samples", "1", "--threads", "1",
               "--compare", *options.split()]
    ended = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    if ended.returncode == 0:
        (folder / "cells.h5ad").unlink()  # a copy of the counts
        return None
    return f"{' '.join(command)}: {ended.stderr.strip().splitlines()[-1:]}"


def scores_of(out, file, options, seed):
    path = folder_of(out, file, options, seed) / "scores.json"
    return json.loads(path.read_text()) if path.exists() else None


def middle(values):
    """Median (least to largest)."""
    short = [f"{value:.2f}".replace("0.", ".", 1) for value in (statistics.median(values), min(values), max(values))]
    return f"{short[0]} ({short[1]} to {short[2]})"


def tables(title, latent, variants, out, files, seeds):
    """The two tables of an ablation: ARI with its paired difference, and everything else."""
    names = [pathlib.Path(file).stem for file in files]
    found = {(name, file): {seed: scores for seed in range(1, seeds + 1)
                            if (scores := scores_of(out, file, options, seed))}
             for name, options in variants for file in files}
    counts = sorted({len(runs) for runs in found.values()})
    print(f"\n### {title}\n\nSeeds: {' to '.join(str(count) for count in counts[:1] + counts[1:][-1:])}. "
          "ARI: median (least to largest), paired difference to the first row (better in).\n")
    print("| ARI | " + " | ".join(f"{name} | |" for name in names))
    print("|---" * (2 * len(names) + 1) + "|")
    for name, _ in variants:
        cells = []
        for file in files:
            runs, first = found[name, file], found[variants[0][0], file]
            paired = [runs[seed]["ari"] - first[seed]["ari"] for seed in runs if seed in first]
            cells.append(middle([scores["ari"] for scores in runs.values()]) if runs else "")
            better = sum(difference > 0 for difference in paired)
            cells.append("" if name == variants[0][0] or not paired else
                         f"{statistics.median(paired):+.2f} ({better} of {len(paired)})")
        print(f"| {name} | " + " | ".join(cells) + " |")
    print(f"\n| medians: NMI; clusters; entropy; held-out bound; ARI of {latent.replace('_', ' ')} on the latent | "
          + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    for name, _ in variants:
        cells = []
        for file in files:
            runs = list(found[name, file].values())

            def median(key):
                values = [scores[key] for scores in runs if scores.get(key) is not None]
                return statistics.median(values) if values else float("nan")
            cells.append(f"{median('nmi'):.2f}; {median('clusters'):.0f}; {median('entropy'):.2f}; "
                         f"{median('bound_test'):.1f}; {median(latent + '_ari'):.2f}".replace("nan", "-"))
        print(f"| {name} | " + " | ".join(cells) + " |")


def merge_table(title, options, overlaps, levels, out, files, seeds):
    """ARI and clusters of one variant's components by rule of merging, beside Leiden on the same latent."""
    runs = {file: [scores for seed in range(1, seeds + 1) if (scores := scores_of(out, file, options, seed))]
            for file in files}
    print(f"\n### {title}\n\nSeeds: {min(map(len, runs.values()))}. `{options}`. ARI: median (least to largest); clusters.\n")
    print("| overlap, level of the dip test | " + " | ".join(pathlib.Path(file).stem for file in files) + " |")
    print("|---" * (len(files) + 1) + "|")
    rows = [(f"{'none' if overlap == '1' else overlap}, {'none' if level == '0' else level}", f"merge_{overlap}_{level}")
            for overlap in overlaps for level in levels]
    rows += [(f"Leiden at {resolution}", f"leiden_{resolution}") for resolution in ("0.3", "0.6", "1")]
    for name, key in rows:
        cells = [middle([scores[key + "_ari"] for scores in runs[file]]) + "; "
                 f"{statistics.median(scores[key + '_clusters'] for scores in runs[file]):.0f}" for file in files]
        print(f"| {name} | " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/cellvae")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", nargs="*", default=[], help="numbers of ablations, as in their titles")
    parser.add_argument("--report", action="store_true", help="print the tables of what was run")
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()
    chosen = {title: ablation for title, ablation in ABLATIONS.items()
              if not options.only or title.split(".")[0] in options.only}
    merges = not options.only or MERGES[0].split(".")[0] in options.only
    knows = known_labels.TITLE.split(".")[0] in options.only
    needed = [variant for _, variants in chosen.values() for _, variant in variants] + [MERGES[1]] * merges
    wanted = list(dict.fromkeys((file, variant, seed) for seed in range(1, options.seeds + 1)
                                for variant in needed for file in options.files))
    if not options.report:
        failed = []
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            runs = [pool.submit(run, options.program, options.out, *each) for each in wanted]
            runs += [pool.submit(known_labels.run, options.program, options.out, pathlib.Path(file), share, seed)
                     for seed in range(1, options.seeds + 1) for share in known_labels.SHARES * knows
                     for file in options.files]
            for number, ended in enumerate(concurrent.futures.as_completed(runs), 1):
                if ended.result():
                    failed.append(ended.result())
                print(f"\r{number} of {len(runs)} runs", end="", file=sys.stderr)
        print("", *failed, sep="\n", file=sys.stderr)
    for title, (latent, variants) in chosen.items():
        tables(title, latent, variants, options.out, options.files, options.seeds)
    if merges:
        merge_table(*MERGES, options.out, options.files, options.seeds)
    if knows:
        known_labels.table(options.out, [pathlib.Path(file) for file in options.files], options.seeds, middle)


if __name__ == "__main__":
    main()

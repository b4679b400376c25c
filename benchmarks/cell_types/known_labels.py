# SPDX-License-Identifier: Apache-2.0
"""Part 10 of the study (study.py): the types of some cells are known, and the others' are to be found.

Of every type a share of its cells, and at least one, is known. A mixture is trained with them (--known-labels), which spreads
them over the neighbours in its latent; what its components say of the cells is scored too, as of new cells. Beside it each
unknown cell is given the type of most of its nearest known cells on 50 principal components (`cellvae baseline`):
of 15, or of as many as a type has known cells on average where these are fewer. Both are scored by the ARI over the cells
whose type was not known.

Needs numpy and anndata.
"""
import collections
import json
import math
import random
import subprocess

TITLE = "10. Known labels for some cells"
SHARES = (0.01, 0.05, 0.2)
OPTIONS = "--prior marginal_mixture"
NEIGHBOURS = 15
# The program's own order of well-known names (find_labels).
COLUMNS = ("cell_type", "celltype", "assigned_cluster", "cell_types", "labels", "cell_ontology_class", "label")


def adjusted_rand_index(a, b):
    """Hubert and Arabie (1985), of two lists of labels."""
    pairs = lambda counts: sum(count * (count - 1) // 2 for count in counts.values())
    both, left, right = (pairs(collections.Counter(each)) for each in (zip(a, b), a, b))
    expected = left * right / math.comb(len(a), 2)
    most = (left + right) / 2
    return 1.0 if most == expected else (both - expected) / (most - expected)


def known_cells(types, share, seed):
    """The numbers of the known cells: of each type a share at random, one at least."""
    chosen = random.Random(seed)
    cells = []
    for name in sorted(set(types)):
        of_type = [cell for cell, other in enumerate(types) if other == name]
        cells += chosen.sample(of_type, max(1, round(share * len(of_type))))
    return sorted(cells)


def by_neighbours(coordinates, known, types):
    """The type of most of each cell's nearest known cells; of equally many the one with the nearest."""
    import numpy
    count = max(1, min(NEIGHBOURS, len(known) // len(set(types))))
    known = numpy.array(known)
    square = (coordinates ** 2).sum(axis=1)
    distance = square[:, None] - 2 * coordinates @ coordinates[known].T + square[known][None]
    found = []
    for row in numpy.argsort(distance, axis=1, kind="stable")[:, :count]:
        found.append(collections.Counter(types[cell] for cell in known[row]).most_common(1)[0][0])
    return found


def call(program, *arguments):
    ended = subprocess.run([program, *arguments, "--threads", "1"], capture_output=True, text=True)
    if ended.returncode != 0:
        raise RuntimeError(f"{program} {' '.join(arguments)}: {ended.stderr.strip().splitlines()[-1:]}")


def run(program, out, file, share, seed):
    """One share of one file, unless its scores are there. Returns what went wrong, or None."""
    import anndata
    import numpy
    folder = out / file.stem / "known_labels" / f"{share}" / str(seed)
    if (folder / "known.json").exists():
        return None
    folder.mkdir(parents=True, exist_ok=True)
    cells = anndata.read_h5ad(file)
    column = next((name for name in COLUMNS if name in cells.obs), None)
    if column is None:
        return f"{file}: no column has one of the well-known names of labels"
    types = [str(name) for name in cells.obs[column]]
    known = known_cells(types, share, seed)
    is_known = numpy.zeros(len(types), dtype=bool)
    is_known[known] = True
    cells.obs["known"] = [name if here else None for name, here in zip(types, is_known)]
    cells.obs["known"] = cells.obs["known"].astype("category")
    cells.write_h5ad(folder / "input.h5ad")
    try:
        call(program, "baseline", str(folder / "input.h5ad"), "--out", str(folder / "pca"), "--seed", str(seed))
        call(program, "train", str(folder / "input.h5ad"), "--out", str(folder / "run"), "--known-labels", "known", "--labels",
             column, "--samples", "1", "--no-report", "--seed", str(seed), *OPTIONS.split())
    except RuntimeError as error:
        return str(error)
    trained = anndata.read_h5ad(folder / "run" / "cells.h5ad")
    components = anndata.read_h5ad(folder / "pca" / "cells.h5ad").obsm["X_pca"]
    names = list(trained.obs["cellvae_cluster"].cat.categories)
    of_component = trained.obsm["X_cellvae_responsibility"].argmax(axis=1)
    ways = {"mixture": [str(name) for name in trained.obs["cellvae_cluster"]],
            "components": [names[k] for k in of_component],
            "neighbours": by_neighbours(numpy.asarray(components, dtype=float), known, types)}
    rest = [cell for cell in range(len(types)) if not is_known[cell]]
    scores = {"known": len(known), "rest": len(rest)}
    for way, found in ways.items():
        scores[way + "_ari"] = adjusted_rand_index([types[cell] for cell in rest], [found[cell] for cell in rest])
        scores[way + "_right"] = sum(types[cell] == found[cell] for cell in rest) / len(rest)
    for path in (folder / "input.h5ad", folder / "run" / "cells.h5ad", folder / "pca" / "cells.h5ad"):
        path.unlink()  # copies of the counts
    (folder / "known.json").write_text(json.dumps(scores))
    return None


WAYS = (("mixture", "spread"), ("components", "components"), ("neighbours", "neighbours"))


def table(out, files, seeds, middle):
    """ARI over the cells that were not known, and the share of them that got their type; a file a row."""
    print(f"\n### {TITLE}\n\nSeeds: {seeds}. `{OPTIONS} --known-labels`, and at most {NEIGHBOURS} nearest known cells on 50 principal components. "
          "ARI over the other cells: median (least to largest); median share of them with their type.\n")
    heads = [f"{share:.0%} known, {name}" for share in SHARES for _, name in WAYS]
    print("| | " + " | ".join(heads) + " |")
    print("|---" * (len(heads) + 1) + "|")
    for file in files:
        row = [file.stem]
        for share in SHARES:
            folders = [out / file.stem / "known_labels" / f"{share}" / str(seed) for seed in range(1, seeds + 1)]
            runs = [json.loads((folder / "known.json").read_text()) for folder in folders
                    if (folder / "known.json").exists()]
            for way, _ in WAYS:
                right = sorted(scores[way + "_right"] for scores in runs)
                row.append(f"{middle([scores[way + '_ari'] for scores in runs])}; {right[len(right) // 2]:.2f}".replace(
                    "; 0.", "; .") if runs else "")
        print("| " + " | ".join(row) + " |")

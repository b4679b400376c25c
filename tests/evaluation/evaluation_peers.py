#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What scikit-learn's exact t-SNE and scanpy's rank_genes_groups make of the numbers of t_sne_test.cpp and
marker_genes_test.cpp: evaluation_peers.py > evaluation_peers.csv (scikit-learn 1.9.1, scanpy 1.11.5).

Line 1: KL divergence and trustworthiness of t-SNE. Then a line for each cluster and gene, genes by their number: score and p-value
without correction of ties, both with it, adjusted p-value without, log2 fold change. The numbers come from products of doubles and
32-bit integers alone, which are the same in both languages.
"""
import anndata
import numpy
import scanpy
from sklearn.manifold import TSNE, trustworthiness

state = 2025


def uniform():
    global state
    state = (state * 1664525 + 1013904223) % 2**32
    return (state >> 8) / 16777216.0


ROWS, COLUMNS = 400, 6
points = numpy.array([[0.2 * uniform() if column > 1 else 3 * (row // (1, 2)[column] % 2) + 2 * uniform() for column in range(COLUMNS)]
                      for row in range(ROWS)], dtype=numpy.float32)
start = points[:, :2] / points[:, 0].astype(float).std() * 1e-4
picture = TSNE(method="exact", init=start.astype(numpy.float32)).fit(points)
print(f"{picture.kl_divergence_:.9g},{trustworthiness(points, picture.embedding_):.9g}")

CELLS, GENES = 120, 60
counts = numpy.zeros((CELLS, GENES), dtype=numpy.float32)
for cell in range(CELLS):
    for gene in range(GENES):
        level = 6.0 if gene % 4 == cell % 4 else 2.0
        first = level * uniform()
        counts[cell, gene] = int(first * uniform())
counts[:, 50] = 0
cells = anndata.AnnData(counts, obs={"cluster": [str(cell % 4) for cell in range(CELLS)]})
cells.obs["cluster"] = cells.obs["cluster"].astype("category")
scanpy.pp.normalize_total(cells, target_sum=1e4)
scanpy.pp.log1p(cells)
tables = []
for ties in (False, True):
    scanpy.tl.rank_genes_groups(cells, "cluster", method="wilcoxon", tie_correct=ties)
    tables.append([scanpy.get.rank_genes_groups_df(cells, str(k)).assign(gene=lambda t: t.names.astype(int)).sort_values("gene")
                   for k in range(4)])
for k in range(4):
    plain, corrected = tables[0][k], tables[1][k]
    for row in zip(plain.scores, plain.pvals, corrected.scores, corrected.pvals, plain.pvals_adj, plain.logfoldchanges):
        print(",".join(f"{value:.9g}" for value in row))

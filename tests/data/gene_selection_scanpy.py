#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What scanpy makes of the counts of gene_selection_test.cpp: gene_selection_scanpy.py > gene_selection_scanpy.csv

One line a gene: its mean, variance and standardised variance (scanpy 1.11.5, scikit-misc 0.5.3). The counts come from products of
doubles and 32-bit integers alone, which are the same in both languages.
"""
import anndata
import numpy
import scanpy

CELLS, GENES = 150, 400
state = 2024


def uniform():
    global state
    state = (state * 1664525 + 1013904223) % 2**32
    return (state >> 8) / 16777216.0


counts = numpy.zeros((CELLS, GENES), dtype=numpy.float32)
for cell in range(CELLS):
    level = 0.05
    for gene in range(GENES):
        level *= 1.014
        marker = 6.0 if gene % 10 == 0 and gene // 10 % 5 == cell % 5 else 1.0
        first = level * marker * uniform()
        counts[cell, gene] = int(first * 4.0 * uniform())
counts[:, 200] = 3  # two genes that do not vary
counts[:, 300] = 0
cells = anndata.AnnData(counts)
scanpy.pp.highly_variable_genes(cells, flavor="seurat_v3", n_top_genes=50)
print("mean,variance,standardised_variance")
for row in zip(cells.var["means"], cells.var["variances"], cells.var["variances_norm"]):
    print(",".join(repr(float(value)) for value in row))

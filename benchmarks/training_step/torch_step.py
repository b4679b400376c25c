# SPDX-License-Identifier: Apache-2.0
"""Times the training step of benchmark_training_step in PyTorch: the same model, sizes and counts, on the processor.

    python torch_step.py [--cells 128] [--genes 16791] [--hidden 128] [--latent 10] [--steps 20] [--warm-up 4] [--clusters 0]
        [--threads N] [--no-compile]

A step is: forward, the bound of a zero-inflated negative binomial with three decoded parameters and log(library size) added to
log_mean, backward, Adam. The base measure (-lgamma(x + 1)) is left out, since it is no part of our step either. The dense
minibatch stands ready before the clock starts. With --clusters it is a mixture VAE with the exact sum over clusters.
Prints one line of JSON for eager execution, and one for torch.compile.
"""
import argparse
import json
import statistics
import time

import torch
from torch import nn
from torch.nn.functional import logsigmoid


class Vae(nn.Module):
    def __init__(self, genes, hidden, latent):
        super().__init__()
        self.encoder = nn.Linear(genes, hidden)
        self.mean = nn.Linear(hidden, latent)
        self.log_variance = nn.Linear(hidden, latent)
        self.decoder = nn.Linear(latent, hidden)
        self.logit_zero_inflation = nn.Linear(hidden, genes)
        self.log_mean = nn.Linear(hidden, genes)
        self.log_dispersion = nn.Linear(hidden, genes)

    def forward(self, inputs, counts, log_library):
        """The negative mean bound over the cells."""
        hidden = torch.relu(self.encoder(inputs))
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        hidden = torch.relu(self.decoder(z))
        log_mean = self.log_mean(hidden) + log_library
        log_prob = zero_inflated_log_prob(counts, self.logit_zero_inflation(hidden), log_mean, self.log_dispersion(hidden))
        divergence = (mean.square() + torch.expm1(log_variance) - log_variance).sum(1) / 2
        return -(log_prob.sum(1) - divergence).mean()


class Mixture(Vae):
    """p(y) p(z | y) with learned weights, means and variances; q(y | x) q(z | x, y); all clusters decoded at once."""

    def __init__(self, genes, hidden, latent, clusters):
        super().__init__(genes, hidden, latent)
        self.cluster_weight = nn.Parameter(torch.rand(clusters, 1, hidden) - 0.5)
        self.cluster_encoder = nn.Linear(genes, hidden)
        self.logits = nn.Linear(hidden, clusters)
        self.prior_mean = nn.Parameter(torch.randn(clusters, 1, latent))
        self.prior_log_variance = nn.Parameter(torch.zeros(clusters, 1, latent))
        self.prior_logits = nn.Parameter(torch.zeros(clusters))

    def forward(self, inputs, counts, log_library):
        """The negative mean bound over the cells. Tensors of pairs are clusters x cells x ..."""
        log_q = torch.log_softmax(self.logits(torch.relu(self.cluster_encoder(inputs))), 1).T
        q = log_q.exp()
        hidden = torch.relu(self.encoder(inputs) + self.cluster_weight)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        hidden = torch.relu(self.decoder(z))
        log_mean = self.log_mean(hidden) + log_library
        log_prob = zero_inflated_log_prob(counts, self.logit_zero_inflation(hidden), log_mean, self.log_dispersion(hidden))
        difference = log_variance - self.prior_log_variance
        distance = (mean - self.prior_mean).square() * torch.exp(-self.prior_log_variance)
        divergence = (distance + torch.expm1(difference) - difference).sum(2) / 2
        divergence_y = log_q - torch.log_softmax(self.prior_logits, 0)[:, None]
        return -(q * (log_prob.sum(2) - divergence - divergence_y)).sum(0).mean()


def zero_inflated_log_prob(counts, logit_zero_inflation, log_mean, log_dispersion):
    """The variance is mean + mean^2 / dispersion; without the base measure."""
    dispersion = log_dispersion.exp()
    log_total = torch.logaddexp(log_mean, log_dispersion)
    log_zero = dispersion * (log_dispersion - log_total)
    log_count = (log_zero + counts * (log_mean - log_total)
                 + torch.lgamma(counts + dispersion) - torch.lgamma(dispersion))
    log_kept = logsigmoid(-logit_zero_inflation)
    return torch.where(counts == 0, torch.logaddexp(logsigmoid(logit_zero_inflation), log_kept + log_zero), log_kept + log_count)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("cells", 128), ("genes", 16791), ("hidden", 128), ("latent", 10), ("steps", 20), ("warm-up", 4),
                        ("clusters", 0), ("threads", 0)):
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("--no-compile", action="store_true", help="eager execution alone")
    options = parser.parse_args()
    if options.threads > 0:
        torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    counts = torch.poisson(0.1 * torch.rand(options.cells, options.genes))
    inputs = torch.log1p(counts)
    log_library = counts.sum(1, keepdim=True).clamp(min=1).log()

    for mode in ("eager",) if options.no_compile else ("eager", "compile"):
        sizes = (options.genes, options.hidden, options.latent)
        model = Vae(*sizes) if options.clusters == 0 else Mixture(*sizes, options.clusters)
        loss_of = model if mode == "eager" else torch.compile(model)
        adam = torch.optim.Adam(model.parameters(), lr=1e-3)
        times = []
        for step in range(options.steps + options.warm_up):
            start = time.perf_counter()
            adam.zero_grad(set_to_none=True)
            loss = loss_of(inputs, counts, log_library)
            loss.backward()
            adam.step()
            if step >= options.warm_up:
                times.append(1000 * (time.perf_counter() - start))
        median = statistics.median(times)
        print(json.dumps({
            "mode": mode, "torch": torch.__version__, "cells": options.cells, "genes": options.genes, "hidden": options.hidden,
            "latent": options.latent, "clusters": options.clusters, "threads": torch.get_num_threads(), "ms": round(median, 2),
            "ms_least": round(min(times), 2), "ms_largest": round(max(times), 2), "cells_per_second": round(1000 * options.cells / median),
            "bound": round(-loss.item(), 3)}), flush=True)


if __name__ == "__main__":
    main()

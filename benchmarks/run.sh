#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds every benchmark and runs them: sh benchmarks/run.sh [--quick] [options of run_all.py]
# The page is benchmarks/results/CLASS.md, the programs' own lines CLASS.jsonl beside it; CLASS is the processor with its cores,
# and with --quick ends in _quick: no page of figures is lost to a trial.
set -eu
cd -- "$(dirname -- "$0")/.."

sh cmake/set-up.sh
cmake --preset release -DCELLVAE_BUILD_BENCHMARKS=ON -DCELLVAE_QUICK_PROGRAMS=OFF
cmake --build --preset release --target cellvae_program benchmark_kernels benchmark_math benchmark_training_step
class=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1 | tr -cs 'A-Za-z0-9.\n' '-' | sed 's/-$//')
class=${class:-$(uname -m)}_$(getconf _NPROCESSORS_ONLN)_cores
case " $* " in *" --quick "*) class=${class}_quick ;; esac
mkdir -p benchmarks/results
python3 benchmarks/run_all.py --build build/release --out "benchmarks/results/$class.md" "$@"
echo "benchmarks: benchmarks/results/$class.md"

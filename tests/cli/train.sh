#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every likelihood trains on a simulated file in one command and writes its four files: train.sh PROGRAM FOLDER
set -eu
program=$1
folder=$2
rm -rf "$folder"
mkdir -p "$folder/with space"
fail() { echo "train.sh: $*" >&2; exit 1; }

"$program" simulate --cells 150 --genes 400 --types 3 --seed 2 --out "$folder/with space/zähl.h5ad" >"$folder/simulate.out"
for likelihood in zinb nb zip poisson zinb_rp nb_rp gaussian cb bernoulli; do
    out=$folder/$likelihood
    "$program" train "$folder/with space/zähl.h5ad" --out "$out" --likelihood $likelihood --epochs 3 --warm-up 1 --threads 2 \
        --hidden 16 --latent 4 --samples 5 >"$out.out" 2>"$out.err" || fail "$likelihood: $(cat "$out.err")"
    for file in cells.h5ad model.h5 history.csv scores.json; do
        [ -s "$out/$file" ] || fail "$likelihood: $out/$file is missing"
    done
    [ "$(wc -l <"$out/history.csv")" -eq 4 ] || fail "$likelihood: history.csv has not a header and three epochs"
    if grep -Eiq '[^a-z]nan|[^a-z]inf[^a-z]' "$out/scores.json" "$out/history.csv"; then fail "$likelihood: a score is not finite"; fi
    for name in bound_train bound_test log_likelihood_test silhouette ari nmi active_units epochs seconds cells_per_second peak_memory_mb; do
        grep -q "\"$name\": [-0-9]" "$out/scores.json" || fail "$likelihood: scores.json has no number $name"
        grep -q "^  $name " "$out.out" || fail "$likelihood: the table has no line $name"
    done
done
# nothing but the program's own words: no start-up warnings of Kokkos or OpenMP
if grep -Eq 'Kokkos|OMP_' "$folder"/*.err "$folder"/*.out; then fail "words of Kokkos or OpenMP reached the terminal"; fi
# a file of its own can be read again, and clusters are chosen by silhouette where nothing says how many
"$program" train "$folder/zinb/cells.h5ad" --out "$folder/again" --prior gaussian --labels none --epochs 1 --warm-up 0 --hidden 8 --latent 3 --samples 2 \
    >"$folder/again.out" 2>"$folder/again.err"
grep -q 'the number from 2 to 25 with the best silhouette' "$folder/again.err" || fail "the number of clusters was not said"
grep -q '"ari": null' "$folder/again/scores.json" || fail "without labels ari is not null"
# a mixture that collapses on purpose says so, with what it saw and what to try; one that was not started says that
mixture='--prior marginal_mixture --genes 0 --hidden 16 --latent 4 --samples 2 --no-report'
"$program" train "$folder/with space/zähl.h5ad" --out "$folder/collapsed" $mixture --start kmeans --components 50 --start-epochs 20 \
    --epochs 20 --kl-weight 20 >"$folder/collapsed.out" 2>"$folder/collapsed.err" || fail "collapsed: $(cat "$folder/collapsed.err")"
grep -q 'warning: the [0-9]* of 50 components that hold cells are one cluster: .* To try: a KL weight of 1 or less, here it is 20' \
    "$folder/collapsed.err" || fail "the collapse was not said: $(cat "$folder/collapsed.err")"
if grep -q 'was not started' "$folder/collapsed.err"; then fail "a mixture that was started is said not to be"; fi
"$program" train "$folder/with space/zähl.h5ad" --out "$folder/random" $mixture --start random --components 50 --epochs 20 --kl-weight 20 \
    >"$folder/random.out" 2>"$folder/random.err" || fail "random: $(cat "$folder/random.err")"
grep -q 'the mixture was not started: its 50 components lie at random' "$folder/random.err" ||
    fail "that the mixture was not started was not said: $(cat "$folder/random.err")"
grep -q 'warning: the mixture collapsed: [0-9]* of 50 components hold.* cells looked at). To try: a KL weight of 1 or less, here it is 20' \
    "$folder/random.err" || fail "the collapse in training was not said: $(cat "$folder/random.err")"
# an interrupt ends with what was reached
"$program" train "$folder/with space/zähl.h5ad" --out "$folder/interrupted" --epochs 100000 --warm-up 0 --patience 0 --hidden 8 \
    --latent 3 --samples 2 >"$folder/interrupted.out" 2>"$folder/interrupted.err" &
job=$!
while ! grep -q '^epoch' "$folder/interrupted.err" && kill -0 $job 2>/dev/null; do sleep 0.05; done
kill -INT $job
wait $job || fail "interrupted: exit code $?"
grep -q '"interrupted": true' "$folder/interrupted/scores.json" || fail "scores.json does not say that it was interrupted"
"$program" --help | grep -q train || fail "--help does not name train"
"$program" train --help | grep -q -- '--likelihood' || fail "train --help does not explain --likelihood"
"$program" --version | grep -q 'cellvae 0' || fail "--version"
echo "train.sh: right"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Training and evaluation of cells that stay in their file, by the program and by an example: streamed.sh PROGRAM FOLDER EXAMPLE
set -u
program=$1 folder=$2 example=$3
rm -rf "$folder"
mkdir -p "$folder"
failures=0

fail() {
    echo "FAILED: $*"
    sed 's/^/    /' "$folder/out"
    failures=$((failures + 1))
}

"$program" simulate --cells 900 --genes 300 --types 4 --out "$folder/cells.h5ad" >"$folder/out" 2>&1 || fail "no cells are simulated"
"$example" "$folder/cells.h5ad" "$folder/model.h5" "$folder/latent.csv" 3 >"$folder/out" 2>&1 || fail "it does not train"
[ "$(wc -l <"$folder/latent.csv")" -eq 900 ] || fail "there is not one line a cell"
grep -q "^epoch 3: " "$folder/out" || fail "there are not three epochs"

# the model's file is there: training has ended, and the same latent coordinates come of it
"$example" "$folder/cells.h5ad" "$folder/model.h5" "$folder/again.csv" 3 >"$folder/out" 2>&1 || fail "it does not go on"
grep -q "going on from .*, 3 epochs trained" "$folder/out" || fail "it does not go on from the file"
cmp "$folder/latent.csv" "$folder/again.csv" || fail "the file's model gives other coordinates"

# what cannot be streamed, and another file's model, are refused
"$example" "$folder/latent.csv" "$folder/other.h5" "$folder/other.csv" >"$folder/out" 2>&1
[ $? -eq 2 ] || fail "a CSV file is not refused"
grep -q "latent.csv: .*HDF5" "$folder/out" || fail "it is not said why"
"$program" simulate --cells 800 --genes 300 --types 4 --out "$folder/others.h5ad" >"$folder/out" 2>&1 || fail "no cells are simulated"
"$example" "$folder/others.h5ad" "$folder/model.h5" "$folder/other.csv" 3 >"$folder/out" 2>&1
[ $? -eq 2 ] || fail "the model of other cells is not refused"
[ ! -e "$folder/other.csv" ] || fail "something is written for what was refused"

# The program: what is streamed has the bits of what is in memory, where the cells come in the same order.
"$program" simulate --cells 420 --genes 150 --types 3 --seed 2 --out "$folder/some.h5ad" >"$folder/out" 2>&1 || fail "no cells are simulated"
common='--hidden 16 --latent 4 --samples 2 --minibatch 32 --seed 3'
order='--shuffle-chunk 32 --shuffle-chunks 4'
# train NAME OPTIONS...: into $folder/NAME
train() {
    name=$1
    shift
    "$program" train "$folder/some.h5ad" --out "$folder/$name" $common "$@" >"$folder/out" 2>&1 || fail "train $*: exit code $?"
}
# numbers RUN: its history without times
numbers() {
    cut -d , -f "$(head -n 1 "$folder/$1/history.csv" | tr , '\n' | grep -n -v second | cut -d : -f 1 | paste -s -d , -)" "$folder/$1/history.csv" >"$folder/$1.numbers"
}
# same ONE OTHER: the models, the histories and the scores; these but for times and for what only one of both has
same() {
    cmp "$folder/$1/model.h5" "$folder/$2/model.h5" || fail "$2: model.h5 is not that of $1"
    for run in "$1" "$2"; do
        numbers "$run"
        grep -v -E '"(seconds|seconds_waiting|share_waiting|cells_per_second|threads|peak_memory_mb)"' "$folder/$run/scores.json" >"$folder/$run.scores"
    done
    cmp "$folder/$1.numbers" "$folder/$2.numbers" || fail "$2: history.csv is not that of $1"
    cmp "$folder/$1.scores" "$folder/$2.scores" || fail "$2: the scores are not those of $1"
}
number=0
for kind in '--genes 0 --epochs 4' '--genes 60 --epochs 4 --input log1p_normalised --prior gaussian --normalisation batch' \
    '--genes 60 --prior marginal_mixture --start kmeans --components 4 --start-epochs 2 --epochs 2' \
    '--genes 0 --prior mixture --start random --known-labels cell_type --epochs 2 --likelihood nb' \
    '--genes 0 --epochs 2 --likelihood cb --condition cell_type'; do
    number=$((number + 1))
    train "resident_$number" $kind $order --threads 2 --no-report
    train "streamed_$number" $kind $order --threads 1 --no-report --stream
    grep -q "streams .*some.h5ad: windows of 128 cells, 4 chunks of 32" "$folder/out" || fail "it is not said how the file is read"
    same "resident_$number" "streamed_$number"
done
grep -q '"share_waiting": ' "$folder/streamed_1/scores.json" || fail "the share of waiting is not among the scores"
grep -q 'waited .* s of .* s of training for ' "$folder/out" || fail "it is not said how long training waited"

# By itself: as much as memory allows, the same bits for any number of threads, a report without marker genes, made twice
train whole --stream --genes 60 --epochs 6 --threads 1
train again --stream --genes 60 --epochs 6 --threads 3
same whole again
[ -s "$folder/whole/report.html" ] || fail "there is no report"
[ ! -e "$folder/whole/markers.csv" ] || fail "there are marker genes without counts"
cp "$folder/whole/report.html" "$folder/report.html"
"$program" report "$folder/whole" >"$folder/out" 2>&1 || fail "the report is not made again"

# Stopped and gone on from, and killed within an epoch and gone on from
train part --stream --genes 60 --epochs 2 --no-report
train part --stream --genes 60 --epochs 6 --no-report --resume "$folder/part"
same whole part
long='--stream --genes 0 --epochs 80 --patience 0 --no-report'
train long $long
# started NAME: training in the background, until its first checkpoint
started() {
    "$program" train "$folder/$1.h5ad" --out "$folder/$1" $common $long --checkpoint-epochs 1 >"$folder/$1.out" 2>&1 &
    job=$!
    while [ ! -e "$folder/$1/model.h5" ] && kill -0 $job 2>/dev/null; do sleep 0.01; done
}
cp "$folder/some.h5ad" "$folder/killed.h5ad"
started killed
kill -KILL $job 2>/dev/null
wait $job 2>/dev/null
train killed $long --resume "$folder/killed"
same long killed

# A file that is cut off in the midst of training: the error names it and the cells, and the last checkpoint is whole
cp "$folder/some.h5ad" "$folder/cut.h5ad"
started cut
truncate -s 20000 "$folder/cut.h5ad"
code=0
wait $job || code=$?
cp "$folder/cut.out" "$folder/out"
[ $code -eq 2 ] || fail "a file that is cut off ends with $code"
grep -q "^cellvae: .*cut.h5ad: .*rows [0-9]* to [0-9]*)" "$folder/out" || fail "the file and the cells are not named"
train cut $long --resume "$folder/cut"
same long cut

# Evaluation and embedding
for run in whole streamed_3; do
    for threads in 1 2; do
        "$program" evaluate "$folder/$run/model.h5" "$folder/some.h5ad" --samples 3 --json --threads $threads >"$folder/evaluated" 2>"$folder/out" || fail "$run is not evaluated"
        "$program" evaluate "$folder/$run/model.h5" "$folder/some.h5ad" --samples 3 --json --threads $threads --stream >"$folder/evaluated_streamed" 2>"$folder/out" ||
            fail "$run is not evaluated on streamed cells"
        cmp "$folder/evaluated" "$folder/evaluated_streamed" || fail "$run: evaluation of streamed cells has other numbers"
    done
    "$program" embed "$folder/$run/model.h5" "$folder/some.h5ad" --out "$folder/embedded_$run.h5ad" >"$folder/out" 2>&1 || fail "$run: no embedding"
    "$program" embed "$folder/$run/model.h5" "$folder/some.h5ad" --out "$folder/embedded_streamed_$run.h5ad" --stream >"$folder/out" 2>&1 ||
        fail "$run: no embedding of streamed cells"
done

# What cannot be streamed is refused before work starts, by name
refused() {
    expected=$1
    shift
    code=0
    "$program" "$@" >"$folder/out" 2>&1 || code=$?
    [ $code -eq 2 ] || fail "$*: exit code $code"
    [ "$(grep -c '^cellvae: ' "$folder/out")" -eq 1 ] || fail "$*: not one line of error"
    grep -q -e "^cellvae: .*$expected" "$folder/out" || fail "$*: expected $expected"
    [ ! -e "$folder/never" ] || fail "$*: something is written"
}
some="train $folder/some.h5ad --out $folder/never --stream"
refused 'latent.csv: .*--stream reads an h5ad file whose counts are a csr_matrix' train "$folder/latent.csv" --out "$folder/never" --stream
refused 'no such file' train "$folder/missing.h5ad" --out "$folder/never" --stream
refused '--stream takes one h5ad file; found 2 inputs' train "$folder/some.h5ad" "$folder/cells.h5ad" --out "$folder/never" --stream
refused '--min-counts needs all counts in memory' $some --min-counts 5
refused '--keep-genes needs all counts in memory' $some --keep-genes "$folder/latent.csv"
refused '--subsample needs all counts in memory' $some --subsample 50
refused '--prior vamp starts from cells in memory' $some --prior vamp
refused '--stream-memory 60: 420 cells x 150 genes take about .* MB; give [0-9]* or more' $some --stream-memory 60
refused '--stream-memory would be ignored without --stream' train "$folder/some.h5ad" --out "$folder/never" --stream-memory 500
refused 'the file has: X' $some --matrix layers/counts
refused '--shuffle-chunk is 0 in .*model.h5 and 64 here' $some --genes 60 --epochs 6 $common --resume "$folder/whole" --shuffle-chunk 64
"$program" simulate --cells 50 --genes 90 --types 3 --seed 2 --out "$folder/few.h5ad" >"$folder/out" 2>&1 || fail "no cells are simulated"
refused 'latent.csv: .*--stream reads an h5ad file' evaluate "$folder/whole/model.h5" "$folder/latent.csv" --stream
refused 'genes are missing' embed "$folder/resident_1/model.h5" "$folder/few.h5ad" --out "$folder/never" --stream
[ $failures -eq 0 ] && echo "cells that stay in their file are trained on and evaluated as those in memory"
exit $failures

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Several processes of the program train one model: mpi.sh PROGRAM FOLDER MPIRUN
set -u
program=$1 folder=$2 mpirun=$3
rm -rf "$folder"
mkdir -p "$folder"
failures=0

. "$(dirname -- "$0")/../distributed/open_mpi.sh"

fail() {
    echo "FAILED: $*"
    sed 's/^/    /' "$folder/out"
    failures=$((failures + 1))
}
# processes COUNT ARGUMENTS...
processes() {
    count=$1
    shift
    timeout 120 "$mpirun" -n "$count" "$program" "$@" --threads 1 >"$folder/out" 2>&1
}

"$program" simulate --cells 420 --genes 150 --types 3 --seed 2 --out "$folder/cells.h5ad" >"$folder/out" 2>&1 || fail "no cells are simulated"
settings='--hidden 16 --latent 4 --samples 2 --minibatch 32 --seed 3 --genes 100 --no-report'
common="$settings --products float32"
train() {
    count=$1 name=$2
    shift 2
    processes "$count" train "$folder/cells.h5ad" --out "$folder/$name" $common "$@" || fail "$count processes: $*: exit code $?"
}
# numbers RUN: its history without times
numbers() {
    cut -d , -f "$(head -n 1 "$folder/$1/history.csv" | tr , '\n' | grep -n -v second | cut -d : -f 1 | paste -s -d , -)" "$folder/$1/history.csv" >"$folder/$1.numbers"
}
same() {
    for file in model.h5 ${3-cells.h5ad}; do
        cmp "$folder/$1/$file" "$folder/$2/$file" || fail "$2: $file is not that of $1"
    done
    numbers "$1" && numbers "$2"
    cmp "$folder/$1.numbers" "$folder/$2.numbers" || fail "$2: history.csv is not that of $1"
}
# near ONE OTHER: every number of the histories, but for times
near() {
    numbers "$1" && numbers "$2"
    paste -d , "$folder/$1.numbers" "$folder/$2.numbers" | awk -F , '
        NR == 1 { next }
        { for (i = 1; i <= NF / 2; ++i) {
              a = $i; b = $(i + NF / 2); d = a > b ? a - b : b - a; m = a > 0 ? a : -a
              if (d > 1e-3 * (m > 1 ? m : 1)) { print "line " NR ", column " i ": " a " and " b; bad = 1 } } }
        END { exit bad || NR < 3 }' || fail "$2 is not near $1"
}

"$program" train "$folder/cells.h5ad" --out "$folder/alone" $common --epochs 3 --threads 1 >"$folder/out" 2>&1 || fail "one process does not train"
for count in 2 3; do
    train $count "of_$count" --epochs 3
    [ "$(grep -c 'written to' "$folder/out")" -eq 1 ] || fail "not one of $count processes says what it wrote"
    [ "$(grep -c "^  seconds " "$folder/out")" -eq 1 ] || fail "not one of $count processes prints scores"
    grep -q "\"processes\": $count" "$folder/of_$count/scores.json" || fail "the scores do not say that $count processes trained"
    train $count "again_$count" --epochs 3
    same "of_$count" "again_$count"
    near alone "of_$count"
done
cmp -s "$folder/alone/model.h5" "$folder/of_2/model.h5" && fail "two processes did not share the work"
# products of bfloat16 have the same bits each time too; they are not near one process's, since they turn a difference of
# float's rounding into a larger one
for run in rounded rounded_again; do
    processes 2 train "$folder/cells.h5ad" --out "$folder/$run" $settings --products bfloat16 --epochs 3 || fail "bfloat16: exit code $?"
done
same rounded rounded_again
cmp -s "$folder/rounded.numbers" "$folder/of_2.numbers" && fail "nothing was rounded to bfloat16"
train 1 single --epochs 3
same alone single

# a mixture that starts from a plain model, and cells that stay in their file
mixture='--prior marginal_mixture --start kmeans --components 4 --start-epochs 2 --epochs 3 --shuffle-chunk 32 --shuffle-chunks 4'
train 2 mixture $mixture
train 2 mixture_again $mixture
same mixture mixture_again
train 2 streamed $mixture --stream
same mixture streamed model.h5  # whose cells.h5ad has no counts

# One process is killed: the run ends with an error, the last checkpoint is whole and is gone on from to the same bits.
long='--epochs 60 --patience 0'
train 2 long $long
timeout 120 "$mpirun" -n 2 "$program" train "$folder/cells.h5ad" --out "$folder/killed" $common $long --checkpoint-epochs 1 --threads 1 >"$folder/out" 2>&1 &
job=$!
last=
while [ -z "$last" ] && kill -0 $job 2>/dev/null; do
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/exe" 2>/dev/null)" = "$(readlink -f "$program")" ] || continue
        tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep -q -- "--out $folder/killed " && last=${process#/proc/}
    done
done
while [ ! -e "$folder/killed/model.h5" ] && kill -0 $job 2>/dev/null; do sleep 0.01; done
kill -KILL "$last" || fail "there is no process to kill"
code=0
wait $job || code=$?
[ $code -ne 0 ] || fail "a process is killed, and the run ends with success"
[ $code -ne 124 ] || fail "a process is killed, and the other waits for ever"
"$program" info "$folder/killed/model.h5" >"$folder/out" 2>&1 || fail "the last checkpoint is not whole"
train 2 killed $long --resume "$folder/killed"
same long killed

# What is refused is said once.
refused() {
    expected=$1 count=$2
    shift 2
    code=0
    processes "$count" "$@" || code=$?
    [ $code -eq 2 ] || fail "$*: exit code $code"
    [ "$(grep -c '^cellvae: ' "$folder/out")" -eq 1 ] || fail "$*: not one line of error"
    grep -q -e "^cellvae: .*$expected" "$folder/out" || fail "$*: expected $expected"
}
refused 'several processes share cellvae train alone' 2 evaluate "$folder/of_2/model.h5" "$folder/cells.h5ad"
refused 'no such file' 2 train "$folder/missing.h5ad" --out "$folder/never"
refused '--free-nats, --cluster-free-nats and --balance look at a whole minibatch' 2 train "$folder/cells.h5ad" --out "$folder/never" $common --free-nats 1
[ ! -e "$folder/never" ] || fail "something is written for what was refused"
[ $failures -eq 0 ] && echo "processes that mpirun starts train one model"
exit $failures

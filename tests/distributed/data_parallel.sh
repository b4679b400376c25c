#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Several processes train one model: data_parallel.sh PROGRAM FOLDER MPIRUN
set -u
program=$1 folder=$2 mpirun=$3
rm -rf "$folder"
mkdir -p "$folder"
failures=0

. "$(dirname -- "$0")/open_mpi.sh"
processes() {
    count=$1
    shift
    timeout 120 "$mpirun" -n "$count" "$program" "$folder" "$@" >"$folder/out" 2>&1
}

fail() {
    echo "FAILED: $*"
    sed 's/^/    /' "$folder/out"
    failures=$((failures + 1))
}

for count in 1 2 3; do
    for again in "" again; do
        [ "$count$again" != 1again ] || continue
        processes $count "plain$count$again" || fail "$count processes do not train"
        processes $count "batch$count$again" batch || fail "$count processes do not train with batch normalisation"
    done
    for kind in plain batch; do
        [ $count -gt 1 ] || continue
        cmp "$folder/$kind$count.bits" "$folder/$kind${count}again.bits" || fail "$kind: $count processes give other bits each time"
    done
done
# The noise is keyed by the cell, so that only the order of sums differs. Adam divides by the gradient's size, which
# makes more of a rounding difference than a product would.
for count in 2 3; do
    "$program" compare "$folder/plain1.bits" "$folder/plain$count.bits" 1e-8 || fail "$count processes give another result than one"
done
# Batch normalisation takes each process's share for itself: the difference shows that the comparison can fail.
"$program" compare "$folder/batch1.bits" "$folder/batch2.bits" 1e-8 && fail "batch normalisation does not see shares"

for mode in dies throws; do
    for count in 2 3; do
        processes $count "$mode$count" $mode
        status=$?
        [ $status -ne 0 ] || fail "$mode: $count processes end with success"
        [ $status -ne 124 ] || fail "$mode: $count processes wait for ever"
        [ ! -e "$folder/$mode$count.bits" ] || fail "$mode: the run went on"
        checkpoint=$folder/$mode$count.checkpoint
        # process 0 has written the second epoch's, and may have come to the third's
        case "$(head -n 1 "$checkpoint" | tr -d '\0')" in
            "epoch 2" | "epoch 3") ;;
            *) fail "$mode: the checkpoint is neither the second epoch's nor the third's" ;;
        esac
        [ "$(tail -c 5 "$checkpoint")" = whole ] || fail "$mode: the checkpoint is not whole"
        if [ $mode = throws ]; then
            grep -q "process 1: the disk of process 1 is gone" "$folder/out" || fail "the error is not said"
        fi
    done
done
[ $failures -eq 0 ] && echo "one, two and three processes agree; one that dies ends the run"
exit $failures

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the program in processes of their own with 1, 2 and 4 threads and compares all that they print:
#     sh same_bits.sh PROGRAM WORK
set -eu
program=$1 work=$2
mkdir -p "$work"

# run FILE SEED THREADS: what the program prints after its first line, which must confirm the number of threads
run() {
    "$program" "$2" --kokkos-num-threads="$3" --kokkos-disable-warnings >"$work/$1.all"
    if [ "$(head -n 1 "$work/$1.all")" != "threads $3" ]; then
        echo "asked for $3 threads, but the program says: $(head -n 1 "$work/$1.all")"
        exit 1
    fi
    tail -n +2 "$work/$1.all" >"$work/$1"
}

run one 1 1
run two 1 2
run four 1 4
run other_seed 2 2
for other in two four; do
    if ! cmp -s "$work/one" "$work/$other"; then
        echo "one thread and the run '$other' differ:"
        diff "$work/one" "$work/$other" || true
        exit 1
    fi
done

# Each line is an array; with another seed all but the counts must differ (a learned array cannot be the same by chance).
same=$(grep -v '^counts ' "$work/one" | grep -Fx -f "$work/other_seed" || true)
if [ -n "$same" ]; then
    echo "another seed gave the same:"
    echo "$same"
    exit 1
fi
echo "$(wc -l <"$work/one") arrays have the same bits with 1, 2 and 4 threads"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One reader under libFuzzer for some seconds, from a corpus: run.sh HARNESS READER CORPUS SECONDS
#
# What ends inside the HDF5 library is listed and does not fail, everything else does. New inputs are not kept.
set -eu
harness=$1 reader=$2 corpus=$3 seconds=$4
export CELLVAE_FUZZ_READER="$reader" ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0:symbolize=1"
[ -n "$(ls "$corpus")" ] || { echo "run.sh: $corpus: no files to start from" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/new" "$work/found"
cp -r "$corpus" "$work/corpus"

# In a child, which is begun again after a crash: so a fault of the library does not end the run.
"$harness" -fork=1 -ignore_crashes=1 -ignore_timeouts=1 -ignore_ooms=1 -timeout=10 -rss_limit_mb=1024 -max_len=16384 \
    -max_total_time="$seconds" -artifact_prefix="$work/found/" "$work/new" "$work/corpus" >"$work/log" 2>&1 ||
    { tail -n 30 "$work/log" >&2; exit 1; }
grep -E '^#[0-9]+: cov' "$work/log" | tail -n 1

failed=0
for input in "$work/found"/*; do
    [ -e "$input" ] || continue
    name=$(basename "$input")
    "$harness" -timeout=10 -rss_limit_mb=1024 "$input" >"$work/report" 2>&1 && continue # it does not come again
    # the innermost frame that is of the library or ours
    frame=$(grep -E '^ *#[0-9]+ .*(libhdf5|cellvae::|fuzz::)' "$work/report" | head -n 1)
    case $frame in
    *libhdf5*) echo "inside HDF5: $name: $frame" ;;
    *)
        failed=1
        echo "$reader: $name:" >&2
        tail -n 40 "$work/report" >&2
        base64 "$input" | head -n 200 >&2
        ;;
    esac
done
exit $failed

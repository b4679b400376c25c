#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The report of a run, the same for any number of threads and when it is made again: report.sh PROGRAM FOLDER
set -eu
program=$1
folder=$2
rm -rf "$folder"
mkdir -p "$folder"
fail() { echo "report.sh: $*" >&2; exit 1; }

"$program" simulate --cells 200 --genes 300 --types 9 --separation 2 --seed 4 --out "$folder/cells.h5ad" >"$folder/simulate.out"
"$program" train "$folder/cells.h5ad" --out "$folder/run" --epochs 4 --warm-up 2 --genes 150 --hidden 16 --latent 4 --samples 5 --threads 2 \
    >"$folder/run.out" 2>"$folder/run.err" || fail "$(cat "$folder/run.err")"
for file in report.html markers.csv options.toml pictures/tsne_cluster.svg pictures/confusion.svg pictures/predictive_zeros.svg; do
    [ -s "$folder/run/$file" ] || fail "$file is missing"
done
cp -r "$folder/run" "$folder/again"
rm -r "$folder/again/report.html" "$folder/again/pictures" "$folder/again/markers.csv"
"$program" report "$folder/again" --threads 1 --json >"$folder/again.out" 2>"$folder/again.err" || fail "$(cat "$folder/again.err")"
grep -q '"file": ".*report.html"' "$folder/again.out" || fail "report --json: $(cat "$folder/again.out")"
for picture in "$folder/run/pictures"/*.svg; do
    cmp -s "$picture" "$folder/again/pictures/$(basename "$picture")" || fail "$(basename "$picture") of one and of two threads differ"
done
cmp -s "$folder/run/markers.csv" "$folder/again/markers.csv" || fail "markers.csv of one and of two threads differ"
"$program" train "$folder/cells.h5ad" --out "$folder/without" --no-report --epochs 1 --hidden 8 --latent 2 --samples 2 --labels none \
    >"$folder/without.out" 2>"$folder/without.err"
[ ! -e "$folder/without/report.html" ] || fail "--no-report wrote a report"
"$program" report "$folder/without" >"$folder/without.out" 2>"$folder/without.err" || fail "without labels: $(cat "$folder/without.err")"
grep -q 'pictures' "$folder/without.err" || fail "the report does not say where it is"
code=0
"$program" report "$folder/nowhere" 2>"$folder/nowhere.err" || code=$?
[ $code -eq 2 ] || fail "a folder that is not there: exit code $code"
grep -q 'there is no such folder' "$folder/nowhere.err" || fail "a folder that is not there: $(cat "$folder/nowhere.err")"
code=0
"$program" report "$folder" 2>"$folder/no_run.err" || code=$?
[ $code -eq 2 ] || fail "a folder without a run: exit code $code"
echo "report.sh: right"

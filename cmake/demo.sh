#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From nothing to latent cells: sh cmake/demo.sh [COUNTS] [more options of `cellvae train`]
#
# Builds the program and trains on the counts (a file or a folder of any form that is read), or without any on simulated cells.
# What was found lies in build/demo/<the file's name>.
set -eu
project=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
program=$project/build/release/cellvae

counts=
case ${1:-} in
    '' | -*) ;;
    *)
        counts=$1
        shift
        if [ ! -e "$counts" ]; then
            echo "demo: there is no file or folder $counts" >&2
            exit 2
        fi
        ;;
esac

sh "$project/cmake/set-up.sh"
[ -x "$program" ] || echo "demo: compiles the program, which takes five to ten minutes on two cores; later runs begin at once"
# Presets are looked for where cmake runs; the counts' path is the caller's.
(
    cd "$project"
    cmake --preset release
    cmake --build --preset release --target cellvae_program
)
mkdir -p "$project/build/demo"

if [ -z "$counts" ]; then
    counts=$project/build/demo/simulated.h5ad
    "$program" simulate --cells 2000 --genes 5000 --types 8 --seed 1 --out "$counts"
    set -- --labels cell_type "$@"
fi
name=$(basename "$counts" .gz)
out=$project/build/demo/${name%.*}
"$program" train "$counts" --out "$out" "$@"

echo
[ ! -e "$out/report.html" ] ||
    echo "demo: report, for a browser      $out/report.html"
echo "demo: latent cells and clusters  $out/cells.h5ad"
echo "demo: scores                     $out/scores.json"
echo "demo: training's history         $out/history.csv"
echo "demo: the program                $program"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A model that one program saves, another one uses: save_and_embed.sh PROGRAM FOLDER TRAIN EMBED
set -eu
program=$1
folder=$2
train=$3
embed=$4
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"
fail() { echo "save_and_embed.sh: $*" >&2; exit 1; }

"$program" simulate --cells 200 --genes 300 --types 3 --seed 1 --out first.h5ad >/dev/null
"$program" simulate --cells 60 --genes 300 --types 3 --seed 1 --out other.h5ad >/dev/null
"$program" simulate --cells 60 --genes 200 --types 3 --seed 1 --out fewer.h5ad >/dev/null
"$train" first.h5ad model.h5 >train.out || fail "train_and_save: $(cat train.out)"
"$embed" model.h5 other.h5ad embedded.h5ad >embed.out || fail "load_and_embed: $(cat embed.out)"
grep -q 'embedded.h5ad: 60 cells' embed.out || fail "load_and_embed said $(cat embed.out)"
"$program" info embedded.h5ad --json | grep -q '"cells": 60' || fail "embedded.h5ad is not read"
"$program" info model.h5 --json | grep -q '"can_be_resumed": true' || fail "model.h5 cannot be gone on from"
code=0
"$embed" model.h5 fewer.h5ad o.h5ad >o.out 2>o.err || code=$?
[ $code -ne 0 ] && [ ! -e o.h5ad ] || fail "cells without genes of the model were taken"
grep -q "100 of the model's 300 genes are missing: gene_201" o.err || fail "load_and_embed said $(cat o.err)"
echo "save_and_embed.sh: right"

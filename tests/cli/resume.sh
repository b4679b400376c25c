#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Training that was killed or interrupted and resumed ends with the bytes of training that never stopped:
# resume.sh PROGRAM FOLDER
set -eu
program=$1
folder=$2
rm -rf "$folder"
mkdir -p "$folder"
fail() { echo "resume.sh: $*" >&2; exit 1; }

"$program" simulate --cells 150 --genes 400 --types 3 --seed 2 --out "$folder/cells.h5ad" >"$folder/simulate.out"
common='--genes 0 --hidden 16 --latent 4 --samples 2 --clusters 4'
# train NAME OPTIONS...: into $folder/NAME
train() {
    name=$1
    shift
    "$program" train "$folder/cells.h5ad" --out "$folder/$name" $common "$@" >>"$folder/$name.out" 2>>"$folder/$name.err" ||
        fail "$name: $(cat "$folder/$name.err")"
}
file_of() { stat -c '%i %y' "$folder/$1/model.h5" 2>/dev/null || echo none; }
# stopped SIGNAL SECONDS NAME OPTIONS...: the same, stopped that long after the next checkpoint, whenever that comes
stopped() {
    signal=$1 seconds=$2 name=$3
    shift 3
    before=$(file_of "$name")
    "$program" train "$folder/cells.h5ad" --out "$folder/$name" $common "$@" >>"$folder/$name.out" 2>>"$folder/$name.err" &
    job=$!
    while [ "$(file_of "$name")" = "$before" ] && kill -0 $job 2>/dev/null; do sleep 0.005; done
    sleep "$seconds"
    kill "-$signal" $job 2>/dev/null || true
    code=0
    wait $job 2>/dev/null || code=$?
    resume=
    if [ -e "$folder/$name/model.h5" ]; then resume=--resume; fi
}
same() {
    for file in model.h5 cells.h5ad; do
        cmp "$folder/$1/$file" "$folder/$2/$file" || fail "$2: $file differs from that of training that never stopped"
    done
    [ "$(find "$folder/$2" -name '*.part' | wc -l)" -eq 0 ] || fail "$2: temporary files are left"
}

# A mixture, killed again and again in both of its stages, resumed with another number of threads each time
mixture='--prior mixture --start kmeans --patience 0 --input standardised --epochs 60 --start-epochs 60'
train mixture $mixture --threads 2
resume=
kills=0
for n in 1 2 3 4 5 6 7 8 9 10; do
    stopped KILL 0.0$((n % 4)) killed $mixture --checkpoint-epochs 1 --threads $((1 + n % 2)) $resume
    [ $code -eq 137 ] || break
    kills=$((kills + 1))
done
[ $kills -ge 2 ] || fail "nothing was killed"
[ "$resume" ] || fail "no checkpoint was written"
train killed $mixture --threads 1 --resume
same mixture killed

# Ctrl-C within the plain model that a mixture starts from, then within the mixture
long='--prior mixture --start kmeans --patience 0 --epochs 300 --start-epochs 100'
resume=
for every in 20 150 150; do
    stopped INT 0 interrupted $long --checkpoint-epochs $every --threads 2 $resume
    [ $code -eq 0 ] || fail "interrupted: exit code $code: $(cat "$folder/interrupted.err")"
done
grep -q 'interrupted' "$folder/interrupted.err" || fail "nothing was interrupted"
train interrupted $long --threads 1 --resume
train whole $long --threads 2
same whole interrupted

# Batch normalisation, clusters summed out, and patience that ends training: what is over stays over
batch='--prior marginal_mixture --normalisation batch --start random --epochs 40 --patience 5'
train batch $batch --threads 2
cp -r "$folder/batch" "$folder/again"
train again $batch --threads 1 --resume
same batch again

# What does not fit is refused, and both sides are named
refused() {
    expected=$1
    shift
    code=0
    "$program" "$@" >"$folder/refused.out" 2>"$folder/refused.err" || code=$?
    [ $code -eq 2 ] || fail "$*: exit code $code"
    [ "$(grep -c '^cellvae: ' "$folder/refused.err")" -eq 1 ] || fail "$*: not one line of error: $(cat "$folder/refused.err")"
    grep -q -- "$expected" "$folder/refused.err" || fail "$*: said $(cat "$folder/refused.err")"
}
again="--out $folder/batch --resume $common $batch"
before=$(cksum "$folder/batch/model.h5")
refused '--dropout is 0.1 in .*model.h5 and 0.2 here' train "$folder/cells.h5ad" $again --dropout 0.2
"$program" simulate --cells 150 --genes 400 --types 3 --seed 3 --out "$folder/others.h5ad" >"$folder/simulate.out"
refused 'trained on 150 cells .* and .*others.h5ad has 150' train "$folder/others.h5ad" $again
"$program" simulate --cells 150 --genes 300 --types 3 --seed 2 --out "$folder/fewer.h5ad" >"$folder/simulate.out"
refused 'is of 400 genes, and .*fewer.h5ad has 300' train "$folder/fewer.h5ad" $again
refused 'there is no .*model.h5 to go on from' train "$folder/cells.h5ad" --out "$folder/nowhere" --resume
cp "$folder/cells.h5ad" "$folder/again/model.h5"
refused 'model.h5: is no model file' train "$folder/cells.h5ad" --out "$folder/again" --resume
[ "$(cksum "$folder/batch/model.h5")" = "$before" ] || fail "a refused command changed model.h5"
echo "resume.sh: right, after $kills kills"

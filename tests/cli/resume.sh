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
common='--genes 0 --hidden 16 --latent 4 --samples 2'
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
    if [ -e "$folder/$name/model.h5" ]; then resume="--resume $folder/$name"; fi
}
same() {
    for file in model.h5 cells.h5ad; do
        cmp "$folder/$1/$file" "$folder/$2/$file" || fail "$2: $file differs from that of training that never stopped"
    done
    [ "$(find "$folder/$2" -name '*.part' | wc -l)" -eq 0 ] || fail "$2: temporary files are left"
}

# A mixture, killed again and again in both of its stages, resumed with another number of threads each time
mixture='--prior mixture --components 4 --start kmeans --patience 0 --input standardised --epochs 60 --start-epochs 60'
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
train killed $mixture --threads 1 $resume
same mixture killed

# Ctrl-C within the plain model that a mixture starts from, then within the mixture
long='--prior mixture --components 4 --start kmeans --patience 0 --epochs 300 --start-epochs 100'
resume=
for every in 20 150 150; do
    stopped INT 0 interrupted $long --checkpoint-epochs $every --threads 2 $resume
    [ $code -eq 0 ] || fail "interrupted: exit code $code: $(cat "$folder/interrupted.err")"
done
grep -q 'interrupted' "$folder/interrupted.err" || fail "nothing was interrupted"
train interrupted $long --threads 1 $resume
train whole $long --threads 2
same whole interrupted
# what is finished, gone on from into a new folder: no step is left
train finished $long --threads 1 --resume "$folder/whole"
same whole finished

# Batch normalisation, clusters summed out, and patience that ends training: what is over stays over
batch='--prior marginal_mixture --components 4 --normalisation batch --start random --epochs 40 --patience 5'
train batch $batch --threads 2
cp -r "$folder/batch" "$folder/again"
train again $batch --threads 1 --resume "$folder/again/model.h5"
same batch again
train other_products $batch --products float32 --resume "$folder/batch"  # another machine's may be others

# Stopped after 4 epochs and gone on from to 10, in another process with another number of threads: each prior, sum over
# clusters, bound and normalisation
number=0
for kind in '--prior gaussian --normalisation batch --patience 3' \
    '--prior gaussian --bound importance_weighted --training-samples 3 --dropout 0' \
    '--prior mixture --components 4 --start random' '--prior mixture --components 4 --start random --sum threshold --threshold 0.1' \
    '--prior mixture --components 4 --start random --sum gumbel_softmax --temperature 0.5,0.5' \
    '--prior marginal_mixture --components 4 --start random' '--prior vamp --pseudo-inputs 20'; do
    number=$((number + 1))
    train "whole_$number" $kind --epochs 10 --threads 2
    train "part_$number" $kind --epochs 4 --threads 1
    train "part_$number" $kind --epochs 10 --threads 4 --resume "$folder/part_$number/model.h5"
    same "whole_$number" "part_$number"
done
# from one folder to another; and what a longer plan changes is said
train longer --prior mixture --components 4 --start random --sum gumbel_softmax --epochs 3
train longer_yet --prior mixture --components 4 --start random --sum gumbel_softmax --epochs 6 --resume "$folder/longer"
grep -q 'temperatures of relaxed sums fall until epoch 6 in place of 3' "$folder/longer_yet.err" ||
    fail "the longer plan was not said: $(cat "$folder/longer_yet.err")"
[ "$(wc -l <"$folder/longer_yet/history.csv")" -eq 7 ] || fail "longer_yet: history.csv has not six epochs"
# where the components were placed is known to what goes on, also where that was not where they were to be
"$program" simulate --cells 600 --genes 400 --types 6 --type-sizes 0 --separation 6 --seed 2 --out "$folder/apart.h5ad" >"$folder/simulate.out"
for on in '--epochs 3' "--epochs 5 --resume $folder/apart"; do
    "$program" train "$folder/apart.h5ad" --out "$folder/apart" --genes 0 --hidden 32 --latent 4 --samples 2 --components 2 \
        --start-epochs 40 $on --no-report >"$folder/apart.out" 2>&1 || fail "apart: $(cat "$folder/apart.out")"
    grep -q '"started_from": "kmeans"' "$folder/apart/scores.json" || fail "apart $on: $(grep started_from "$folder/apart/scores.json")"
done
# --save none leaves no model, and all else
train unsaved --epochs 2 --save none --checkpoint-epochs 1
if [ -e "$folder/unsaved/model.h5" ] || [ ! -e "$folder/unsaved/cells.h5ad" ]; then fail "--save none: $(ls "$folder/unsaved")"; fi

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
again="--out $folder/batch --resume $folder/batch $common $batch"
before=$(cksum "$folder/batch/model.h5")
refused '--dropout is 0.1 in .*model.h5 and 0.2 here' train "$folder/cells.h5ad" $again --dropout 0.2
"$program" simulate --cells 150 --genes 400 --types 3 --seed 3 --out "$folder/others.h5ad" >"$folder/simulate.out"
refused 'trained on 150 cells .* and .*others.h5ad has 150' train "$folder/others.h5ad" $again
"$program" simulate --cells 150 --genes 300 --types 3 --seed 2 --out "$folder/fewer.h5ad" >"$folder/simulate.out"
refused 'is of 400 genes, and .*fewer.h5ad has 300' train "$folder/fewer.h5ad" $again
refused 'epochs are 40 in .*model.h5 and 30 here; expected as many or more' train "$folder/cells.h5ad" \
    $(echo "$again" | sed 's/--epochs 40/--epochs 30/')
refused 'there is no .*model.h5 to go on from' train "$folder/cells.h5ad" --out "$folder/nowhere" --resume "$folder/nowhere/model.h5"
cp "$folder/cells.h5ad" "$folder/again/model.h5"
refused 'model.h5: is no model file' train "$folder/cells.h5ad" --out "$folder/again" --resume "$folder/again"
[ "$(cksum "$folder/batch/model.h5")" = "$before" ] || fail "a refused command changed model.h5"
echo "resume.sh: right, after $kills kills"

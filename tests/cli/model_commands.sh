#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The commands that ask a trained model about cells, and what they refuse: model_commands.sh PROGRAM FOLDER
set -eu
program=$1
folder=$2
here=$(cd "$(dirname "$0")" && pwd)
rm -rf "$folder"
mkdir -p "$folder/with space"
cd "$folder"
failed=0
fail() { echo "model_commands.sh: $*" >&2; failed=1; }

# refused TEXT ARGUMENTS...: the program must end with 2, and its last line on the standard error must hold the text
refused() {
    text=$1
    shift
    code=0
    "$program" "$@" >out 2>err || code=$?
    line=$(tail -n 1 err)
    case $line in
        "cellvae: "*"$text"*) ;;
        *) fail "$*: expected '$text', found '$line'" ;;
    esac
    [ $code -eq 2 ] || fail "$*: exit code $code"
}

# has TEXT ARGUMENTS...: the program must end with 0 and its standard output must hold the text
has() {
    text=$1
    shift
    "$program" "$@" >out 2>err || fail "$*: exit code $?: $(cat err)"
    grep -q -- "$text" out || fail "$*: no '$text' in: $(cat out)"
}

counts="with space/zähl.h5ad"
"$program" simulate --cells 120 --genes 200 --types 3 --seed 2 --out "$counts" >/dev/null
for seed in 1 2; do
    "$program" train "$counts" --out "run $seed" --prior gaussian --epochs 4 --hidden 16 --latent 4 --samples 5 --genes 100 --seed $seed \
        >/dev/null 2>train.err || fail "train: $(cat train.err)"
done
"$program" train "$counts" --out mixture --prior mixture --components 6 --clusters 3 --start kmeans --epochs 4 --hidden 16 --latent 4 --samples 5 \
    --genes 100 --merge 1 >/dev/null 2>train.err || fail "train: $(cat train.err)"
model="run 1/model.h5"

python=${CELLVAE_TEST_PYTHON:-python3}
has '"genes_unknown": 100' embed "$model" "$counts" --out embedded.h5ad --json
grep -q "100 genes of .* are not in the model and not used" err || fail "unknown genes were not counted: $(cat err)"
has '"clusters": 3,' embed mixture/model.h5 "$counts" --out mixture.h5ad --json
has '"layer": "denoised"' denoise "$model" "$counts" --out denoised.h5ad --library 10000 --draws 3 --json
has '"cells_group"' de "$model" "$counts" --groupby cell_type --group type_1 --out de.csv --pairs 300 --json
gene=$(sed -n '2s/,.*//p' de.csv)
[ -n "$gene" ] || fail "de.csv has no second line"
[ "$(wc -l <de.csv)" -eq 101 ] || fail "de.csv has not a header and 100 genes"
has genes_called de "$model" "$counts" --groupby cell_type --group type_1 --out again.csv --pairs 300 --threads 1
cmp -s de.csv again.csv || fail "de: another table with the same seed and one thread"
has 'genes_called' de "$model" "$counts" --groupby cell_type --group type_1 --reference type_2 --out de.tsv --pairs 300
[ "$(head -1 de.tsv | tr '\t' '\n' | wc -l)" -eq 15 ] || fail "de.tsv has not fifteen columns"
has '"delta": 0.1' de "$model" "$counts" --groupby cell_type --group type_1 --out estimated.csv --pairs 300 --delta 0 --json
has '"groups": \[' de "$model" "$counts" --groupby cell_type --group1 all --out all.csv --pairs 300 --json
[ "$(wc -l <all.csv)" -eq 301 ] || fail "all.csv has not a header and 100 genes of three groups"
grep '^type_1,' all.csv | cut -d, -f2- >all_1.csv
tail -n +2 de.csv | cmp -s - all_1.csv || fail "de: type_1 among all is not type_1 alone"
has genes_called de "$model" "$counts" --groupby cell_type --group1 all --group2 type_2 --out ranked.h5ad --pairs 300
[ "$(grep -c genes_called out)" -eq 2 ] || fail "de: of three values two are not the reference: $(cat out)"
sleep 1  # a time stamp would be another
has genes_called de "$model" "$counts" --groupby cell_type --group1 all --group2 type_2 --out ranked_again.h5ad --pairs 300
cmp -s ranked.h5ad ranked_again.h5ad || fail "de: another h5ad file with the same seed"
# genes that the cells do not have are not compared
sed -n '2,91s/,.*//p' de.csv >ninety.txt
"$program" filter "$counts" --keep-genes ninety.txt --out ninety.h5ad >/dev/null 2>err || fail "filter: $(cat err)"
has '"genes": 90' de "$model" ninety.h5ad --groupby cell_type --group type_1 --out ninety.csv --pairs 300 --missing-genes zero --json
grep -q 'absent genes are not compared: ninety.csv has the other 90' err || fail "de does not say that absent genes are left out: $(cat err)"
tr -d '\n' <out | grep -q '"genes_absent": \[ *"' || fail "de does not name the absent genes: $(cat out)"
sed -n '2,$s/,.*//p' ninety.csv | sort >compared.txt
sort ninety.txt | cmp -s - compared.txt || fail "de: the table has not the genes that are there"
has '"genes": 1' denoise "$model" "$counts" --out one.h5ad --genes "$gene" --json
has '"draws": 2' sample "$model" "$counts" --out sampled.h5ad --draws 2 --json
has '"what": "probability of a structural zero"' denoise "$model" "$counts" --out zeros.h5ad --structural-zeros --json
has '"from": "the prior"' sample "$model" --cells 50 --out new.h5ad --json
cp out new.json
has '"library": 700' sample mixture/model.h5 --cells 40 --cluster 1,0 --library 700 --genes "$gene" --out new_of.h5ad --json
has '"kl_y": null' evaluate "$model" "$counts" --samples 5 --json --out scores.json
cmp -s out scores.json || fail "evaluate --out: $(cat scores.json)"
has '"kl_y": null' evaluate "$model" "$counts" --samples 5 --json
has 'log_likelihood' evaluate "$model" "$counts" --samples 5
has '"cluster_by": "mixture"' evaluate mixture/model.h5 "$counts" --samples 5 --json
has '"what": "model file"' info "$model" --json
has '"components": 6' info mixture/model.h5 --json
has '"trained_on_cells": 120' info "$model" --json
has '"what": "cells and genes"' info "$counts" --json
has '"whole_counts": true' info "$counts" --json
has '"what": "folder of a run"' info "run 1" --json
has '"runs": \[' compare "run 1" "run 2" mixture --json
has '"cluster_ari": \[' compare "run 1" "run 2" mixture --json
has 'mixture' compare "run 1" "run 2" mixture
grep -q 'gaussian' out || fail "compare does not name the group of the plain model"
"$program" compare "run 1" "run 2" mixture --json >out 2>err
grep -A3 '"ari": {' out | grep -q '"seeds": 1' || fail "compare did not pair the seed that both groups have"

# the model's latent is that of its training
if "$python" -c 'import anndata' 2>/dev/null; then
    "$python" "$here/model_output_check.py" "$folder" "$gene" || fail "model_output_check.py"
else
    echo "model_commands.sh: no anndata, the outputs were not opened"
fi

# what is refused
: >empty.h5ad
head -c 3000 "$model" >truncated.h5
head -c 5000 "$counts" >truncated.h5ad
printf ',g1,g2\nc1,1,2\nc2,3,4\n' >others.csv
refused 'no such file' embed missing.h5 "$counts" --out o.h5ad
refused 'no such file' embed "$model" missing.h5ad --out o.h5ad
refused 'is empty (0 bytes)' embed "$model" empty.h5ad --out o.h5ad
refused 'truncated.h5' embed truncated.h5 "$counts" --out o.h5ad
refused 'truncated.h5ad' embed "$model" truncated.h5ad --out o.h5ad
refused 'is no model file' embed "$counts" "$counts" --out o.h5ad
refused "none of the model's 100 genes is there by name" embed "$model" others.csv --out o.h5ad
refused 'no folder' embed "$model" "$counts" --out nowhere/o.h5ad
refused 'has no gene nowhere' denoise "$model" "$counts" --out o.h5ad --genes nowhere
refused '--draws' denoise "$model" "$counts" --out o.h5ad --draws 0
refused '--draws' sample "$model" "$counts" --out o.h5ad --draws 0
refused 'give either counts' sample "$model" --out o.h5ad
refused 'give either counts' sample "$model" "$counts" --cells 5 --out o.h5ad
refused 'has no clusters' sample "$model" --cells 5 --cluster 0 --out o.h5ad
refused '--cluster 9: the model mixture/model.h5 has the clusters 0, 1' sample mixture/model.h5 --cells 5 --cluster 9 --out o.h5ad
refused '--cluster: the value is empty' sample mixture/model.h5 --cells 5 --cluster= --out o.h5ad
refused '--of-condition c: the model run 1/model.h5 was trained without conditions' sample "$model" --cells 5 --of-condition c --out o.h5ad
refused 'are for new cells' sample "$model" "$counts" --library 5 --out o.h5ad
for option in '--missing-genes zero' '--matrix raw/X' '--condition foo' '--features zz' '--genome hg19' '--orientation genes-in-rows' '--least-common .2'; do
    refused "${option%% *} would be ignored with --cells, which takes no counts: leave it out" sample "$model" --cells 5 $option --out o.h5ad
done
refused '--least-common would be ignored without --missing-genes zero' sample "$model" "$counts" --least-common .2 --out o.h5ad
refused 'a library size is at most 1e+08, found 1e+12' sample "$model" --cells 5 --library 1e12 --out o.h5ad
refused 'a library size is at most 1e+08, found 1e+300' denoise "$model" "$counts" --library 1e300 --out o.h5ad
refused 'a library size is at most 1e+08, found 1e+300' de "$model" "$counts" --groupby cell_type --group type_1 --library 1e300 --out o.csv
refused 'has no value type_9' de "$model" "$counts" --groupby cell_type --group type_9 --out o.csv
refused 'there is no column kind' de "$model" "$counts" --groupby kind --group a --out o.csv
refused 'are the same' de "$model" "$counts" --groupby cell_type --group type_1 --reference type_1 --out o.csv
refused 'has no clusters' evaluate "$model" "$counts" --cluster-by mixture
refused 'more than the 120 cells' evaluate "$model" "$counts" --clusters 121 --cluster-by kmeans
refused 'scores.json' compare "run 1" nowhere
refused 'no such file' info missing.h5ad
refused 'is required' compare
"$program" info missing.h5ad --json >out 2>err || true
grep -q '"exit_code": 2' out || fail "--json: the error is not JSON: $(cat out)"
if "$python" -c 'import anndata' 2>/dev/null; then
    "$python" - "$counts" <<'P'
import sys, anndata, numpy, pandas
cells = anndata.read_h5ad(sys.argv[1])
cells.obs["known"] = pandas.Categorical([None] * cells.n_obs, categories=["type_1"])
cells.write_h5ad("none_known.h5ad")
del cells.obs["known"]
odd = cells.copy()
odd.obs["odd"] = ["all", "rest", "b"] * 40
odd.obs["empty"] = ["", "a", "b"] * 40
odd.obs["long"] = ["0" * 70000, "a", "b"] * 40
odd.obs["most"] = ["0" * 32700, "1" * 32711] * 60
odd.obs["more"] = ["0" * 32700, "1" * 32712] * 60
odd.obs["one"] = ["only"] * 120
odd.obs["unused"] = pandas.Categorical(["a", "b"] * 60, categories=["a", "b", "none"])
odd.obs["minus"] = pandas.Categorical(["-1", "0", "a", "b, c"] * 30, categories=["-1", "0", "a", "b, c"])
odd.write_h5ad("odd.h5ad")
cells.layers["counts"] = cells.X.copy()
cells.X = numpy.log1p(cells.X.toarray())
cells.write_h5ad("normalised.h5ad")
P
    refused 'raw counts, not normalised values' embed "$model" normalised.h5ad --out o.h5ad
    grep -q 'layers/counts' err || fail "the layer with counts was not named: $(cat err)"
    has '"latent"' embed "$model" normalised.h5ad --matrix layers/counts --out layer.h5ad --json
    # values of a column that mean something else, cannot be names in an h5ad file, or are all there is
    refused "odd.h5ad: the column odd has a value all, and --group1 all means each value in turn" de "$model" odd.h5ad --groupby odd --group1 all --out o.csv
    refused "odd.h5ad: the column odd has a value rest, and --group2 rest means all others" de "$model" odd.h5ad --groupby odd --group1 b --group2 rest --out o.csv
    has '"group": "rest"' de "$model" odd.h5ad --groupby odd --group1 rest --out odd.csv --pairs 20 --json
    refused "odd.h5ad: the column empty has an empty value, which cannot be the name of a group in o.h5ad" de "$model" odd.h5ad --groupby empty --group1 all --out o.h5ad
    refused "odd.h5ad: the column empty has an empty value" de "$model" odd.h5ad --groupby empty --group1 '' --out o.h5ad
    has '"group": ""' de "$model" odd.h5ad --groupby empty --group1 '' --out odd.csv --pairs 20 --json
    refused "odd.h5ad: the column long: the names of 1 group take 70068 bytes in o.h5ad, where HDF5 has room for 65528: write CSV or TSV" \
        de "$model" odd.h5ad --groupby long --group1 "$(printf '%070000d' 0)" --out o.h5ad
    refused "odd.h5ad: the column more: the names of 2 groups take 65536 bytes" de "$model" odd.h5ad --groupby more --group1 all --out o.h5ad
    has '"groups"' de "$model" odd.h5ad --groupby most --group1 all --out most.h5ad --pairs 20 --json
    refused "odd.h5ad: the column one has no value but only: there are no other cells to compare those with" de "$model" odd.h5ad --groupby one --group1 only --out o.csv
    refused "odd.h5ad: the column one has no value but only: there are no other cells" de "$model" odd.h5ad --groupby one --group1 all --out o.csv
    refused "odd.h5ad: the column unused has the value none in no cell" de "$model" odd.h5ad --groupby unused --group1 none --out o.csv

    # new cells of clusters by their names
    "$program" train odd.h5ad --out named --prior mixture --known-labels minus --epochs 2 --hidden 16 --latent 4 --samples 2 --genes 100 \
        >/dev/null 2>train.err || fail "train: $(cat train.err)"
    has '"cells": 30' sample named/model.h5 --cells 30 --cluster 0 --out of_0.h5ad --json
    has '"cells": 30' sample named/model.h5 --cells 30 --cluster=-1,a --out of_two.h5ad --json
    has '"cells": 30' sample named/model.h5 --cells 30 --cluster 'b, c' --out of_comma.h5ad --json
    refused 'has the clusters -1, 0, a, b, c' sample named/model.h5 --cells 30 --cluster type_1 --out o.h5ad
    "$python" - <<'P' || fail "what de and sample wrote for odd names"
import anndata
for file, names in (("of_0", {"0"}), ("of_two", {"-1", "a"}), ("of_comma", {"b, c"})):
    found = set(anndata.read_h5ad(f"{file}.h5ad").obs["cellvae_cluster"])
    assert found and found <= names, (file, found)
names = anndata.read_h5ad("most.h5ad").uns["rank_genes_groups"]["names"].dtype.names
assert names == ("0" * 32700, "1" * 32711), [len(name) for name in names]
P

    refused 'none_known.h5ad: no cell has a value in the column known' train none_known.h5ad --known-labels known --out o.h5ad
    refused 'no cell has a value in the column known' evaluate "$model" none_known.h5ad --labels known

    # genes in another order, some absent; conditions and standardised inputs of few cells
    "$python" "$here/model_output_check.py" "$folder" make
    "$program" train donors.h5ad --out donors --condition donor --input standardised --genes 0 --epochs 3 --hidden 16 --latent 4 \
        --samples 2 >/dev/null 2>train.err || fail "train: $(cat train.err)"
    has '"genes_absent": \[\]' embed "$model" reversed.h5ad --out reversed_embedded.h5ad --json
    refused "10 of the model's 100 genes are missing" embed "$model" fewer.h5ad --out o.h5ad
    grep -q -- '--missing-genes zero takes them as zero' err || fail "the way out was not named: $(cat err)"
    has '"genes_in_common": 90' embed "$model" fewer.h5ad --out fewer_embedded.h5ad --json --missing-genes zero
    grep -q "warning: 10 of the model's 100 genes are absent and taken as zero" err || fail "absent genes were not named: $(cat err)"
    has '"clusters": [2-4]' embed mixture/model.h5 last_cluster.h5ad --out last_cluster_embedded.h5ad --json
    has '"latent": 4' embed donors/model.h5 one_donor.h5ad --out one_donor_embedded.h5ad --json
    refused 'in the column donor 40 cells (cell_2, cell_5, cell_8, ...) have stranger; the model knows the conditions a, b, c' embed donors/model.h5 strangers.h5ad --condition donor --out o.h5ad
    "$program" embed donors/model.h5 donors.h5ad --out donors_embedded.h5ad >/dev/null 2>err || fail "embed: $(cat err)"
    "$program" embed donors/model.h5 recoded.h5ad --out recoded_embedded.h5ad >/dev/null 2>err || fail "embed: $(cat err)"
    has '"condition": "c"' sample donors/model.h5 --cells 30 --of-condition c --out of_c.h5ad --json
    refused 'knows no condition d; it knows a, b, c' sample donors/model.h5 --cells 30 --of-condition d --out o.h5ad
    refused 'in the column donor 40 cells' embed donors/model.h5 strangers.h5ad --out o.h5ad
    "$python" "$here/model_output_check.py" "$folder" "$gene" cells || fail "model_output_check.py: other cells"
fi
# cells with two columns of the same values, and a type whose name is no plain field of CSV
awk 'BEGIN { srand(1); printf "cell,batch,other,type"; for (g = 1; g <= 30; ++g) printf ",g\351%d", g; print "";
    for (c = 1; c <= 60; ++c) { printf "c%d,%s,%s,%s", c, c % 2 ? "a" : "b", c % 3 ? "a" : "b", c % 4 ? "\"T, naive\"" : "B";
        for (g = 1; g <= 30; ++g) printf ",%d", rand() < 0.5 ? 0 : 1 + int(5 * rand()) + (c % 4 && g < 9 ? 6 : 0); print "" } }' >two.csv
small='--genes 0 --hidden 8 --latent 2 --samples 2'
train_small() {
    name=$1
    shift
    "$program" train two.csv --out "$name" $small --epochs 2 "$@" >/dev/null 2>train.err || fail "train: $(cat train.err)"
}
train_small batches --prior gaussian --condition batch
grep -q '30 texts of the genes are not UTF-8 and were taken as Latin-1: gé1' train.err || fail "Latin-1: $(cat train.err)"
has '"condition_column": "batch"' info batches/model.h5 --json
has 'latent' embed batches/model.h5 two.csv --out two.h5ad
grep -q 'conditions: the column batch' err || fail "the column of the conditions was not said: $(cat err)"
sed '1s/batch/donor/' two.csv >donor.csv
refused "the columns donor and other both have the model's conditions as their values (a, b)" embed batches/model.h5 donor.csv --out o.h5ad
has 'latent' embed batches/model.h5 donor.csv --condition donor --out donor.h5ad
{ head -n 1 two.csv; tail -n +2 two.csv | tac; } >turned.csv
for cells in turned donor; do
    column=batch
    [ $cells = turned ] || { sed 's/^\(c[0-9]*\),\([ab]\),\([ab]\)/\1,\3,\2/' two.csv >donor.csv; }
    refused 'or are in another order, or have other known labels or conditions' train $cells.csv --out turned --prior gaussian \
        --condition $column $small --epochs 3 --resume batches
done
train_small known --prior marginal_mixture --known-labels type --start-epochs 2
grep -q '^"T, naive",1,' known/markers.csv || fail "markers.csv: $(sed -n 2p known/markers.csv)"
mkdir ended
cp batches/model.h5 ended/
has 'folder of a training that has not ended' info ended --json
# what is read is not written over, and what an earlier model found does not stay beside what another finds
for kind in embed denoise sample evaluate de; do
    group=
    [ $kind != de ] || group='--groupby cell_type --group type_1'
    cp mixture.h5ad own.h5ad
    refused 'which is read and would be lost' $kind "$model" own.h5ad $group --out ./own.h5ad
    refused 'which is read and would be lost' $kind "$model" own.h5ad $group --out "$model"
    cmp -s own.h5ad mixture.h5ad || fail "$kind: what was read is not what it was"
done
"$program" embed "$model" mixture.h5ad --out plain.h5ad >/dev/null 2>err || fail "embed: $(cat err)"
"$program" info plain.h5ad --json >out 2>err
if grep -q 'cellvae_c' out; then fail "clusters of another model stayed: $(cat out)"; fi
refused '--least-common would be ignored without --missing-genes zero' embed "$model" "$counts" --out o.h5ad --least-common 0.2
refused '--clusters would be ignored without --cluster-by kmeans' evaluate mixture/model.h5 "$counts" --clusters 3
refused '--resolution would be ignored without --cluster-by leiden' evaluate "$model" "$counts" --resolution 3
[ ! -e o.h5ad ] && [ ! -e o.csv ] || fail "a file was written for what was refused"
[ $failed -eq 0 ] && echo "model_commands.sh: right"
exit $failed

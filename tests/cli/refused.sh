#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Wrong input ends with 2 and one clear line: refused.sh PROGRAM FOLDER
set -eu
program=$1
folder=$2
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"
failed=0

# refused TEXT ARGUMENTS...: the program must end with 2, and its last line on the standard error must hold the text
refused() {
    text=$1
    shift
    code=0
    "$program" "$@" >out 2>err || code=$?
    line=$(tail -n 1 err)
    case $line in
        "cellvae: "*"$text"*) ;;
        *) echo "refused.sh: $*: expected '$text', found '$line'" >&2; failed=1 ;;
    esac
    [ $code -eq 2 ] || { echo "refused.sh: $*: exit code $code" >&2; failed=1; }
}

"$program" simulate --cells 40 --genes 60 --types 2 --out good.h5ad >/dev/null
: >empty.csv
printf ',g1,g2\nc1,1,2\nc2,3,4\nc3,0,1\n' >good.csv
printf ',g1,g2\nc1,1,2\n' >one_cell.csv
printf ',g1,g2\nc1,1,2\nc2,1,2\nc3,1,2\n' >constant.csv
printf ',g1,g2\nc1,0.5,2.25\nc2,3,4\n' >normalised.csv
printf ',g1,g2\nc1,-1,2\nc2,3,4\n' >negative.csv
printf ',g1,g2\nc1,1,2\nc2,3\n' >ragged.csv
printf ',g1,g2\nc1,1,two\nc2,3,4\n' >words.csv
printf ',g1,g2\nc1,1,2\nc1,3,4\n' >twice.csv
printf ',g1,g2\n' >header.csv
printf 'PK\003\004 and more' >archive.csv
head -c 5000 good.h5ad >truncated.h5ad
gzip -c good.csv | head -c 20 >truncated.csv.gz
mkdir folder
: >a_file

refused 'no such file' train missing.h5ad --out o
refused 'is empty (0 bytes)' train empty.csv --out o
refused 'folder' train folder --out o
refused 'truncated.h5ad' train truncated.h5ad --out o
refused 'truncated.csv.gz' train truncated.csv.gz --out o
refused 'zip archive' train archive.csv --out o
refused 'header.csv' train header.csv --out o
refused 'line 3' train ragged.csv --out o
refused 'two' train words.csv --out o
refused 'negative.csv' train negative.csv --out o
refused 'c1' train twice.csv --out o
refused 'raw counts, not normalised values' train normalised.csv --out o
refused '--merge would be ignored with --known-labels' train good.h5ad --out o --known-labels cell_type --merge 0.1
refused '--resolution would be ignored without --cluster-by leiden' train good.h5ad --out o --resolution 2
refused '--start-resolution would be ignored without --start leiden' train good.h5ad --out o --start kmeans --start-resolution 2
refused '--least-genes would be ignored' train good.h5ad --out o --least-genes 3
refused 'give --training-samples 2 or more' train good.h5ad --out o --bound importance_weighted
refused 'must be a whole number from 0 to' train good.h5ad --out o --seed -1
refused 'expected gene sets' train good.h5ad --out o --decoder masked --gene-sets absent.gmt
refused 'expected names, one a line' train good.h5ad --out o --keep-cells absent.txt
for command in 'baseline --components 1 --clusters 1' 'train --likelihood gaussian --prior gaussian --epochs 1'; do
    "$program" $command normalised.csv --out normalised --genes 0 >out 2>err || true
    grep -q 'normalised.csv: X holds 0.5, which is no whole count' err || { echo "refused.sh: $command said nothing of normalised counts" >&2; failed=1; }
done
"$program" train good.h5ad --likelihood gaussian --prior gaussian --epochs 1 --genes 0 --out whole >out 2>err || true
! grep 'no whole count' err >&2 || failed=1
printf 'cell,a,b,c\nc1,0,0,0\nc2,0,0,0\n' >zeros.csv
refused 'zeros.csv: every count is 0' train zeros.csv --out o
mkdir mex
printf 'c1\nc2\n' >mex/barcodes.tsv
printf 'a\tA\n' >mex/genes.tsv
refused 'mex: is a 10x MEX folder whose matrix.mtx' info mex
refused 'good.h5ad: has no genomes' info good.h5ad --genome hg19
refused 'good.h5ad: has no kinds of features' info good.h5ad --features all
mkfifo pipe
refused 'is a device or a pipe' simulate --out pipe
[ -p pipe ] || { echo "refused.sh: the pipe was replaced by a file" >&2; failed=1; }
if [ -c /dev/full ]; then
    code=0
    "$program" info good.h5ad --json >/dev/full 2>err || code=$?
    [ $code -eq 2 ] || { echo "refused.sh: what could not be printed ended with $code" >&2; failed=1; }
fi
refused 'two are the least' train one_cell.csv --out o --orientation cells-in-rows
refused 'there is no column clusters' train good.h5ad --out o --labels clusters
refused '--likelihood is one of' train good.h5ad --out o --likelihood student
refused 'no log-mean parameter' train good.h5ad --out o --likelihood gaussian --scale library
refused 'has no parameter spread to share' train good.h5ad --out o --shared spread
refused '--activation is one of' train good.h5ad --out o --activation gelu
refused '--normalisation is one of' train good.h5ad --out o --normalisation group
refused '--products is one of auto, float32, bfloat16; found float16' train good.h5ad --out o --products float16
refused '--input is one of' train good.h5ad --out o --input sqrt
refused 'dropout' train good.h5ad --out o --dropout 1
refused 'held-out' train good.h5ad --out o --held-out 1
refused 'learning rate' train good.h5ad --out o --learning-rate 0
refused '--start-resolution: must be above zero; found -1' train good.h5ad --out o --start-resolution -1
refused '--epochs: must be zero or more; found -2' train good.h5ad --out o --epochs -2
refused '--resolution: found NaN, expected a number' train good.h5ad --out o --resolution NaN
refused '--delta: found nan' de model.h5 good.h5ad --groupby a --group1 b --out o.csv --delta nan
refused 'more than the 40 cells' train good.h5ad --out o --clusters 41
refused '--sum would be ignored without --prior mixture' train good.h5ad --out o --sum threshold
refused '--balance would be ignored without --prior mixture' train good.h5ad --out o --prior marginal_mixture --balance 1
refused '--threshold would be ignored without --prior mixture --sum threshold' \
    train good.h5ad --out o --prior mixture --threshold 0.1
refused '--temperature would be ignored' train good.h5ad --out o --prior mixture --sum threshold --temperature 1,0.5
refused '--components would be ignored without --prior mixture or marginal_mixture' train good.h5ad --out o --prior vamp --components 4
refused '--hold-prior would be ignored with --prior gaussian' train good.h5ad --out o --prior gaussian --hold-prior 3
refused '--pseudo-inputs would be ignored without --prior vamp' train good.h5ad --out o --prior mixture --pseudo-inputs 10
refused 'cannot make this folder' train good.h5ad --out a_file/o
refused '--out is required' train good.h5ad
refused '--epochs' train good.h5ad --out o --epochs many
refused '--latent' train good.h5ad --out o --latent 0
refused 'no such file' baseline missing.h5ad --out o
refused 'negative.csv' baseline negative.csv --out o
refused 'there is no column clusters' baseline good.h5ad --out o --labels clusters
refused 'more than the 40 cells' baseline good.h5ad --out o --clusters 41
refused 'found 1 cell,' baseline one_cell.csv --out o --orientation cells-in-rows
refused 'every gene has the same count' baseline constant.csv --out o --orientation cells-in-rows
refused 'cannot make this folder' baseline good.h5ad --out a_file/o
refused '--components' baseline good.h5ad --out o --components 0
refused '--cluster-by' baseline good.h5ad --out o --cluster-by louvain
refused '--resolution' baseline good.h5ad --out o --resolution 0
refused '--out is required' baseline good.h5ad
refused 'a library size is at most 1e+08, found 1e+09' sample model.h5 --cells 5 --library 1e9 --out o.h5ad
refused 'a library size is at most 1e+08, found 1e+09' denoise model.h5 good.h5ad --library 1e9 --out o.h5ad
refused '--condition would be ignored with --cells, which takes no counts' sample model.h5 --cells 5 --condition foo --out o.h5ad
refused '--least-common would be ignored without --missing-genes zero' sample model.h5 good.h5ad --least-common 0.2 --out o.h5ad
refused 'types' simulate --cells 3 --types 5 --out o.h5ad
refused 'no folder' simulate --out nowhere/o.h5ad
refused 'not expected: --colour' train good.h5ad --out o --colour red
refused 'A subcommand is required' --json
refused '--resolution would be ignored without --cluster-by leiden' baseline good.h5ad --out o --resolution 3
refused '--clusters would be ignored without --cluster-by kmeans' baseline good.h5ad --out o --cluster-by leiden --clusters 3
refused '--labels would be ignored without --subsample-by-label' filter good.h5ad --out o.h5ad --labels cell_type
refused '--mitochondrial-prefix would be ignored without --max-mitochondrial' filter good.h5ad --out o.h5ad --mitochondrial-prefix zz
refused 'good.h5ad: says itself what its rows are' train good.h5ad --out o --orientation genes-in-rows
refused '--epochs: found 010, expected a number that does not begin with 0' train good.h5ad --out o --epochs 010
refused '--seed: must be a whole number from 0 to 18446744073709551615' train good.h5ad --out o --seed 18446744073709551616
refused '--resume: the value is empty' train good.h5ad --out o --resume ''
# what is read is not what is written
cp good.h5ad own.h5ad
refused '--out: own.h5ad is ./own.h5ad, which is read and would be lost' filter ./own.h5ad --out own.h5ad
mkdir own
cp good.h5ad own/cells.h5ad
refused 'which is read and would be lost' train own/cells.h5ad --out own --stream
refused 'own/cells.h5ad is in the folder own' baseline own --out own
cmp -s good.h5ad own/cells.h5ad || { echo "refused.sh: what was read is not what it was" >&2; failed=1; }
mkdir earlier
: >earlier/model.h5
refused '--out earlier: holds model.h5 of an earlier run' train good.h5ad --out earlier --save none
refused '--out earlier: holds model.h5 of an earlier run' baseline good.h5ad --out earlier
mv earlier/model.h5 earlier/report.html
mkdir earlier/pictures
: >earlier/pictures/own.png
refused '--out earlier: holds report.html of an earlier run' train good.h5ad --out earlier --report none
refused '--out: the value is empty' train good.h5ad --out= --stream
printf 'cell_1\nno_such_cell\n' >keep.txt
refused 'good.h5ad and keep.txt: 1 of the 2 cells to keep are not there: no_such_cell' filter good.h5ad --out o.h5ad --keep-cells keep.txt
printf 'one\tsource\tnot_a_gene\n' >few.gmt
refused 'few.gmt: none of the 1 gene sets' train good.h5ad --out o --decoder masked --gene-sets few.gmt
[ ! -e o ] || { echo "refused.sh: a folder was made for work that was refused" >&2; failed=1; }
[ $failed -eq 0 ] && echo "refused.sh: right"
exit $failed

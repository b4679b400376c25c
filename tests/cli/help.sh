#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the program says of itself: its help, the completion of words, the man page, silence: help.sh PROGRAM FOLDER
set -eu
program=$1
folder=$2
rm -rf "$folder"
mkdir -p "$folder"
fail() { echo "help.sh: $*" >&2; exit 1; }

# alone: examples, then the commands
"$program" >"$folder/alone" 2>"$folder/alone.err" || fail "without a command: exit code $?"
[ ! -s "$folder/alone.err" ] || fail "without a command: $(cat "$folder/alone.err")"
"$program" --help >"$folder/whole"
cmp -s "$folder/alone" "$folder/whole" || fail "cellvae alone is not cellvae --help"
sed -n 3p "$folder/alone" | grep -q '^  cellvae simulate' || fail "the first thing is no example: $(cat "$folder/alone")"
commands=$(sed -n '/^Commands$/,/^$/s/^  \([a-z]*\)  .*/\1/p' "$folder/alone")
[ "$(echo "$commands" | wc -w)" -eq 14 ] || fail "14 commands expected: $commands"
# every command: what it is, an example, how it is called, groups; an option that is required is not hidden
for command in $commands; do
    "$program" "$command" --help >"$folder/$command"
    sed -n 3p "$folder/$command" | grep -Eq "(^  |\()cellvae $command( |$|\))" || fail "$command: the third line is no example: $(cat "$folder/$command")"
    grep -q "^Usage: cellvae $command.* \[OPTIONS\]" "$folder/$command" || fail "$command: no usage: $(cat "$folder/$command")"
    awk 'length > 100' "$folder/$command" | grep -v '^  [c-]' | grep -q . && fail "$command: a line of more than 100 characters"
    grep -q '^Running$' "$folder/$command" || fail "$command: no group Running"
done
for group in 'What it takes' Results Model 'Prior and bound' Training Clusters 'To stop and go on' 'Which cells and genes' Running; do
    grep -qx "$group" "$folder/train" || fail "train --help has no group $group"
done
grep -A1 -- '^  --likelihood TEXT' "$folder/train" | grep -q 'What explains a count' || fail "--likelihood is not explained"
grep -q '^  --latent N  *Dimensions of the latent \[10\]$' "$folder/train" || fail "--latent has no default: $(grep -A1 -- --latent "$folder/train")"
grep -A3 -- '^  --out TEXT' "$folder/train" | grep -q '(required)' || fail "--out is not said to be required"

# completion, where there is a bash to complete
"$program" completion bash >"$folder/completion.bash"
"$program" completion zsh | grep -q bashcompinit || fail "completion zsh"
"$program" completion fish >"$folder/completion.fish"
grep -q "^complete -c cellvae -n '__fish_seen_subcommand_from train' -l prior .* -x -a '.*marginal_mixture" "$folder/completion.fish" ||
    fail "completion fish knows no --prior"
if command -v bash >/dev/null; then
    # completes WORD-IN-THE-ANSWER WORDS...: the last of the words is what has been typed of the next
    completes() {
        expected=$1
        shift
        found=$(bash -c '. "$1"; shift; COMP_WORDS=(cellvae "$@"); COMP_CWORD=$#; _cellvae; printf "%s\n" "${COMPREPLY[@]}"' \
            - "$folder/completion.bash" "$@")
        echo "$found" | grep -qx -- "$expected" || fail "completion of '$*': no $expected in: $found"
    }
    completes train tra
    completes --likelihood train --lik
    completes marginal_mixture train --prior ma
    completes bash completion ''
    completes "$folder/alone" train "$folder/al"
    [ "$(bash -c '. "$1"; COMP_WORDS=(cellvae de --pri); COMP_CWORD=2; _cellvae; echo "${#COMPREPLY[@]}"' - "$folder/completion.bash")" -eq 0 ] ||
        fail "de has no option --pri..."
else
    echo "help.sh: no bash, the completion was not tried"
fi

# the man page has every option of every command, and troff has nothing against it
"$program" man >"$folder/cellvae.1"
for command in $commands; do
    sed -n 's/^  \(--[a-z0-9-]*\).*/\1/p' "$folder/$command" | sed 's/-/\\-/g' >"$folder/options"
    [ "$command" = man ] || [ "$command" = completion ] || [ -s "$folder/options" ] || fail "$command has no options"
    while read -r option; do
        grep -qF -- "$option" "$folder/cellvae.1" || fail "the man page has no $option of $command"
    done <"$folder/options"
done
if command -v groff >/dev/null && [ -d /usr/share/groff ]; then
    groff -man -Tutf8 -ww "$folder/cellvae.1" >"$folder/page" 2>"$folder/page.err" || fail "groff: $(cat "$folder/page.err")"
    [ ! -s "$folder/page.err" ] || fail "groff: $(cat "$folder/page.err")"
fi

# silence
"$program" simulate --cells 60 --genes 100 --types 2 --out "$folder/cells.h5ad" >/dev/null
"$program" train "$folder/cells.h5ad" --out "$folder/run" --epochs 2 --hidden 8 --latent 2 --samples 2 --quiet --report none \
    >"$folder/run.out" 2>"$folder/run.err" || fail "train --quiet: $(cat "$folder/run.err")"
[ ! -s "$folder/run.err" ] || fail "--quiet is not: $(cat "$folder/run.err")"
grep -q '^  bound_train ' "$folder/run.out" || fail "--quiet says no result"
[ ! -e "$folder/run/report.html" ] || fail "--report none wrote a report"
code=0
"$program" train "$folder/none.h5ad" --out "$folder/run" --quiet >"$folder/run.out" 2>"$folder/run.err" || code=$?
[ $code -eq 2 ] && grep -q 'none.h5ad' "$folder/run.err" || fail "--quiet hides an error"
echo "help.sh: right"

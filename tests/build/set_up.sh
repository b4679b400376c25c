#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What cmake/set-up.sh prints, with an apt and a CMake that only talk: set_up.sh PROJECT FOLDER
#
# Nothing is installed: the apt here knows no release, for which the script leaves apt's own files alone.
set -eu
project=$1
folder=$2
rm -rf "$folder"
mkdir -p "$folder/cmake" "$folder/programs"
cp "$project/cmake/set-up.sh" "$folder/cmake"
fail() { echo "set_up.sh: $*" >&2; exit 1; }

fake() { printf '#!/bin/sh\n%s\n' "$2" >"$folder/programs/$1" && chmod +x "$folder/programs/$1"; }
fake id 'echo 0'
fake ninja 'exit 0'
fake dpkg 'exit 1'
# shellcheck disable=SC2016
fake apt-get 'case "$*" in
    indextargets*) exit 0 ;;
    *"$FAILS_AT"*) status=100 ;;
    *) status=0 ;;
esac
for line in $(seq 40); do echo "words of apt, line $line of $*"; done
exit $status'
fake cmake 'exit 1'

run() { FAILS_AT=$1 PATH="$folder/programs:$PATH" sh "$folder/cmake/set-up.sh" >"$folder/out" 2>&1; }

if run libigraph-dev; then fail "it ended well without a CMake that configures: $(cat "$folder/out")"; fi
if grep -v '^set-up: ' "$folder/out" | grep -qv '^    '; then fail "more than a line a step: $(cat "$folder/out")"; fi
grep -q '^set-up: installing compiler, CMake and libraries \.\.\. [0-9]* s$' "$folder/out" || fail "no line of a step: $(cat "$folder/out")"
# what failed is shown, from its end; what went well is not
grep -q '^set-up: installing libigraph-dev, which is optional \.\.\. FAILED$' "$folder/out" || fail "the failure is not said: $(cat "$folder/out")"
grep -q '^    words of apt, line 40 of .*libigraph-dev' "$folder/out" || fail "the log's end is not there: $(cat "$folder/out")"
if grep -q 'line 1 of' "$folder/out"; then fail "all of the log was printed: $(cat "$folder/out")"; fi
if grep -q '^    .*ninja-build' "$folder/out"; then fail "the words of a step that went well were printed: $(cat "$folder/out")"; fi
grep -q 'line 1 of .*ninja-build' "$folder/build/set-up.log" || fail "the log has not what apt said"
grep -q '^set-up: installing liblzf-dev, which is optional \.\.\. [0-9]* s$' "$folder/out" || fail "the rest was not installed: $(cat "$folder/out")"
# without the compiler there is no going on
if run ninja-build; then fail "it went on without a compiler"; fi
if grep -q 'which is optional' "$folder/out"; then fail "it went on without a compiler: $(cat "$folder/out")"; fi
echo "set_up.sh: right"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Shows that a compiler vectorises plain loops with no flags but -O3 and a target: compiles a source to assembly and
# requires of every function loop_*_float and loop_*_double a backward branch over packed multiplications or additions on
# whole vectors, no scalar arithmetic between, and no call anywhere.
#
#     sh vectorised.sh COMPILER SOURCE LOOPS TARGETS FLAGS...
#
# LOOPS: how many functions of each precision the source has. TARGETS: of x86-64, x86-64-v3 and x86-64-v4. FLAGS: include
# folders. Compiling for a target needs no such processor. Prints what each loop is made of. Exit 0: all vectorised; 1: some
# are not; 77: not an x86-64 compiler, or one without OpenMP (skipped).
set -u
compiler=$1
source=$2
loops=$3
targets=$4
shift 4
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

case $("$compiler" -dumpmachine) in
x86_64*) ;;
*)
    echo "skipped: $compiler does not compile for x86-64"
    exit 77
    ;;
esac

# Some compilers have OpenMP's header in a package of its own.
if ! echo '#include <omp.h>' | "$compiler" -x c++ "$@" -fsyntax-only - 2>/dev/null; then
    echo "skipped: $compiler has no omp.h"
    exit 77
fi

status=0
for march in $targets; do
    case $march in
    x86-64-v4) register='[yz]mm' ;;
    x86-64-v3) register=ymm ;;
    *) register=xmm ;;
    esac
    types="float double"
    # SSE2 alone has no comparison of 64-bit lanes, and GCC 12 then leaves double as it is.
    [ "$march" = x86-64 ] && types=float
    if ! "$compiler" -std=c++20 -O3 -DNDEBUG "-march=$march" "$@" -S "$source" -o "$work/$march.s" 2>"$work/errors"; then
        cat "$work/errors"
        exit 1
    fi
    for type in $types; do
        awk -v loops="$loops" -v type="$type" -v march="$march" -v register="$register" '
            # One innermost loop: from a label to the branch back to it. Of a function the widest counts.
            function finish() {
                if (name == "") return
                functions++
                good = calls == 0 && best_packed >= 5
                printf "%-9s %-52s %4d packed, %d calls%s\n", march, name, best_packed, calls,
                       good ? "" : "   NOT VECTORISED"
                if (!good) failures++
                name = ""
            }
            BEGIN {
                suffix = type == "float" ? "s" : "d"
                packed_pattern = "^v?(f?n?m?(add|sub)[0-9]*|mul|div|f(n?m)(add|sub)[0-9]*)p" suffix "$"
                scalar_pattern = "^v?(f?n?m?(add|sub)[0-9]*|mul|div|f(n?m)(add|sub)[0-9]*)s" suffix "$"
            }
            $1 ~ "^loop_.*_" type ":" {
                finish()
                name = substr($1, 1, length($1) - 1)
                calls = 0; best_packed = 0; line = 0
                split("", at)
            }
            name == "" { next }
            $1 ~ /^\.?L[A-Za-z0-9_]*:/ { at[substr($1, 1, index($1, ":") - 1)] = line }
            $1 == ".size" { finish(); next }
            {
                line++
                packed[line] = ($1 ~ packed_pattern && $0 ~ register)
                scalar[line] = ($1 ~ scalar_pattern)
                if ($1 ~ /^call/) calls++
                if ($1 ~ /^j/ && ($2 in at)) {
                    p = 0; s = 0
                    for (i = at[$2] + 1; i <= line; i++) { p += packed[i]; s += scalar[i] }
                    if (p > best_packed && s == 0) best_packed = p
                }
            }
            END {
                finish()
                if (functions < loops) { print march " " type ": only " functions + 0 " loops found"; failures++ }
                exit failures > 0
            }' "$work/$march.s" || status=1
    done
done
exit $status

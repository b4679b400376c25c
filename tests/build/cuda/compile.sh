#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compiles one source for sm_90 and looks for its kernels in the device code:
#     sh compile.sh NVCC SOURCE WORK [-I folder ...]
# Ends with 77 where there is no nvcc.
set -eu
nvcc=$1 source=$2 work=$3
shift 3

if [ ! -x "$nvcc" ]; then
    echo "skipped: there is no nvcc on this machine"
    exit 77
fi

rm -rf "$work"
mkdir -p "$work"
"$nvcc" -x cu -std=c++20 -arch=sm_90 --extended-lambda --expt-relaxed-constexpr -Werror cross-execution-space-call \
    -DKOKKOS_DEPENDENCE -Xcompiler -fopenmp "$@" --keep --keep-dir "$work" -c "$source" -o "$work/object.o"

# The device code that the object carries. A kernel that nothing instantiated is not in it. What a launcher of rows
# x columns wraps goes by its own name.
for device_code in "$work"/*.cubin; do
    readelf --symbols --wide "$device_code" | awk '$4 == "FUNC" && $NF ~ /^_Z/ { print $NF }'
done | c++filt | sed -E 's/cellvae::core_detail::(ElementWork|RowWork)<(Kokkos::Cuda, )?//g' | sort -u >"$work/functions"

expected=$(sed -n 's|^// expect-kernel: ||p' "$source")
if [ -z "$expected" ]; then
    echo "$source names no kernel: // expect-kernel: <regular expression>"
    exit 1
fi
status=0
while IFS= read -r kernel; do
    if grep -qE -e "$kernel" "$work/functions"; then
        echo "found on the device: $kernel"
    else
        echo "not found on the device: $kernel"
        status=1
    fi
done <<END
$expected
END
if [ $status -ne 0 ]; then
    echo "the device code has:"
    cat "$work/functions"
fi
exit $status

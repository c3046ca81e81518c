#!/usr/bin/env bash
# Cross-compile the engine for aarch64, train small networks with it under qemu-user, and compare the bits with those of
# this machine's program on every instruction set it has:  scripts/aarch64.sh FOLDER PROGRAM
#
# FOLDER is made anew. PROGRAM is bits, as meson built it (tests/bits/). It needs none of the libraries that files take,
# so that a cross-compiler and its C library are enough: what the linker does not reach is left out.
set -eu

folder=$1
native=$2
root=$(cd "$(dirname "$0")/.." && pwd)
compiler=${AARCH64_CC:-aarch64-linux-gnu-gcc}
random123=${RANDOM123:-/usr/include}
rm -rf "$folder"
mkdir -p "$folder/include"
# Of the system's headers Random123 alone may be seen: the others are of this machine's kind.
ln -s "$random123/Random123" "$folder/include/Random123"
printf '#define RV_PROJECT_VERSION "0"\n#define RV_HAVE_HDF5 0\n#define RV_HAVE_MPI 0\n' >"$folder/include/rv_config.h"

cd "$root"
sources=$(find src tests/bits tests/support/training_task.c -name '*.c' ! -path 'src/cli/*' ! -path 'src/convert/*' |
    xargs grep -LE '#include (<(zip|zlib|jansson|hdf5|yaml|mpi)\.h>|"(store/h5|store/source|cmocka)\.h")')

compile() { # compile FILE: into FOLDER, as meson.build compiles it
    "$compiler" -std=c17 -O3 -DNDEBUG -D_GNU_SOURCE -DRV_BUILDING -DRV_ISA=base -ffp-contract=off -fno-math-errno \
        -fno-trapping-math -ffunction-sections -fdata-sections -I include -I src -I tests -I "$folder/include" \
        -c "$1" -o "$folder/$(echo "$1" | tr / _).o"
}
export -f compile
export compiler folder
echo "$sources" | xargs -P "$(nproc)" -I{} bash -c 'compile {}'
"$compiler" -static -Wl,--gc-sections -o "$folder/bits" "$folder"/*.o -lm -lpthread

qemu-aarch64 "$folder/bits" >"$folder/aarch64.txt"
status=0
for isa in base v2 v3 v4; do
    RV_ISA=$isa "$native" >"$folder/$isa.txt" 2>/dev/null || continue
    if cmp -s "$folder/aarch64.txt" "$folder/$isa.txt"; then
        echo "aarch64 gives the bits of $isa"
    else
        echo "aarch64 gives other bits than $isa:" >&2
        diff "$folder/aarch64.txt" "$folder/$isa.txt" >&2 || true
        status=1
    fi
done
cat "$folder/aarch64.txt"
exit $status

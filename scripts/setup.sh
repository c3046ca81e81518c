#!/usr/bin/env bash
# Check that the tools and libraries to build with are there, and install what is missing where that is possible.
#
#   scripts/setup.sh           what building and testing needs, and Open MPI where it can be had
#   scripts/setup.sh clang     and clang, for `make tsan` and the second compiler of .ci/run
#   scripts/setup.sh aarch64   and what `make aarch64` needs
#   scripts/setup.sh dev       and all that the other targets use
set -eu

packages=(build-essential meson ninja-build pkg-config python3 python3-numpy python3-h5py libcmocka-dev
    librandom123-dev libhdf5-dev libzip-dev zlib1g-dev libyaml-dev libjansson-dev)
# Without these the program trains in one process only, and all the rest is as with them.
optional=(libopenmpi-dev openmpi-bin)
case ${1-} in
'') ;;
clang) packages+=(clang libclang-rt-dev) ;;
aarch64) packages+=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user) ;;
dev) packages+=(clang libclang-rt-dev clang-format clang-tidy valgrind doxygen) ;;
*)
    echo "setup: unknown group '$1', expected clang, aarch64 or dev" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null; then
    # Not Debian: name what is missing and leave the installing to the user.
    missing=()
    for tool in cc meson ninja pkg-config python3; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    for module in cmocka libzip zlib yaml-0.1 jansson; do
        pkg-config --exists "$module" 2>/dev/null || missing+=("$module")
    done
    if [ ${#missing[@]} -gt 0 ]; then
        echo "setup: please install: ${missing[*]} (and Random123, and HDF5 and Open MPI if wanted)" >&2
        exit 1
    fi
    exit 0
fi

installed=" $(dpkg-query -W -f='${db:Status-Status}:${Package} ' "${packages[@]}" "${optional[@]}" 2>/dev/null || true) "

find_missing() { # find_missing PACKAGE...: those that are not installed, into missing
    missing=()
    for package; do
        case $installed in
        *" installed:$package "*) ;;
        *) missing+=("$package") ;;
        esac
    done
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive

install_missing() { # false where it cannot be done; the log tells why
    if [ "$(id -u)" = 0 ]; then
        sudo=()
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo=(sudo)
    else
        return 1
    fi
    echo "setup: installing ${missing[*]}"
    { "${sudo[@]}" apt-get update -q && "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1
}

find_missing "${packages[@]}"
if [ ${#missing[@]} -gt 0 ] && ! install_missing; then
    cat "$log" >&2
    echo "setup: could not install; please run: sudo apt-get install -y ${missing[*]}" >&2
    exit 1
fi
find_missing "${optional[@]}"
if [ ${#missing[@]} -gt 0 ] && ! install_missing; then
    echo "setup: going on without ${missing[*]}: the program will train in one process only, not under mpirun" >&2
fi

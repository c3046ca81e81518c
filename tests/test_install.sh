#!/usr/bin/env bash
# What a user has after `make install`: headers that stand alone, and a library that a program finds through pkg-config.
root=${RV_SOURCE_ROOT:-$(dirname "$0")/..}
build=${RV_BUILD_ROOT:-$root/build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

number=0
# result STATUS NAME [DETAIL]
result() {
    number=$((number + 1))
    [ "$1" = 0 ] && echo "ok $number - $2" && return
    echo "not ok $number - $2"
    [ -z "${3-}" ] || printf '%s\n' "$3" | sed 's/^/# /'
}

# compiles "$@" HEADER: every public header alone, in a strict dialect
headers_compile() {
    local header said status=0
    for header in "$root"/include/ranvier.h "$root"/include/ranvier/*.h; do
        said=$("$@" -I"$root/include" -fsyntax-only -Wall -Wextra -Werror "$header" 2>&1) && continue
        status=1
        printf '%s\n' "$said"
    done
    return $status
}

echo "1..4"
said=$(headers_compile cc -std=c11 -pedantic -Wstrict-prototypes -x c)
result $? "every_public_header_compiles_alone_as_c11" "$said"
said=$(headers_compile c++ -std=c++17 -x c++)
result $? "every_public_header_compiles_alone_as_cpp17" "$said"

said=$(DESTDIR=$work/installed meson install -C "$build" --no-rebuild 2>&1)
package=$(find "$work/installed" -name ranvier.pc 2>/dev/null)
[ -n "$package" ]
result $? "it_can_be_installed" "$said"

# DESTDIR is a root of its own: pkg-config is told so
flags=$(PKG_CONFIG_SYSROOT_DIR=$work/installed PKG_CONFIG_PATH=$(dirname "${package:-none}") \
    pkg-config --cflags --libs ranvier 2>&1)
said=$(cc "$root/examples/quickstart.c" -o "$work/quickstart" $flags 2>&1 && cd "$root" &&
    LD_LIBRARY_PATH=$(dirname "$(dirname "$package")") "$work/quickstart" 2>&1)
status=$?
case $said in *val_accuracy*) ;; *) status=1 ;; esac
result $status "a_program_builds_and_runs_through_pkg_config" "$flags
$said"

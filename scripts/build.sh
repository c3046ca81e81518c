#!/usr/bin/env bash
# Configure a build folder where needed and build it:  scripts/build.sh FOLDER [meson option]...
#
# It configures afresh when CC or the options changed, and again when a source file came or went. Two builds of one
# folder wait for each other. Prints one line a step; the output of a step only if it fails, or always with V=1.
# TARGETS names ninja targets, all by default.
set -eu

folder=$1
shift
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
log=$folder/step.log

exec 9>"$folder/.lock"
flock 9

step() { # step LABEL COMMAND...
    local label=$1
    shift
    echo "$label"
    if [ "${V:-0}" = 1 ]; then
        "$@" 9>&-
    elif ! "$@" >"$log" 2>&1 9>&-; then
        cat "$log" >&2
        echo "failed: $label" >&2
        exit 1
    fi
}

wipe() {
    if [ -d "$folder/meson-private" ]; then
        find "$folder" -mindepth 1 -maxdepth 1 ! -name .lock ! -name dist -exec rm -rf {} +
    fi
}

wanted="CC=${CC-} CFLAGS=${CFLAGS-} LDFLAGS=${LDFLAGS-} $*"
sources=$("$root/scripts/list_sources.py" --all)
name=${folder#"$root"/}

if [ ! -f "$folder/build.ninja" ] || [ "$(cat "$folder/.options" 2>/dev/null)" != "$wanted" ]; then
    wipe
    step "configure $name" meson setup "$folder" "$root" "$@"
    printf '%s\n' "$wanted" >"$folder/.options"
    printf '%s\n' "$sources" >"$folder/.sources"
elif [ "$(cat "$folder/.sources" 2>/dev/null)" != "$sources" ]; then
    step "configure $name: the list of files changed" meson setup --reconfigure "$folder" "$root"
    printf '%s\n' "$sources" >"$folder/.sources"
fi

# shellcheck disable=SC2046,SC2086
step "build $name" ninja -C "$folder" -k 0 $([ "${V:-0}" = 1 ] || echo --quiet) ${TARGETS-}

#!/usr/bin/env bash
# Dependencies point downwards only, and the check that says so can fail.
set -u
root=${RV_SOURCE_ROOT:-$(cd "$(dirname "$0")/.." && pwd)}
check() {
    "$root/scripts/check_layers.py" "$1" 2>&1
}
count=0
result() { # result STATUS NAME OUTPUT
    count=$((count + 1))
    if [ "$1" = 0 ]; then
        echo "ok $count - $2"
    else
        echo "not ok $count - $2"
        # shellcheck disable=SC2001
        echo "$3" | sed 's/^/# /'
    fi
}
# refuses NAME WANTED: the check of the tree in $tree must fail with a line that holds WANTED
refuses() {
    local said
    said=$(check "$tree") && said="accepted: $said"
    case $said in
    accepted:*) result 1 "$1" "$said" ;;
    *"$2"*) result 0 "$1" ;;
    *) result 1 "$1" "$said" ;;
    esac
}
# start: an empty tree with a stage low enough to include, and one above it
start() {
    rm -rf "$tree"
    mkdir -p "$tree/src/base" "$tree/src/engine" "$tree/src/neurons" "$tree/src/synapses" "$tree/include/ranvier"
    touch "$tree/src/base/a.h" "$tree/src/engine/e.h" "$tree/src/neurons/n.h" "$tree/src/synapses/w.h"
    touch "$tree/include/ranvier/train.h"
}

echo "1..7"
said=$(check "$root")
result $? "no_source_includes_a_header_of_a_higher_stage" "$said"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree

start
echo '#include "base/a.h"' >"$tree/src/engine/e.c"
echo '#include "neurons/n.h"' >"$tree/src/synapses/w.c"
said=$(check "$tree")
result $? "including_downwards_and_sideways_is_accepted" "$said"

start
echo '#include "engine/e.h"' >"$tree/src/base/a.c"
refuses "including_upwards_is_refused" "src/base/a.c:1: base includes engine/e.h of the higher stage engine"

start
echo '#include <ranvier/train.h>' >"$tree/src/engine/e.c"
refuses "a_public_header_counts_as_its_stage" "higher stage train"

start
echo '#include "../synapses/w.h"' >"$tree/src/neurons/n.c"
echo '#include "neurons/n.h"' >"$tree/src/synapses/w.c"
refuses "two_stages_of_one_level_must_not_include_each_other" "neurons -> synapses -> neurons"

start
mkdir "$tree/src/misc"
refuses "a_folder_that_is_no_stage_is_refused" "src/misc: not a stage"

start
echo '#include <ranvier/train.h>' >"$tree/include/ranvier/base.h"
echo '#include <ranvier/base.h>' >"$tree/include/ranvier/train.h"
refuses "public_headers_must_not_include_each_other" "ranvier/base.h -> ranvier/train.h -> ranvier/base.h"

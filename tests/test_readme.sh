#!/usr/bin/env bash
# What the README shows is what is there.
root=${RV_SOURCE_ROOT:-$(dirname "$0")/..}
build=${RV_BUILD_ROOT:-$root/build}
cd "$root" || exit 1

number=0
# result STATUS NAME [DETAIL]
result() {
    number=$((number + 1))
    [ "$1" = 0 ] && echo "ok $number - $2" && return
    echo "not ok $number - $2"
    [ -z "${3-}" ] || printf '%s\n' "$3" | sed 's/^/# /'
}

echo "1..4"
difference=$(diff examples/quickstart.c <(sed -n '/^```c$/,/^```$/p' README.md | sed '1d;$d'))
result $? "the_program_in_the_readme_is_the_example" "$difference"

said=$("$build/examples/quickstart" 2>&1)
status=$?
case $said in *val_accuracy*) ;; *) status=1 ;; esac
result $status "the_program_in_the_readme_trains" "$said"

missing=$(grep -oE '\]\(([A-Za-z][A-Za-z0-9_./-]*)\)' README.md src/README.md CONTRIBUTING.md docs/*.md | sed 's/:.*(/ /; s/)$//' |
    while read -r page target; do
        [ -e "$target" ] || [ -e "$(dirname "$page")/$target" ] || echo "$page: $target"
    done)
[ -z "$missing" ]
result $? "every_file_that_the_pages_point_to_is_there" "$missing"

# Rows of the page's table of mlGeNN's defects name tests: `FILE`: `TEST`, `TEST`; a test is a function, or a name given
# where it is listed.
named=$(grep -oE '`test_[a-z_]+\.(c|py)`(, `[a-z0-9_]+`|: `[a-z0-9_]+`)+' docs/from_mlgenn.md | tr -d '`,' |
    while read -r file tests; do
        for test in $tests; do echo "${file%:} $test"; done
    done)
missing=$(echo "$named" | while read -r file test; do
    grep -qE "^static void $test\(void|^def $test\(|\"$test\"" "tests/$file" || echo "tests/$file has no test $test"
done)
unproven=$(sed -n '/^## Defects/,/^## Callbacks/p' docs/from_mlgenn.md | grep '^| ' | sed 1,2d | grep -v '`test_[a-z_]*\.[a-z]*`: `')
[ -z "$missing$unproven" ] && [ "$(echo "$named" | wc -l)" -ge 23 ]
result $? "every_defect_of_mlgenn_has_a_test_that_is_there" "$missing$unproven"

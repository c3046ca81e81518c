#!/usr/bin/env bash
# Where the time of a benchmark's workload goes, by function:  scripts/profile.sh FOLDER [WORKLOAD]
#
# Inference, then training, one thread. With perf: samples of the time between set-up and end. Without it, with callgrind:
# instructions, of the kernels for x86-64-v3, since valgrind knows no AVX-512. FOLDER is where the benchmark was built.
set -eu

bench=$1/bench/ranvier-bench
workload=${2:-shd256}
data=$1/profile.data

with_perf() { # with_perf PHASE: shares and functions, of samples of the thread's later name
    perf record -q -F 2000 -o "$data" "$bench" --repeat "$workload" "$1" 2 >/dev/null || exit 1
    perf report -i "$data" --sort comm,symbol --stdio 2>/dev/null | awk '
        $2 == "measured" { share[$4 ($3 == "[k]" ? " (kernel)" : "")] += $1; all += $1 }
        END { for (name in share) printf "%.1f%% %s\n", 100 * share[name] / all, name }' | sort -rn
}

with_callgrind() {
    RV_ISA=v3 valgrind -q --tool=callgrind --callgrind-out-file="$data" --toggle-collect=rv_run_execute \
        "$bench" --repeat "$workload" "$1" 0 >/dev/null || exit 1
    callgrind_annotate --auto=no "$data" |
        sed -n 's/^ *[0-9,]* *( *\([0-9.]*\)%) *[^:]*:\([^ ]*\).*/\1 \2/p' | awk '
        { share[$2] += $1 }
        END { for (name in share) printf "%.1f%% %s\n", share[name], name }' | sort -rn
}

if command -v perf >/dev/null && perf record -q -o "$data" true >/dev/null 2>&1; then
    profile=with_perf
    what='of the time, by perf'
elif command -v callgrind_annotate >/dev/null; then
    profile=with_callgrind
    what='of the instructions, by callgrind'
else
    echo "profile: neither perf (which may record here) nor valgrind is installed" >&2
    exit 2
fi

for phase in infer train; do
    echo "$workload, $phase: share $what"
    found=$($profile $phase)
    awk '$1 + 0 >= 1 { printf "%8s  %s %s\n", $1, $2, $3 }' <<<"$found"
done

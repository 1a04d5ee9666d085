#!/bin/sh
# soak.sh: many fuzz executions from the corpus, by two jobs with seeds of their own.
# SPDX-License-Identifier: Apache-2.0
set -eu

if [ "${1:-}" = "--help" ]; then
    cat <<'END'
tests/fuzz/soak.sh [RUNS [TARGET]]
  RUNS: executions in all (100000000). TARGET: fuzz_fit (the default) or fuzz_damage.
  New inputs gather in build/soak/; a finding is written there, and its name printed.
Exit: 0 no finding, 1 a finding.
END
    exit 0
fi
runs=${1:-100000000}
target=${2:-fuzz_fit}
jobs=${JOBS:-2}

cd "$(dirname "$0")/../.."
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target "$target" -j "$jobs" -- --quiet --no-print-directory
program=build/fuzz/tests/$target

pids=""
started=$(date +%s)
for job in $(seq "$jobs"); do
    found=build/soak/$target.$job
    mkdir -p "$found"
    "$program" -runs=$((runs / jobs)) -seed="$job" -max_len=129 -print_final_stats=1 \
        -artifact_prefix="build/soak/$target-" "$found" "tests/fuzz/corpus/$target" \
        2>"build/soak/$target.$job.log" &
    pids="$pids $!"
done
status=0
for pid in $pids; do
    wait "$pid" || status=1
done
for job in $(seq "$jobs"); do
    log=build/soak/$target.$job.log
    grep -E 'number_of_executed_units|average_exec_per_sec' "$log" || tail -n 40 "$log"
    grep -E '^FAIL|Test unit written' "$log" || true
done
echo "soak: $target, $runs executions asked, $(($(date +%s) - started)) s, status $status"
exit "$status"

#!/bin/sh
# soak.sh [CALLS [RUNS]]: the property tests for CALLS calls each, the fuzzers for RUNS executions.
# SPDX-License-Identifier: Apache-2.0
#
# Without arguments 200 million calls of each property test, 10 million operations of two harts on
# one manager, and 100 million executions of each fuzzer: many hours.
set -eu
cd "$(dirname "$0")/.."

calls=${1:-200000000}
runs=${2:-100000000}
jobs=${JOBS:-$(nproc)}
status=0

cmake --preset dev >/dev/null
cmake --build --preset dev --target property pipeline ownership reservation -j "$jobs" -- --quiet \
    --no-print-directory

# As many processes as there are processors, each with a seed of its own, told in its first line.
for test in property pipeline ownership reservation; do
    pids=""
    for job in $(seq "$jobs"); do
        build/dev/tests/$test --ops $(((calls + jobs - 1) / jobs)) --seed $((100000 * job)) \
            --progress 10000000 &
        pids="$pids $!"
    done
    for pid in $pids; do
        wait "$pid" || status=1
    done
done

SECONDS_EACH=7200 sh tests/port/run.sh riscv $((calls / 40)) || status=1
for fuzzer in fuzz_fit fuzz_damage; do
    sh tests/fuzz/soak.sh "$runs" "$fuzzer" || status=1
done
if [ "$status" -eq 0 ]; then
    echo "soak: $calls calls of each property test and $runs executions of each fuzzer, no finding"
else
    echo "soak: a FINDING, see above" >&2
fi
exit "$status"

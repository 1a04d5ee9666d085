#!/bin/sh
# soak.sh [CALLS [RUNS]]: the property test for CALLS calls, the fuzzers for RUNS executions each.
# SPDX-License-Identifier: Apache-2.0
#
# Without arguments 200 million calls and 100 million executions of each fuzzer: many hours.
set -eu
cd "$(dirname "$0")/.."

calls=${1:-200000000}
runs=${2:-100000000}
jobs=${JOBS:-$(nproc)}

cmake --preset dev >/dev/null
cmake --build --preset dev --target property -j "$jobs" -- --quiet --no-print-directory

# As many processes as there are processors, each with a seed of its own, told in its first line.
pids=""
for job in $(seq "$jobs"); do
    build/dev/tests/property --ops $(((calls + jobs - 1) / jobs)) --seed $((1000 * job)) \
        --progress 10000000 &
    pids="$pids $!"
done
status=0
for pid in $pids; do
    wait "$pid" || status=1
done

for fuzzer in fuzz_fit fuzz_damage; do
    sh tests/fuzz/soak.sh "$runs" "$fuzzer" || status=1
done
if [ "$status" -eq 0 ]; then
    echo "soak: $calls calls and $runs executions of each fuzzer, no finding"
else
    echo "soak: a FINDING, see above" >&2
fi
exit "$status"

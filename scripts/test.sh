#!/bin/sh
# test.sh [CTEST_OPTION...]: builds each configuration and runs all of their tests in one ctest.
# SPDX-License-Identifier: Apache-2.0
set -u
cd "$(dirname "$0")/.." || exit 1

presets="dev clang m32 asan fuzz"
jobs=${JOBS:-$(nproc)}
started=$(date +%s)
times=""

lap() { # STAGE: notes how long it took since the last
    now=$(date +%s)
    times="$times  $1: $((now - ${lapped:-$started})) s
"
    lapped=$now
}

build() { # PRESET
    if ! cmake --preset "$1" >build/configure.log 2>&1; then
        cat build/configure.log
        return 1
    fi
    cmake --build --preset "$1" -j "$jobs" -- --quiet --no-print-directory
}

# The last lines of every run, whatever came of it.
close() { # STATUS
    printf '\nTime by stage:\n%s  in all: %s s\n' "$times" "$(($(date +%s) - started))"
    if [ -f build/all/junit.xml ]; then
        python3 scripts/all_tests.py report build/all/junit.xml || set -- 1
        grep 'tests passed' build/all/log | tail -n 1
    else
        echo "0 passed, 1 failed"
    fi
    exit "$1"
}

rm -rf build/all
mkdir -p build
for preset in $presets; do
    echo "== build $preset"
    if ! build "$preset"; then
        lap "build $preset, FAILED"
        echo "test: '$preset' does not build" >&2
        close 1
    fi
    lap "build $preset"
done

echo "== test"
# shellcheck disable=SC2086 # a list of words
python3 scripts/all_tests.py gather build $presets || close 1
ctest --test-dir build/all -j "$jobs" --output-on-failure --no-tests=error \
    --output-junit junit.xml --output-log build/all/log "$@"
status=$?
lap "tests"
close "$status"

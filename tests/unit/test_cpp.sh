#!/bin/sh
# test_cpp.sh BUILD_DIR: test_cpp.cpp by g++ and clang++, as C++11 to C++20, in four ways each.
# SPDX-License-Identifier: Apache-2.0
#
# With exceptions and without, and, by one compiler as one standard, optimised and under sanitizers
# as well. BUILD_DIR has the libberth.a to link; it should be built without sanitizers.
set -eu

if [ ! -e "${1:-}/libberth.a" ]; then
    echo "usage: tests/unit/test_cpp.sh BUILD_DIR, which has libberth.a" >&2
    exit 2
fi
library=$(cd "$1" && pwd)/libberth.a
cd "$(dirname "$0")/../.."
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
failures=0

run() { # COMPILER STANDARD FLAG...
    name=$*
    compiler=$1
    standard=$2
    shift 2
    if "$compiler" "-std=$standard" "$@" -Iinclude -Wall -Wextra -Wpedantic -Wconversion \
        -Wsign-conversion -Wshadow -Wundef -Wcast-align -Wnon-virtual-dtor -Werror \
        tests/unit/test_cpp.cpp "$library" -o "$temp/test_cpp" &&
        timeout 60 "$temp/test_cpp" >"$temp/said"; then
        return
    fi
    cat "$temp/said" >&2
    echo "test_cpp.sh: fails: $name" >&2
    failures=$((failures + 1))
}

: >"$temp/said"
for compiler in g++ clang++; do
    for standard in c++11 c++14 c++17 c++20; do
        run "$compiler" "$standard"
        run "$compiler" "$standard" -fno-exceptions -fno-rtti
    done
done
run g++ c++20 -O2
run g++ c++17 -g -fsanitize=address,undefined -fno-sanitize-recover=all
echo "test_cpp.sh: 18 builds, $failures failures"
[ "$failures" -eq 0 ]

#!/bin/sh
# check_headers.sh [--self-test]: each public header compiles alone, as C11 and as C++11 to C++20.
# SPDX-License-Identifier: Apache-2.0
set -eu
cd "$(dirname "$0")/.."

failures=0

compile() { # COMPILER LANGUAGE STANDARD INCLUDES HEADER
    if ! printf '#include "%s"\n#include "%s"\n' "$5" "$5" |
        "$1" -x "$2" -std="$3" -I"$4" -fsyntax-only -Wall -Wextra -Wundef -Wshadow -Wconversion \
            -pedantic -Werror -; then
        echo "check_headers: $5 does not compile as $3 by $1" >&2
        failures=$((failures + 1))
    fi
}

check_folder() { # FOLDER that holds berth/
    for header in "$1"/berth/*.h; do
        for compiler in gcc clang; do
            compile "$compiler" c c11 "$1" "berth/${header##*/}"
        done
        for standard in c++11 c++14 c++17 c++20; do
            compile g++ c++ "$standard" "$1" "berth/${header##*/}"
            compile clang++ c++ "$standard" "$1" "berth/${header##*/}"
        done
    done
}

# A header that leans on another, and one that is C only: each of them must be found out.
self_test() {
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    mkdir "$folder/berth"
    echo 'uint32_t leans(void);' >"$folder/berth/x.h"
    check_folder "$folder" 2>/dev/null
    [ "$failures" -eq 10 ] || return 1
    failures=0
    printf '#pragma once\nstatic inline int *c_only(void *class) { return class; }\n' \
        >"$folder/berth/x.h"
    check_folder "$folder" 2>/dev/null
    [ "$failures" -eq 8 ] || return 1
}

if [ "${1:-}" = --self-test ]; then
    self_test && echo "self-test: 2 headers, 0 misjudged"
    exit
fi
check_folder include
echo "check_headers: $failures complaints"
[ "$failures" -eq 0 ]

#!/bin/sh
# lint.sh BUILD_DIR: clang-tidy, as .clang-tidy says, and cppcheck over our C, shellcheck.
# SPDX-License-Identifier: Apache-2.0
set -eu
cd "$(dirname "$0")/.."

cpp_check() {
    cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr -I include \
        --enable=warning,style,performance,portability \
        --suppress=missingIncludeSystem --suppress=unusedStructMember "$@"
}

# Both must see a fault that is there.
self_test() {
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    printf 'int f(int n)\n{\n    int a[4] = {0};\n    return n > 0 ? a[4] : n / 0;\n}\n' \
        >"$folder/bad.c"
    cp .clang-tidy "$folder/"
    ! clang-tidy --quiet "$folder/bad.c" -- -std=c11 >/dev/null 2>&1 || return 1
    ! cpp_check "$folder/bad.c" 2>/dev/null || return 1
    echo "self-test: 2 linters, 0 blind"
}

if [ "${1:-}" = --self-test ]; then
    self_test
    exit
fi

files=$(sed -n 's/^ *"file": "\(.*\)".*/\1/p' "$1/compile_commands.json" | sort -u)
if ! echo "$files" | xargs -n 4 -P "$(nproc)" clang-tidy --quiet -p "$1" 2>"$1/lint.log"; then
    grep -v 'warnings\? generated' "$1/lint.log" >&2
    exit 1
fi
# shellcheck disable=SC2046 # a list of words
cpp_check $(cat sources.txt)
shellcheck scripts/*.sh .ci/run
echo "lint: no complaints"

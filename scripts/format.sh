#!/bin/sh
# format.sh [--check]: lays out all C as .clang-format says, or tells what is not laid out so.
# SPDX-License-Identifier: Apache-2.0
set -eu
cd "$(dirname "$0")/.."

c_files() {
    find . \( -path ./build -o -path ./.git \) -prune -o \
        \( -name '*.[ch]' -o -name '*.[ch]pp' \) -print
}

case ${1:-} in
--check) c_files | sort | xargs clang-format --dry-run --Werror ;;
--self-test) ! printf 'int  x;\n' | clang-format --dry-run --Werror 2>/dev/null ;;
"") c_files | xargs clang-format -i ;;
*) echo "usage: scripts/format.sh [--check | --self-test]" >&2 && exit 2 ;;
esac

#!/bin/sh
# check_headers.sh [--self-test]: each public header compiles alone and with the others, everywhere.
# SPDX-License-Identifier: Apache-2.0
#
# *.h as C11 by each C compiler that is here, and as C++11 to C++20; *.hpp as C++ alone, with
# exceptions and RTTI and without. Each of them twice in a row, then all in order, and all in
# reverse order, so that each comes before each other once. Then what only shows in use.
set -eu
cd "$(dirname "$0")/.."

failures=0
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT

c_compilers="gcc clang"
for cross in arm-none-eabi-gcc riscv64-unknown-elf-gcc; do
    if command -v "$cross" >/dev/null; then c_compilers="$c_compilers $cross"; fi
done
cpp_compilers="g++ clang++"
cpp_standards="c++11 c++14 c++17 c++20"
bare="-fno-exceptions -fno-rtti"

# The text is in $temp/text; what the compiler says goes to $temp/said.
compiles() { # COMPILER STANDARD FLAGS FOLDER
    case $2 in c11) language=c ;; *) language=c++ ;; esac
    case $1 in riscv*) target=-ffreestanding ;; *) target= ;; esac # it brings no C library
    # shellcheck disable=SC2086 # lists of words
    "$1" -x $language "-std=$2" $target $3 -I"$4" -fsyntax-only -Wall -Wextra -Wundef -Wshadow \
        -Wconversion -pedantic-errors -Werror - <"$temp/text" >"$temp/said" 2>&1
}

complain() { # WHAT COMPILER STANDARD FLAGS
    cat "$temp/said" >&2
    echo "check_headers: $1 as $3 by $2${4:+ $4}" >&2
    failures=$((failures + 1))
}

expect() { # COMPILER STANDARD FLAGS FOLDER WHAT
    compiles "$1" "$2" "$3" "$4" || complain "$5 does not compile" "$1" "$2" "$3"
}

expect_c() { # FOLDER WHAT
    for compiler in $c_compilers; do expect "$compiler" c11 "" "$1" "$2"; done
}

expect_cpp() { # FOLDER WHAT [FLAGS]
    for compiler in $cpp_compilers; do
        for standard in $cpp_standards; do expect "$compiler" "$standard" "${3:-}" "$1" "$2"; done
    done
}

refuse_cpp() { # FOLDER WHAT STANDARDS
    for compiler in $cpp_compilers; do
        for standard in $3; do
            ! compiles "$compiler" "$standard" "" "$1" ||
                complain "$2 compiles" "$compiler" "$standard" ""
        done
    done
}

include_all() { # NAME...
    for name in "$@"; do printf '#include "berth/%s"\n' "$name"; done >"$temp/text"
    echo 'extern int never_empty;' >>"$temp/text"
}

names_in() { # FOLDER ENDING
    find "$1/berth" -name "*.$2" -exec basename {} \; | sort
}

check_alone() { # FOLDER
    for name in $(names_in "$1" h); do
        include_all "$name" "$name"
        expect_c "$1" "$name"
        expect_cpp "$1" "$name"
    done
    for name in $(names_in "$1" hpp); do
        include_all "$name" "$name"
        expect_cpp "$1" "$name"
        expect_cpp "$1" "$name" "$bare"
    done
}

# shellcheck disable=SC2046 # lists of words
check_together() { # FOLDER
    include_all $(names_in "$1" h)
    expect_c "$1" "all headers in order"
    include_all $(names_in "$1" h | sort -r)
    expect_c "$1" "all headers in reverse order"
    include_all $(names_in "$1" h) $(names_in "$1" hpp)
    expect_cpp "$1" "all headers in order"
    include_all $(names_in "$1" hpp | sort -r) $(names_in "$1" h | sort -r)
    expect_cpp "$1" "all headers in reverse order"
}

check_define() { # FOLDER
    cat >"$temp/text" <<'END'
#include "berth/berth.h"
extern const berth_port_t the_port;
static berth_region_t the_regions[2];
static const char *const the_names[] = {"others", "net", "app"};
BERTH_DEFINE(named, &the_port, the_regions, 3, the_names, 64);
BERTH_DEFINE(nameless, &the_port, the_regions, 127, NULL, 8);
berth_t *manager(bool is_named);
berth_t *manager(bool is_named)
{
    return is_named ? &named : &nameless;
}
END
    expect_c "$1" BERTH_DEFINE
    expect_cpp "$1" BERTH_DEFINE
    expect_cpp "$1" BERTH_DEFINE "$bare"
}

body() { # STATEMENT
    printf '#include "berth/berth.hpp"\nvoid use(berth_t &m);\nvoid use(berth_t &m)\n{\n%s\n}\n' \
        "$1" >"$temp/text"
}

# What must not compile, after what must, which differs in the faults alone.
check_misuse() { # FOLDER
    body "const berth::owner_scope scope{m, 1};
          const berth::request last(0);
          static_cast<void>(berth::make_block(m, berth::request(9).or_else(last)));
          struct x {}; static_cast<void>(berth::make_unique<x[]>(m, 0, 5));"
    expect_cpp "$1" "proper use"
    body "berth::owner_scope{m, 1};"
    refuse_cpp "$1" "a scope that ends at once" "c++17 c++20"
    body "static_cast<void>(berth::make_block(m, berth::request(9).or_else(berth::request(0))));"
    refuse_cpp "$1" "a request with one behind it that may be gone" "c++11 c++20"
    body "struct x { ~x() {} }; static_cast<void>(berth::make_unique<x[]>(m, 0, 5));"
    refuse_cpp "$1" "an array that nobody ends" "c++11 c++20"
}

check_folder() { # FOLDER that holds berth/
    check_alone "$1"
    check_together "$1"
    [ ! -e "$1/berth/berth.h" ] || check_define "$1"
    [ ! -e "$1/berth/berth.hpp" ] || check_misuse "$1"
}

count() { # WORD...
    echo $#
}

misjudged=0
judge() { # EXPECTED NAME: complaints about the folder; it is empty afterwards
    failures=0
    check_folder "$temp/faulty" 2>"$temp/complaints"
    if [ "$failures" -ne "$1" ]; then
        echo "self-test: $2: $failures complaints, not $1" >&2
        grep '^check_headers' "$temp/complaints" >&2
        misjudged=$((misjudged + 1))
    fi
    rm -f "$temp"/faulty/berth/*
}

self_test() {
    cpp_standards="c++11 c++20"
    mkdir -p "$temp/faulty/berth"
    faulty=$temp/faulty/berth
    # shellcheck disable=SC2086 # lists of words
    {
        as_c=$(count $c_compilers)
        as_cpp=$(($(count $cpp_compilers) * $(count $cpp_standards)))
    }

    echo '#pragma once' >"$faulty/x.h"
    judge 0 "a good header"
    echo 'uint32_t leans(void);' >"$faulty/x.h"
    judge $((3 * (as_c + as_cpp))) "a header that leans on another"
    printf '#pragma once\nstatic inline int *c_only(void *class) { return class; }\n' >"$faulty/x.h"
    judge $((3 * as_cpp)) "a header for C alone"
    echo 'struct unguarded { int a; };' >"$faulty/x.h"
    judge $((as_c + as_cpp)) "a header that cannot be included twice"
    printf '#pragma once\nstruct both { int x; };\n' >"$faulty/x.h"
    printf '#pragma once\nstruct both { int y; };\n' >"$faulty/y.h"
    judge $((2 * (as_c + as_cpp))) "two headers that exclude each other"
    printf '#pragma once\ninline void f() { throw 1; }\n' >"$faulty/x.hpp"
    judge "$as_cpp" "a header that needs exceptions"
    sed 's/static berth_account_t name##/typedef int class; &/' include/berth/berth.h \
        >"$faulty/berth.h"
    cp include/berth/[!b]*.h "$faulty/"
    judge $((2 * as_cpp)) "a macro that expands in C alone"
    echo "self-test: 7 folders, $misjudged misjudged"
    [ "$misjudged" -eq 0 ]
}

case ${1:-} in
"") ;;
--self-test) self_test; exit ;;
*) echo "usage: scripts/check_headers.sh [--self-test]" >&2 && exit 2 ;;
esac
check_folder include
echo "check_headers: $failures complaints"
[ "$failures" -eq 0 ]

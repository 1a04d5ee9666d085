#!/bin/sh
# check_abi.sh [--update] BUILD_DIR: the shared library is still what scripts/abi/berth.abi says.
# SPDX-License-Identifier: Apache-2.0
#
# What programs were compiled against: functions, variables, and the layout of every type that
# they lead to, as abidw (libabigail) reads them from the debug information. Macros are not seen.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
baseline=$here/abi/berth.abi
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT

usage() {
    cat <<END
usage: scripts/check_abi.sh BUILD_DIR             compare libberth.so there with the baseline
       scripts/check_abi.sh --update BUILD_DIR    make it the baseline, scripts/abi/berth.abi
       scripts/check_abi.sh --self-test
0: the same; 1: not the same; 2: it could not be told; 77: skipped: no abidw, or not the machine
that the baseline is of. BUILD_DIR must have debug information: build/dev has.
END
}

untold() {
    echo "check_abi: $*" >&2
    exit 2
}

skip() {
    echo "check_abi: skipped: $*"
    exit 77
}

# Names and layouts alone: nothing of where it was built, of lines, or of what is private.
describe() { # LIBRARY FILE
    abidw --no-corpus-path --no-comp-dir-path --no-show-locs --no-elf-needed --type-id-style hash \
        --exported-interfaces-only --drop-undefined-syms --no-parameter-names \
        "$1" >"$temp/described" || return 2
    grep -q '<abi-instr' "$temp/described" || return 2
    sed "s| path='[^']*/| path='|" "$temp/described" >"$2"
}

# 0: the same; 1: a program that was compiled against the one may fail with the other; 3: there is
# more than there was; 2: abidiff could not tell. What is different goes to stdout.
compare() { # BASELINE DESCRIBED
    status=0
    abidiff --no-added-syms "$1" "$2" || status=$?
    [ $((status & 3)) -eq 0 ] || return 2
    [ "$status" -eq 0 ] || return 1
    abidiff "$1" "$2" || return 3
}

machine_of() { # DESCRIBED
    sed -n "s/.* architecture='\([^']*\)'.*/\1/p" "$1" | head -n 1
}

library_of() { # BUILD_DIR
    [ -e "$1/libberth.so" ] || untold "no $1/libberth.so: cmake --build $1"
    describe "$1/libberth.so" "$temp/now.abi" ||
        untold "$1/libberth.so has no debug information: use build/dev"
}

update() { # BUILD_DIR
    library_of "$1"
    mkdir -p "$here/abi"
    cp "$temp/now.abi" "$baseline"
    echo "check_abi: scripts/abi/berth.abi is what $1/libberth.so is"
}

check() { # BUILD_DIR
    [ -e "$baseline" ] || untold "no scripts/abi/berth.abi: scripts/check_abi.sh --update $1"
    library_of "$1"
    [ "$(machine_of "$baseline")" = "$(machine_of "$temp/now.abi")" ] ||
        skip "the baseline is of $(machine_of "$baseline")"
    changed=0
    compare "$baseline" "$temp/now.abi" >"$temp/changes" || changed=$?
    case $changed in
    0) echo "check_abi: no change" && return ;;
    2) untold "abidiff cannot compare: $(cat "$temp/changes")" ;;
    esac
    cat "$temp/changes" >&2
    if [ "$changed" -eq 3 ]; then
        echo "check_abi: compatible, but the baseline does not know what is new, and would not" \
            "miss it" >&2
    else
        echo "check_abi: programs that were compiled before this change may fail after it. Undo" \
            "it; or, if it is meant, raise the minor version (the major one from 1.0 on) in" \
            "CMakeLists.txt and berth.h, and tell it in CHANGELOG.md" >&2
    fi
    echo "check_abi: then: scripts/check_abi.sh --update $1" >&2
    return 1
}

build() { # NAME TEXT: describes a library of its own folder
    mkdir "$temp/$1"
    printf '%s\n' "$2" >"$temp/$1/thing.c"
    cc -g -shared -fPIC -Wl,-soname,libthing.so.0 "$temp/$1/thing.c" -o "$temp/$1/libthing.so"
    describe "$temp/$1/libthing.so" "$temp/$1.abi"
}

# Each library differs from the first in one way.
self_test() {
    misjudged=0
    head='struct thing { int a; enum { X, Y } b; }; struct hidden { int c; };'
    body='int of(struct thing *t) { struct hidden h = {t->a}; return (int)h.c; }'
    more='int more(void) { return 1; }'
    build first "$head $body $more"
    while read -r expected name text; do
        build "$name" "$text"
        judged=0
        compare "$temp/first.abi" "$temp/$name.abi" >"$temp/said" || judged=$?
        if [ "$judged" -ne "$expected" ]; then
            echo "self-test: $name is judged $judged, not $expected" >&2
            cat "$temp/said" >&2
            misjudged=$((misjudged + 1))
        fi
    done <<END
0 same /* elsewhere */ $head $body $more
0 private $(echo "$head" | sed 's/int c;/long c;/') $body $more
1 grown $(echo "$head" | sed 's/int a;/int a; long more;/') $body $more
1 retyped $(echo "$head" | sed 's/int a;/unsigned a;/') $body $more
1 reordered $(echo "$head" | sed 's/int a; \(.*\) b; };/\1 b; int a; };/') $body $more
1 renumbered $(echo "$head" | sed 's/X, Y/Y, X/') $body $more
1 removed $head $body
1 called $head $body $(echo "$more" | sed 's/(void)/(int n)/')
3 added $head $body $more int new(void) { return 2; }
END
    if grep "$temp" "$temp"/*.abi >&2; then
        echo "self-test: a path of this machine is described" >&2
        misjudged=$((misjudged + 1))
    fi
    strip --strip-debug "$temp/first/libthing.so"
    if describe "$temp/first/libthing.so" "$temp/none.abi" 2>/dev/null; then
        echo "self-test: a library without debug information is described" >&2
        misjudged=$((misjudged + 1))
    fi
    echo "self-test: 11 libraries, $misjudged misjudged"
    [ "$misjudged" -eq 0 ]
}

case "$#${1:-}" in
1--help) usage && exit ;;
1--self-test | 2--update | 1[!-]*) ;;
*) usage >&2 && exit 2 ;;
esac
if ! command -v abidw >/dev/null || ! command -v abidiff >/dev/null; then
    skip "no abidw: install Debian's abigail-tools"
fi
case $1 in
--self-test) self_test ;;
--update) update "$2" ;;
*) check "$1" ;;
esac

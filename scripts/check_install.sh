#!/bin/sh
# check_install.sh BUILD_DIR: what is installed serves C and C++, wherever it is moved to.
# SPDX-License-Identifier: Apache-2.0
set -eu

build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT

fail() {
    echo "check_install: $*" >&2
    exit 1
}

# Installed in one place and moved to another: nothing may remember the first.
cmake --install "$build" --prefix "$temp/first" >/dev/null
mv "$temp/first" "$temp/prefix"
if grep -rIl "$temp/first\|$build" "$temp/prefix"; then
    fail "these files remember where they were built or installed"
fi
lib=$(dirname "$(find "$temp/prefix" -name libberth.a)")
for file in libberth.so libberth.so.0 pkgconfig/berth.pc cmake/berth/berthConfig.cmake; do
    [ -e "$lib/$file" ] || fail "no $file"
done
for header in "$here"/../include/berth/*; do
    [ -e "$temp/prefix/include/berth/${header##*/}" ] || fail "no $header"
done

[ -e "$temp/prefix/include/berth/ports/port_linux.h" ] || fail "no header of the port"

# The shared library shows what is public, and nothing else.
readelf -d "$lib/libberth.so" | grep -q 'SONAME.*\[libberth.so.0\]' || fail "wrong soname"
hidden=$(nm -D --defined-only "$lib/libberth.so" | awk '{ print $3 }' | grep -v '^berth_' || true)
[ -z "$hidden" ] || fail "the shared library exports $hidden"

DESTDIR="$temp/staged" cmake --install "$build" --prefix /usr >/dev/null
[ -e "$temp/staged/usr/include/berth/types.h" ] || fail "DESTDIR is not heeded"

export PKG_CONFIG_PATH="$lib/pkgconfig" LD_LIBRARY_PATH="$lib"
cp "$here/consumer/consumer.c" "$temp/consumer.c"
cp "$here/consumer/consumer.c" "$temp/consumer.cpp"
flags=$(pkg-config --cflags --libs berth)
for compiler in "gcc -std=c11" "g++ -std=c++11"; do
    case $compiler in g++*) source=$temp/consumer.cpp ;; *) source=$temp/consumer.c ;; esac
    # shellcheck disable=SC2086 # lists of words
    $compiler -Wall -Wextra -Werror "$source" $flags -o "$temp/consumer"
    "$temp/consumer" || fail "$compiler by pkg-config: the program fails"
done
readelf -d "$temp/consumer" | grep -q 'NEEDED.*libberth.so.0' || fail "not linked to the soname"

cmake -S "$here/consumer" -B "$temp/cmake" -DCMAKE_PREFIX_PATH="$temp/prefix" \
    -DWANTED="$(pkg-config --modversion berth)" >/dev/null
cmake --build "$temp/cmake" >/dev/null
unset LD_LIBRARY_PATH
for program in c_static c_shared cpp_static cpp_shared; do
    "$temp/cmake/consumer_$program" || fail "$program by find_package: the program fails"
done

# The README's own program, built as the README says.
awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' "$here/../README.md" >"$temp/hello.c"
# shellcheck disable=SC2086 # a list of words
cc "$temp/hello.c" $flags "-Wl,-rpath,$lib" -o "$temp/hello"
"$temp/hello" | grep -q 'in psram' || fail "the README's program fails"

# And it can fail: a version that is not there is not found.
if pkg-config --exists 'berth >= 99' || cmake -S "$here/consumer" -B "$temp/none" \
    -DCMAKE_PREFIX_PATH="$temp/prefix" -DWANTED=99 >/dev/null 2>&1; then
    fail "version 99 is found"
fi
echo "check_install: C and C++, static and shared, by pkg-config and find_package"

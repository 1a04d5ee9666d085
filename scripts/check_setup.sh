#!/bin/sh
# check_setup.sh: setup.sh installs, asks or refuses as it says, shown with commands that only note.
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # the commands written here expand their own variables
set -eu

here=$(cd "$(dirname "$0")" && pwd)
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
mkdir "$temp/bin"

command_that() { # NAME SCRIPT
    printf '#!/bin/sh\n%s\n' "$2" >"$temp/bin/$1"
    chmod +x "$temp/bin/$1"
}

# A machine that has no compiler, and an apt-get that finds nothing before an update.
for name in sh cat env sed grep rm touch; do
    ln -s "$(command -v "$name")" "$temp/bin/$name"
done
command_that dpkg-query 'exit 1'
command_that apt-get 'echo "apt-get $*" >>"$NOTES"
case $1 in update) touch "$NOTES.known" ;; *) [ -e "$NOTES.known" ] ;; esac'
export NOTES="$temp/notes"

run_as() { # UID JOB [CI]: leaves the status in $status, what was said in $temp/said
    rm -f "$NOTES" "$NOTES.known"
    : >"$NOTES"
    command_that id "echo $1"
    status=0
    env -i PATH="$temp/bin" NOTES="$NOTES" CI="${3:-}" sh "$here/setup.sh" "$2" \
        </dev/null >"$temp/said" 2>&1 || status=$?
}

expect() { # CLAIM COMMAND...
    claim=$1
    shift
    if ! "$@"; then
        echo "check_setup: not so: $claim" >&2
        cat "$temp/said" "$NOTES" >&2
        exit 1
    fi
}

run_as 0 run
expect "root: it succeeds" [ "$status" -eq 0 ]
expect "root: an update when apt-get knows nothing" grep -q '^apt-get update' "$NOTES"
expect "root: what is missing gets installed" grep -q 'install.* gcc .*cmake' "$NOTES"
expect "run: no cross compiler" sh -c "! grep -q arm-none-eabi '$NOTES'"

run_as 0 test yes
expect "root under CI: it succeeds" [ "$status" -eq 0 ]
expect "test: the cross compilers too" grep -q 'gcc-arm-none-eabi' "$NOTES"
expect "test: no bench peers" sh -c "! grep -q libjemalloc2 '$NOTES'"

command_that sudo 'echo "sudo $*" >>"$NOTES"'
for ci in "" yes; do
    run_as 1000 run "$ci"
    expect "a user without a terminal: 2" [ "$status" -eq 2 ]
    expect "a user without a terminal: told the packages" grep -q 'gcc .*cmake' "$temp/said"
    expect "a user without a terminal: told the command" grep -q 'apt-get install' "$temp/said"
    expect "a user without a terminal: nothing was done" [ ! -s "$NOTES" ]
done

rm "$temp/bin/apt-get"
run_as 0 run
expect "no apt-get: 2" [ "$status" -eq 2 ]

for name in gcc cmake; do command_that "$name" ''; done
run_as 1000 run
expect "all there: nothing to do" [ "$status" -eq 0 ]

run_as 0 dance
expect "an unknown job: 2" [ "$status" -eq 2 ]
echo "check_setup: setup.sh does as it says"

#!/bin/sh
# setup.sh JOB: sees to it that what JOB (run, test or bench) needs is installed.
# SPDX-License-Identifier: Apache-2.0
#
# As root it installs what is missing; otherwise it names it, asks, and uses sudo. Without a
# terminal, or with CI set, it never asks: it names what is missing and ends with 2.
set -eu

# What each job needs beyond the one before it: a Debian 12 package, and the command or the file
# that shows that it is there, whoever installed it.
needs_of_run() {
    cat <<END
gcc gcc
libc6-dev /usr/include/stdio.h
cmake cmake
END
}

needs_of_targets() {
    cat <<END
gcc-arm-none-eabi arm-none-eabi-gcc
picolibc-arm-none-eabi /usr/lib/picolibc/arm-none-eabi/picolibc.specs
gcc-riscv64-unknown-elf riscv64-unknown-elf-gcc
picolibc-riscv64-unknown-elf /usr/lib/picolibc/riscv64-unknown-elf/picolibc.specs
qemu-system-arm qemu-system-arm
qemu-system-misc qemu-system-riscv32
qemu-user qemu-x86_64
xz-utils xz
END
}

needs_of_bench() {
    needs_of_targets
    cat <<END
libmimalloc2.0 -
libjemalloc2 -
libtcmalloc-minimal4 -
END
}

needs_of_test() {
    needs_of_targets
    cat <<END
g++ g++
pkg-config pkg-config
python3 python3
gcc-multilib -
libcmocka-dev /usr/include/cmocka.h
libmbedtls-dev /usr/include/mbedtls/ssl.h
clang clang
libclang-rt-14-dev -
clang-format clang-format
clang-tidy clang-tidy
cppcheck cppcheck
shellcheck shellcheck
gcovr gcovr
abigail-tools abidw
END
}

has() { # PROBE PACKAGE
    case $1 in
    /*) [ -e "$1" ] && return 0 ;;
    -) command -v dpkg-query >/dev/null || return 0 ;; # nothing to tell it by but Debian's list
    *) command -v "$1" >/dev/null && return 0 ;;
    esac
    dpkg-query -W -f '${db:Status-Status}\n' "$2" 2>/dev/null | grep -qx installed || return 1
    case $1 in
    /* | -) ;;
    *) echo "setup: $2 is installed, but '$1' is not in PATH: $PATH" >&2 ;;
    esac
}

missing_of() { # JOB
    {
        needs_of_run
        [ "$1" = run ] || "needs_of_$1"
    } | while read -r package probe; do
        has "$probe" "$package" || printf '%s ' "$package"
    done
}

# The archive is asked for its news only if what is known of it does not do.
install_packages() { # SUDO PACKAGE...
    sudo=$1
    shift
    set -- env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
    $sudo "$@" && return
    $sudo apt-get update
    $sudo "$@"
}

refuse() { # JOB PACKAGES
    echo "setup: 'make $1' needs packages that are not installed: $2" >&2
    if command -v apt-get >/dev/null; then
        echo "setup: as root: apt-get install --no-install-recommends $2; then try again" >&2
    else
        echo "setup: these are Debian's names; install the like of them, then try again" >&2
    fi
    exit 2
}

main() {
    job=${1:-}
    case $job in
    run | test | bench) ;;
    *)
        echo "usage: scripts/setup.sh run|test|bench" >&2
        exit 2
        ;;
    esac
    missing=$(missing_of "$job")
    missing=${missing% }
    [ -n "$missing" ] || exit 0
    command -v apt-get >/dev/null || refuse "$job" "$missing"
    if [ "$(id -u)" -eq 0 ]; then
        echo "setup: installing what 'make $job' needs: $missing"
        # shellcheck disable=SC2086 # a list of words
        install_packages "" $missing
        exit 0
    fi
    if [ -n "${CI:-}" ] || [ ! -t 0 ] || ! command -v sudo >/dev/null; then
        refuse "$job" "$missing"
    fi
    printf "setup: 'make %s' needs %s. Install with sudo? [y/N] " "$job" "$missing"
    read -r answer
    case $answer in
    y | Y | yes) ;;
    *) refuse "$job" "$missing" ;;
    esac
    # shellcheck disable=SC2086 # a list of words
    install_packages sudo $missing
}

main "$@"

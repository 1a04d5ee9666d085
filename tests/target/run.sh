#!/bin/sh
# run.sh: the property tests and the layout test on four targets; the layout must be the same bytes.
# SPDX-License-Identifier: Apache-2.0
set -eu

usage() {
    cat <<'END'
tests/target/run.sh [arm|riscv|linux64|linux32|all] [CALLS]
  Builds the programs for each target, runs them (bare metal under QEMU), and compares the layouts
  with tests/target/layout.txt.
  CALLS: property calls on each target (200000).
Exit: 0 all agree, 1 a difference or a failure, 2 wrong usage.
END
}

case "${1:-all}" in
--help) usage; exit 0 ;;
all) targets="linux64 linux32 arm riscv" ;;
arm | riscv | linux64 | linux32) targets=$1 ;;
*) usage >&2; exit 2 ;;
esac
calls=${2:-200000}

cd "$(dirname "$0")/../.."
out=build/target
mkdir -p "$out"

sources="$(cat sources.txt) tests/model/model.c tests/model/shape.c tests/model/trial.c
         tests/model/generate.c"
pipeline="tests/property/pipeline.c $(echo tests/model/pipeline_*.c)"
common="-std=c11 -O2 -g -Wall -Wextra -Werror -Iinclude -Itests/model"
bare="--specs=picolibc.specs --oslib=semihost --crt0=semihost -DTEST_HAS_PSRAM
      -Ltests/target -T psram.ld -Wl,--defsym=__stack_size=0x1000"

# SRAM holds the model and the regions up to 512 KB, PSRAM the larger ones.
arm_map="-Wl,--defsym=__flash=0,--defsym=__flash_size=0x400000
         -Wl,--defsym=__ram=0x20000000,--defsym=__ram_size=0x400000
         -Wl,--defsym=__psram=0x21000000,--defsym=__psram_size=0x1000000"
riscv_map="-Wl,--defsym=__flash=0x80000000,--defsym=__flash_size=0x400000
           -Wl,--defsym=__ram=0x80400000,--defsym=__ram_size=0x400000
           -Wl,--defsym=__psram=0x80800000,--defsym=__psram_size=0x1000000"

compile() { # target program source...
    target=$1
    program=$2
    shift 2
    # shellcheck disable=SC2086 # the flags are words
    case "$target" in
    linux64) ${CC:-gcc} $common "$@" -o "$program" ;;
    linux32) ${CC:-gcc} -m32 $common "$@" -o "$program" ;;
    arm) arm-none-eabi-gcc -mcpu=cortex-m3 -mthumb $common $bare $arm_map "$@" -o "$program" ;;
    riscv) riscv64-unknown-elf-gcc -march=rv32imac -mabi=ilp32 $common $bare $riscv_map \
        "$@" -o "$program" ;;
    esac
}

execute() { # target program [argument...]
    target=$1
    program=$2
    shift 2
    semihosting="enable=on,target=native,chardev=c0"
    for argument; do
        semihosting="$semihosting,arg=$argument"
    done
    qemu_flags="-icount shift=0 -nographic -serial none -monitor none -chardev stdio,id=c0
                -semihosting-config $semihosting -kernel $program"
    # shellcheck disable=SC2086 # the flags are words
    case "$target" in
    linux64 | linux32) "$program" "$@" ;;
    arm) qemu-system-arm -M mps2-an385 $qemu_flags </dev/null ;;
    riscv) qemu-system-riscv32 -M virt -bios none -m 32M $qemu_flags </dev/null ;;
    esac
}

run() { # target; its row goes into a file, for they run side by side
    failures=0
    # shellcheck disable=SC2046,SC2086 # lists of words
    {
        compile "$1" "$out/property.$1" tests/property/property.c $sources
        compile "$1" "$out/layout.$1" tests/target/layout.c $sources
        compile "$1" "$out/pipeline.$1" $pipeline $(cat sources.txt)
        compile "$1" "$out/pipeline-Os.$1" -Os $pipeline $(cat sources.txt) # without short ways
    }
    property=fine
    for program in property pipeline pipeline-Os; do
        if ! execute "$1" "$out/$program.$1" --ops "$calls" >"$out/$program.$1.txt"; then
            property=FAILED
            failures=$((failures + 1))
            cat "$out/$program.$1.txt"
        fi
    done
    if ! execute "$1" "$out/layout.$1" >"$out/layout.$1.txt"; then
        failures=$((failures + 1))
        cat "$out/layout.$1.txt"
    fi
    layout=$(cksum <"$out/layout.$1.txt" | cut -d ' ' -f 1)
    if ! diff tests/target/layout.txt "$out/layout.$1.txt"; then
        layout="$layout DIFFERS"
        failures=$((failures + 1))
    fi
    printf '%-8s  %8s calls %-6s  %s\n' "$1" "$calls" "$property" "$layout" >"$out/row.$1"
    [ "$failures" -eq 0 ]
}

rm -f "$out"/row.*
running=""
for each in $targets; do
    run "$each" >"$out/told.$each" 2>&1 &
    running="$running $!"
done
failures=0
for each in $running; do
    wait "$each" || failures=$((failures + 1))
done
for each in $targets; do
    cat "$out/told.$each"
done
cat tests/target/layout.txt
printf '\ntarget    property               layout\n'
for each in $targets; do
    cat "$out/row.$each" || failures=$((failures + 1))
done
[ "$failures" -eq 0 ]

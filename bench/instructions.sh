#!/bin/sh
# instructions.sh: counts the instructions of each engine call, and the region's lines it touches.
# SPDX-License-Identifier: Apache-2.0
set -eu

usage() {
    cat <<'END'
bench/instructions.sh BUILD_DIR [--lower] [--target x86-64|cortex-m3|rv32] [--trace NAME]
  Replays the traces under QEMU with a plugin that counts, prints the tables, judges the bars, and
  compares with the ceilings of bench/ceilings.csv. BUILD_DIR is what CMake filled (build/bench).
  --lower   write the ceilings anew where the figures fell; they never rise
  --target  only this one
  --trace   only this one
Exit: 0 bars met, 1 a bar missed or a ceiling exceeded, 2 could not be told.
END
}

wanted_targets="x86-64 cortex-m3 rv32"
wanted_trace=
lower=
[ $# -gt 0 ] || { usage >&2; exit 2; }
[ "$1" != --help ] || { usage; exit 0; }
build=$(cd "$1" && pwd)/bench
shift
while [ $# -gt 0 ]; do
    case $1 in
    --help) usage; exit 0 ;;
    --lower) lower=--lower ;;
    --target) shift; wanted_targets=$1 ;;
    --trace) shift; wanted_trace=$1 ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done

cd "$(dirname "$0")"
root=$(pwd)/..
work=$build/count
results=$work/results.csv
mkdir -p "$work"
echo "target,form,trace,arena,kind,calls,mean,p99,max,lines_mean,lines_max,book_mean,book_max" \
    >"$results"

need() { # PROGRAM
    command -v "$1" >/dev/null && return
    echo "instructions.sh: $1 is missing, so $2 is not counted: sh scripts/setup.sh test" >&2
    return 1
}

# The same program and the library's own sources, as firmware.
compile() { # TARGET
    case $1 in
    x86-64) cp "$build/bench_replay" "$work/x86-64.elf"; return ;;
    cortex-m3) set -- "$1" arm-none-eabi-gcc -mcpu=cortex-m3 -mthumb \
        -Wl,--defsym=__flash=0,--defsym=__flash_size=0x400000 \
        -Wl,--defsym=__ram=0x21000000,--defsym=__ram_size=0x1000000 ;;
    rv32) set -- "$1" riscv64-unknown-elf-gcc -march=rv32imac -mabi=ilp32 \
        -Wl,--defsym=__flash=0x80000000,--defsym=__flash_size=0x400000 \
        -Wl,--defsym=__ram=0x80400000,--defsym=__ram_size=0x2000000 ;;
    esac
    elf=$work/$1.elf
    shift
    # shellcheck disable=SC2046 # one word for each source
    "$@" --specs=picolibc.specs --oslib=semihost --crt0=semihost -Tpicolibc.ld \
        -Wl,--defsym=__stack_size=0x2000 -std=c11 -O2 -DNDEBUG -I. -I"$root/include" \
        replay.c mtr.c $(sed "s,^,$root/," "$root/sources.txt") -o "$elf"
}

emulate() { # TARGET PLUGIN ARGUMENT...
    target=$1
    plugin=$2
    shift 2
    semihosting="-semihosting-config enable=on,target=native,chardev=c0"
    for argument; do
        semihosting="$semihosting,arg=$argument"
    done
    board="-nographic -serial none -monitor none -chardev stdio,id=c0 $semihosting"
    # shellcheck disable=SC2086 # the flags are words
    case $target in
    x86-64) qemu-x86_64 -plugin "$plugin" ./x86-64.elf "$@" ;;
    cortex-m3) qemu-system-arm -M mps2-an385 $board -plugin "$plugin" -kernel cortex-m3.elf ;;
    rv32) qemu-system-riscv32 -M virt -bios none -m 64M $board -plugin "$plugin" -kernel rv32.elf ;;
    esac
}

count() { # TARGET FORM GRANULE TRACE
    [ -z "$wanted_trace" ] || [ "$wanted_trace" = "$4" ] || return 0
    [ -e "$work/$4.mtr" ] || xz -dc "traces/$4.mtr.xz" >"$work/$4.mtr"
    marks=0x$(nm "$work/$1.elf" | awk '$3 == "bench_marks" { print $1 }')
    plugin=$build/bench_plugin.so,marks=$marks,out=counts.csv
    if ! said=$(cd "$work" && rm -f counts.csv && emulate "$1" "$plugin" "$4.mtr" "$2" "$3") ||
        [ ! -s "$work/counts.csv" ]; then
        echo "instructions.sh: $1, $2 $3, $4: $said" >&2
        exit 2
    fi
    sed "1d; s/^/$1,$2 $3,$4,${said#arena },/" "$work/counts.csv" >>"$results"
}

count_target() { # TARGET
    if [ "$1" != x86-64 ]; then
        count "$1" fit 4 gen_c_esp32
        return
    fi
    for path in traces/*.mtr.xz; do
        name=${path##*/}
        count x86-64 fit 4 "${name%.mtr.xz}"
    done
    for granule in 8 16; do
        count x86-64 fit $granule gen_d_psram
    done
    for granule in 16 64 256; do
        count x86-64 beside $granule gen_d_psram
    done
}

missing=
for target in $wanted_targets; do
    case $target in
    x86-64) tools="qemu-x86_64" ;;
    cortex-m3) tools="arm-none-eabi-gcc qemu-system-arm" ;;
    rv32) tools="riscv64-unknown-elf-gcc qemu-system-riscv32" ;;
    *) usage >&2; exit 2 ;;
    esac
    for tool in $tools; do
        need "$tool" "$target" || { missing=1; continue 2; }
    done
    compile "$target"
    count_target "$target"
done

status=0
awk -f count/tables.awk published_instructions.csv "$results" || status=$?
awk -v lower="$lower" -v out="$work/ceilings.csv" -f count/ceilings.awk ceilings.csv "$results" ||
    status=$?
if [ -n "$lower" ]; then
    cp "$work/ceilings.csv" ceilings.csv
fi
[ -z "$missing" ] || [ $status -ne 0 ] || status=2
exit $status

#!/bin/sh
# instructions.sh: counts the instructions of each engine call, and the region's lines it touches.
# SPDX-License-Identifier: Apache-2.0
set -eu

usage() {
    cat <<'END'
bench/instructions.sh BUILD_DIR [--lower] [--target x86-64|cortex-m3|rv32] [--trace NAME]
  Replays the traces under QEMU with a plugin that counts: on the engine, and through the public
  calls. Prints the tables, judges the bars, and compares with the ceilings of bench/ceilings.csv.
  BUILD_DIR is what CMake filled (build/bench).
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

# The same programs and the library's own sources, as firmware.
compile() { # TARGET
    case $1 in
    x86-64)
        for program in replay pipeline pipeline_linux; do
            cp "$build/bench_$program" "$work/x86-64.$program.elf"
        done
        return
        ;;
    cortex-m3) set -- "$1" arm-none-eabi-gcc -mcpu=cortex-m3 -mthumb \
        -Wl,--defsym=__flash=0,--defsym=__flash_size=0x400000 \
        -Wl,--defsym=__ram=0x21000000,--defsym=__ram_size=0x1000000 ;;
    rv32) set -- "$1" riscv64-unknown-elf-gcc -march=rv32imac -mabi=ilp32 \
        -Wl,--defsym=__flash=0x80000000,--defsym=__flash_size=0x400000 \
        -Wl,--defsym=__ram=0x80400000,--defsym=__ram_size=0x2000000 ;;
    esac
    compiled=$1
    shift
    for program in "replay replay.c" "pipeline pipeline.c stub_port.c"; do
        # shellcheck disable=SC2046,SC2086 # one word for each source
        "$@" --specs=picolibc.specs --oslib=semihost --crt0=semihost -Tpicolibc.ld \
            -Wl,--defsym=__stack_size=0x2000 -std=c11 -O2 -DNDEBUG -I. -I"$root/include" \
            ${program#* } mtr.c $(sed "s,^,$root/," "$root/sources.txt") \
            -o "$work/$compiled.${program%% *}.elf"
    done
}

emulate() { # TARGET ELF PLUGIN ARGUMENT...
    target=$1
    elf=$2
    plugin=$3
    shift 3
    semihosting="-semihosting-config enable=on,target=native,chardev=c0"
    for argument; do
        semihosting="$semihosting,arg=$argument"
    done
    board="-nographic -serial none -monitor none -chardev stdio,id=c0 $semihosting"
    # shellcheck disable=SC2086 # the flags are words
    case $target in
    x86-64) qemu-x86_64 -plugin "$plugin" "./$elf" "$@" ;;
    cortex-m3) qemu-system-arm -M mps2-an385 $board -plugin "$plugin" -kernel "$elf" ;;
    rv32) qemu-system-riscv32 -M virt -bios none -m 64M $board -plugin "$plugin" -kernel "$elf" ;;
    esac
}

# Runs a program on a trace: the plugin's figures are in counts.csv then, the pipeline's in pcs.csv,
# too, and what the program said is in $said.
plugin_run() { # TARGET PROGRAM TRACE ARGUMENT...
    counted=$1
    elf=$1.$2.elf
    trace=$3
    shift 3
    [ -e "$work/$trace.mtr" ] || xz -dc "traces/$trace.mtr.xz" >"$work/$trace.mtr"
    marks=0x$(nm "$work/$elf" | awk '$3 == "bench_marks" { print $1 }')
    plugin=$build/bench_plugin.so,marks=$marks,out=counts.csv
    case $elf in
    *.pipeline.elf) plugin=$plugin,pcs=pcs.csv ;;
    esac
    if ! said=$(cd "$work" && rm -f counts.csv && emulate "$counted" "$elf" "$plugin" \
        "$trace.mtr" "$@") || [ ! -s "$work/counts.csv" ]; then
        echo "instructions.sh: $elf $*, $trace: $said" >&2
        exit 2
    fi
}

is_wanted() { # TRACE
    [ -z "$wanted_trace" ] || [ "$wanted_trace" = "$1" ]
}

count() { # TARGET FORM GRANULE TRACE
    is_wanted "$4" || return 0
    plugin_run "$1" replay "$4" "$2" "$3"
    sed "1d; s/^/$1,$2 $3,$4,${said#arena },/" "$work/counts.csv" >>"$results"
}

count_pipeline() { # TARGET PROGRAM FORM TRACE ARGUMENT...
    is_wanted "$4" || return 0
    form=$3
    counted_program=$2
    counted_trace=$4
    counted_target=$1
    shift 4
    plugin_run "$counted_target" "$counted_program" "$counted_trace" "$@"
    sed "1d; s/^/$counted_target,$form,$counted_trace,-,/" "$work/counts.csv" >>"$results"
}

# What windows of low water add to each call.
count_lows() { # TARGET
    count_pipeline "$1" pipeline "pipeline 1 low" gen_c_esp32 1
    count_pipeline "$1" pipeline "pipeline 2 lows" gen_c_esp32 2
}

count_target() { # TARGET
    count_pipeline "$1" pipeline pipeline gen_c_esp32
    if [ "$1" != x86-64 ]; then
        count_lows "$1"
        count "$1" fit 4 gen_c_esp32
        return
    fi
    if is_wanted gen_c_esp32; then
        stages_tell
    fi
    count_lows x86-64
    count_pipeline x86-64 pipeline_linux "pipeline linux" gen_c_esp32
    for path in traces/*.mtr.xz; do
        name=${path##*/}
        name=${name%.mtr.xz}
        count x86-64 fit 4 "$name"
        case $name in
        gen_c_esp32) ;; # is done
        gen_e_adv) ;;   # outgrows the pipeline's two regions
        *) count_pipeline x86-64 pipeline pipeline "$name" ;;
        esac
    done
    for granule in 8 16; do
        count x86-64 fit $granule gen_d_psram
    done
    for granule in 16 64 256; do
        count x86-64 beside $granule gen_d_psram
    done
}

text_of() { # PROGRAM
    objcopy -O binary --only-section=.text "$build/$1" "$work/$1.text"
}

# Splits what was counted last by stage: the twin with symbols says whose an instruction is, so it
# must have the same ones.
stages_tell() {
    text_of bench_pipeline
    text_of bench_pipeline_twin
    if ! cmp -s "$work/bench_pipeline.text" "$work/bench_pipeline_twin.text"; then
        echo "instructions.sh: -g changes the code, so the stages are not told" >&2
        missing=1
        return
    fi
    python3 count/stages.py "$work/pcs.csv" "$work/counts.csv" "$build/bench_pipeline_twin" \
        >"$work/stages.txt" || missing=1
}

missing=
rm -f "$work/stages.txt"
for target in $wanted_targets; do
    case $target in
    x86-64) tools="qemu-x86_64 python3" ;;
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
awk -v stages="$work/stages.txt" -f count/tables.awk published_instructions.csv "$results" ||
    status=$?
awk -v lower="$lower" -v out="$work/ceilings.csv" -f count/ceilings.awk ceilings.csv "$results" ||
    status=$?
if [ -n "$lower" ]; then
    cp "$work/ceilings.csv" ceilings.csv
fi
[ -z "$missing" ] || [ $status -ne 0 ] || status=2
exit $status

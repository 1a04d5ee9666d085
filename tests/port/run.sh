#!/bin/sh
# run.sh: the ports' conformance suite, and what stresses their locks, on Linux, Cortex-M3 and RV32.
# SPDX-License-Identifier: Apache-2.0
set -eu

usage() {
    cat <<'END'
tests/port/run.sh [linux|arm|riscv|all] [OPERATIONS]
  Builds and runs, under a timeout; bare metal under QEMU:
    linux  the suite with threads and signals, also under ThreadSanitizer; threads, signals and fork
           against the locks; a signal at every instruction of lock and unlock; one manager
           under threads, signals and fork, also under ThreadSanitizer
    arm    the suite with an interrupt that software pends
    riscv  the suite on two harts with timer interrupts; one manager on two harts at a time, and
           on one hart, where it tells how long locks are held
  The suite is also shown ports with a mistake each, and must find all of them.
  OPERATIONS: of each hart on one manager (100000).
  OUT=folder: where to build (build/port). SECONDS_EACH: what a program may take (60).
Exit: 0 all is fine, 1 a failure, 2 wrong usage.
END
}

case "${1:-all}" in
--help) usage; exit 0 ;;
all) targets="linux arm riscv" ;;
linux | arm | riscv) targets=$1 ;;
*) usage >&2; exit 2 ;;
esac
operations=${2:-100000}

cd "$(dirname "$0")/../.."
out=${OUT:-build/port}
mkdir -p "$out"

common="-std=c11 -g -Wall -Wextra -Werror -Iinclude"
suite="tests/port/conformance.c tests/port/mistakes.c"
bare="--specs=picolibc.specs --oslib=semihost"
failures=0
rows=""

run() { # name command...: notes how it went
    name=$1
    shift
    verdict=fine
    if ! timeout "${SECONDS_EACH:-60}" "$@" </dev/null; then
        verdict=FAILED
        failures=$((failures + 1))
    fi
    rows="$rows$(printf '%-32s %s' "$name" "$verdict")
"
}

emulate() { # name program machine-and-flags [argument...]
    test_name=$1
    image=$out/$2
    emulator=$3 # not `machine`: that is the caller's, and there is one scope
    shift 3
    semihosting="enable=on,target=native,chardev=c0"
    for argument; do
        semihosting="$semihosting,arg=$argument"
    done
    # shellcheck disable=SC2086 # the flags are words
    run "$test_name" $emulator -nographic -serial none -monitor none -chardev stdio,id=c0 \
        -semihosting-config "$semihosting" -kernel "$image"
}

run_linux() {
    ports="ports/linux/port_linux.c ports/template/port_template.c"
    # shellcheck disable=SC2046,SC2086 # lists of words
    {
        ${CC:-gcc} $common -O2 tests/port/main_linux.c $suite $ports -pthread -o "$out/linux"
        ${CC:-gcc} $common -O1 -fsanitize=thread tests/port/main_linux.c $suite $ports -pthread \
            -o "$out/linux.tsan"
        ${CC:-gcc} $common -O2 tests/port/threads_linux.c ports/linux/port_linux.c -pthread \
            -o "$out/threads"
        ${CC:-gcc} $common -O1 -fsanitize=thread tests/port/threads_linux.c \
            ports/linux/port_linux.c -pthread -o "$out/threads.tsan"
        ${CC:-gcc} $common -O2 tests/port/manager_linux.c ports/linux/port_linux.c \
            $(cat sources.txt) -pthread -o "$out/manager"
        ${CC:-gcc} $common -O1 -fsanitize=thread tests/port/manager_linux.c \
            ports/linux/port_linux.c $(cat sources.txt) -pthread -o "$out/manager.tsan"
        ${CC:-gcc} $common -O2 tests/port/needs_linux.c ports/linux/port_linux.c \
            $(cat sources.txt) -pthread -o "$out/needs"
        ${CC:-gcc} $common -O1 -fsanitize=thread tests/port/needs_linux.c \
            ports/linux/port_linux.c $(cat sources.txt) -pthread -o "$out/needs.tsan"
        ${CC:-gcc} $common -O2 tests/port/steps_linux.c ports/linux/port_linux.c -pthread \
            -o "$out/steps"
    }
    run "linux: suite" "$out/linux"
    run "linux: suite's own test" "$out/linux" --self-test
    run "linux: suite, TSan" "$out/linux.tsan"
    run "linux: threads and fork" "$out/threads"
    run "linux: threads and fork, TSan" "$out/threads.tsan"
    run "linux: every instruction" "$out/steps"
    run "linux: one manager" "$out/manager"
    run "linux: one manager, TSan" "$out/manager.tsan" 5000
    run "linux: reservations" "$out/needs" 20000
    run "linux: reservations, TSan" "$out/needs.tsan" 1000
}

run_arm() {
    # shellcheck disable=SC2086 # the flags are words
    arm-none-eabi-gcc -mcpu=cortex-m3 -mthumb $common -O2 $bare --crt0=semihost \
        -Wl,--defsym=__flash=0,--defsym=__flash_size=0x400000 \
        -Wl,--defsym=__ram=0x20000000,--defsym=__ram_size=0x400000 \
        tests/port/main_arm.c $suite ports/baremetal_arm/port_baremetal_arm.c -o "$out/arm"
    machine="qemu-system-arm -M mps2-an385 -icount shift=0"
    emulate "arm: suite" arm "$machine"
    emulate "arm: suite's own test" arm "$machine" --self-test
}

# virt.c comes first, then crt0, so that all harts start in virt.c.
compile_riscv() { # program source...
    program=$1
    shift
    # shellcheck disable=SC2086 # the flags are words
    riscv64-unknown-elf-gcc -march=rv32imac -mabi=ilp32 $common -O2 $bare -nostartfiles \
        -Wl,--defsym=__flash=0x80000000,--defsym=__flash_size=0x400000 \
        -Wl,--defsym=__ram=0x80400000,--defsym=__ram_size=0x400000,--defsym=__stack_size=0x2000 \
        tests/port/virt.c -l:crt0-semihost.o "$@" ports/baremetal_riscv/port_baremetal_riscv.c \
        -o "$out/$program"
}

run_riscv() {
    machine="qemu-system-riscv32 -M virt -bios none -m 32M"
    # shellcheck disable=SC2086 # a list of words
    compile_riscv riscv tests/port/main_riscv.c $suite
    emulate "riscv: suite" riscv "$machine -smp 2"
    emulate "riscv: suite's own test" riscv "$machine -smp 2" --self-test
    # shellcheck disable=SC2046 # a list of words
    compile_riscv harts tests/port/two_harts.c $(cat sources.txt)
    emulate "riscv: two harts" harts "$machine -smp 2" "$operations"
    emulate "riscv: one hart" harts "$machine -icount shift=0" "$operations" 1
}

for each in $targets; do
    "run_$each"
done
printf '\n%s' "$rows"
[ "$failures" -eq 0 ]

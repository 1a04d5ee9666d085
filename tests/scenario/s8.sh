#!/bin/sh
# s8.sh: counts how long queries hold their locks: s8_monitor.c on an emulated RV32.
# SPDX-License-Identifier: Apache-2.0
set -eu
cd "$(dirname "$0")/../.."
out=${OUT:-build/scenario}
mkdir -p "$out"

# shellcheck disable=SC2046 # one word for each source
riscv64-unknown-elf-gcc -march=rv32imac -mabi=ilp32 --specs=picolibc.specs --oslib=semihost \
    --crt0=semihost -Tpicolibc.ld -Wl,--defsym=__flash=0x80000000 \
    -Wl,--defsym=__flash_size=0x400000 -Wl,--defsym=__ram=0x80400000 \
    -Wl,--defsym=__ram_size=0x2000000 -Wl,--defsym=__stack_size=0x4000 \
    -std=c11 -O2 -Wall -Wextra -Werror -Iinclude tests/scenario/s8_monitor.c \
    $(cat sources.txt) -o "$out/s8_monitor"
exec timeout 100 qemu-system-riscv32 -M virt -bios none -m 64M -icount shift=0 -nographic \
    -serial none -monitor none -chardev stdio,id=c0 \
    -semihosting-config enable=on,target=native,chardev=c0 -kernel "$out/s8_monitor"

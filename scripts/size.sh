#!/bin/sh
# size.sh [--tighten | --self-test]: weighs the library on the two bare-metal targets.
# SPDX-License-Identifier: Apache-2.0
set -eu
cd "$(dirname "$0")/.."

[ "${1:-}" != --self-test ] || exec python3 scripts/weigh.py --self-test
for preset in arm riscv; do
    cmake --preset "$preset" >/dev/null
    cmake --build --preset "$preset" -- --quiet --no-print-directory
done
python3 scripts/weigh.py build "$@"

#!/bin/sh
# coverage.sh: how much of src/ the tests run: 95 % of the lines and 85 % of the branches at least.
# SPDX-License-Identifier: Apache-2.0
set -eu
cd "$(dirname "$0")/.."

jobs=${JOBS:-$(nproc)}
cmake --preset coverage >/dev/null
cmake --build --preset coverage -j "$jobs" -- --quiet --no-print-directory
find build/coverage -name '*.gcda' -exec rm -f {} +
ctest --preset coverage -j "$jobs" -LE 'target|mutants|soak|bench' --quiet \
    --output-log build/coverage/log || { cat build/coverage/log && false; }

report() { # GCOVR_OPTION...
    gcovr --root . --filter 'src/' --exclude-directories '.*/CompilerIdC' "$@" build/coverage
}
report --branches --output build/coverage/branches.txt
report --print-summary --fail-under-line 95 --fail-under-branch 85
echo "coverage: the branches not taken are in build/coverage/branches.txt"

#!/bin/sh
# run.sh: runs every bench and prints the tables of the README.
# SPDX-License-Identifier: Apache-2.0
set -u

usage() {
    cat <<'END'
bench/run.sh BUILD_DIR [PEER.so]
  BUILD_DIR is what `cmake --preset bench` and its build filled: build/bench.
  PEER.so is another allocator's adapter, made after bench/peer.h.
Exit: 0 all bars met, 1 one missed, 2 one could not be told.
END
}

case ${1:-} in
--help) usage; exit 0 ;;
'') usage >&2; exit 2 ;;
esac
if [ ! -x "$1/bench/bench_memory" ]; then
    echo "run.sh: $1 holds no bench: cmake --preset bench && cmake --build --preset bench" >&2
    exit 2
fi
build=$(cd "$1" && pwd)
peer=${2:-}
case $peer in
'' | /*) ;;
*) peer=$PWD/$peer ;;
esac
cd "$(dirname "$0")" || exit 2

status=0
stage() { # TITLE COMMAND...
    printf '\n== %s\n\n' "$1"
    shift
    code=0
    "$@" || code=$?
    case $status/$code in
    */0 | 1/*) ;;
    */1) status=1 ;;
    *) status=2 ;;
    esac
}

# The one trace that is ours must be what its generator writes.
trace_check() {
    xz -dc traces/gen_f_aligned.mtr.xz | cmp -s - "$build/bench/gen_f_aligned.mtr" && return
    echo "run.sh: traces/gen_f_aligned.mtr.xz is not what gen_aligned.c writes: make it anew" >&2
    exit 2
}
"$build/bench/bench_gen_aligned" >"$build/bench/gen_f_aligned.mtr" && trace_check

stage Memory "$build/bench/bench_memory" ${peer:+--peer "$peer"}
stage Instructions sh instructions.sh "$build"
stage Time "$build/bench/bench_host" ${peer:+--peer "$peer"}
printf '\n'
case $status in
0) echo "All bars are met." ;;
1) echo "A bar is MISSED, see above." ;;
2) echo "A bar could not be told, see above." ;;
esac
exit $status

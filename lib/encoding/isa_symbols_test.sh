#!/usr/bin/env bash
# Objects built for new processors may hold no inline function of a shared
# header: the linker keeps one copy of such a function for the whole program.
# The argument is a file with what nm -C says of them.
set -eu
[ "$(grep -c ' kColumnKernels\|::kColumnKernels' "$1")" -ge 2 ] ||
  { echo "$1: not the kernels' symbols"; exit 1; }
if grep ' W ' "$1"; then
  echo "these may replace the functions of other objects"
  exit 1
fi

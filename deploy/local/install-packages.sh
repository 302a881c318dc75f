#!/usr/bin/env bash
# Installs the Debian packages that building, testing and running Varve needs.
#
#   deploy/local/install-packages.sh
#
# Debian 12, as root or with sudo. Installs nothing and asks no server when all
# of them are there. Services that packages would bring are none of these.
set -euo pipefail

packages=(
  # Bazel and the rule sets it insists on
  bazel-bootstrap bazel-platforms bazel-rules-java bazel-rules-proto
  bazel-skylib
  # compilers; clang for the thread-safety check and for libFuzzer
  g++ clang-14 libclang-rt-14-dev protobuf-compiler
  # libraries, see bazel/system
  catch2 libabsl-dev libbenchmark-dev libboost-dev libboost-system-dev
  libjemalloc-dev liblz4-dev libprotobuf-dev libre2-dev libroaring-dev
  librocksdb-dev libsimdjson-dev libsnappy-dev libssl-dev libxxhash-dev
  libyaml-cpp-dev libzstd-dev rapidjson-dev zlib1g-dev
  # scripts and tests
  ca-certificates curl git procps python3
)

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $status == installed ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  echo "packages: all ${#packages[@]} are installed"
  exit 0
fi

sudo=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "packages: ${missing[*]} are missing; run this as root" >&2
    exit 1
  fi
  sudo=(sudo)
fi
echo "packages: installing ${#missing[@]}: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get update -q
"${sudo[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}" \
  </dev/null
echo "packages: done"

#!/usr/bin/env bash
# Memory of the storage process for each active series: the slope between a
# small and a large number of series, each with an hour of samples at 15 s.
#
#   bench/load/slope.sh
#
# Environment: SMALL (100000), LARGE (1000000), ROUNDS (240), JITTER (50ms, of
# a scrape; all series of an instance share it), VARVE_BIN (a folder with
# varve_load, varve-insert and varve-storage; default: what Bazel builds).
# Log and flush interval leave room for the hour, so that nothing is flushed
# meanwhile.
set -euo pipefail
repo=$(cd "$(dirname "$0")/../.." && pwd)
cd "$repo"
small=${SMALL:-100000} large=${LARGE:-1000000} rounds=${ROUNDS:-240}
jitter=${JITTER:-50ms}
work=$(mktemp -d "${TMPDIR:-/tmp}/varve-slope-XXXXXX")
# shellcheck source=bench/load/processes.sh
source bench/load/processes.sh
trap 'stop_all; rm -rf "$work"' EXIT

bin=${VARVE_BIN:-}
if [[ -z $bin ]]; then
  bazel build //cmd/insert:varve-insert //cmd/storage:varve-storage \
    //bench/load:varve_load >"$work/build.log" 2>&1 ||
    { cat "$work/build.log"; exit 1; }
  mkdir "$work/bin"
  out=$(bazel info bazel-bin 2>/dev/null)
  cp "$out"/cmd/{insert/varve-insert,storage/varve-storage} \
    "$out/bench/load/varve_load" "$work/bin/"
  bin=$work/bin
fi

# resident SERIES: sets `bytes` to the storage process' resident memory and
# `head` to what its own metrics say of the head.
resident() {
  local series=$1 dir=$work/$1
  "$bin/varve-storage" -storageDataPath="$dir" -retentionPeriod=1y \
    -storage.maxLogBytes=8GiB -storage.flushInterval=168h -httpListenAddr=127.0.0.1:0 \
    -vminsertAddr=127.0.0.1:0 -vmselectAddr=127.0.0.1:0 2>"$dir.storage.log" &
  local storage=$!
  pids+=("$storage")
  local address http insert_http
  address=$(wait_for "$dir.storage.log" 'accepting vminsert conns at ([^ ]+)')
  http=$(wait_for "$dir.storage.log" 'started server at http://([^/]+)/')
  "$bin/varve-insert" -httpListenAddr=127.0.0.1:0 -storageNode="$address" \
    2>"$dir.insert.log" &
  pids+=("$!")
  insert_http=$(wait_for "$dir.insert.log" 'started server at http://([^/]+)/')
  wait_for "$dir.insert.log" '(successfully dialed)' >/dev/null
  "$bin/varve_load" -target="$insert_http" -series="$series" \
    -rounds="$rounds" -jitter="$jitter" -batch=2000 -pid="storage=$storage" \
    >"$dir.result"
  bytes=$(awk '$1 == "VmRSS:" {print $2 * 1024}' "/proc/$storage/status")
  head=$(curl -s "http://$http/metrics" |
    awk '$1 == "varve_head_bytes" {printf "%.0f", $2}')
  flushes=$(curl -s "http://$http/metrics" |
    awk '$1 == "varve_head_flushes_total" {printf "%.0f", $2}')
  echo "$series series x $rounds samples: resident $bytes B," \
    "head $head B, $flushes flushes"
  stop_all
  rm -rf "$dir"
}

echo "slope: $small to $large series, $rounds rounds, jitter $jitter;" \
  "commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
resident "$small"
small_bytes=$bytes small_head=$head
resident "$large"
awk -v bytes=$((bytes - small_bytes)) -v head=$((head - small_head)) \
  -v series=$((large - small)) 'BEGIN {
    printf "slope.resident %.0f B/series\n", bytes / series
    printf "slope.head %.0f B/series\n", head / series }'

#!/usr/bin/env bash
# The same load on Varve and on its peers, one after the other, as a table.
#
#   bench/load/run.sh [varve] [victoria] [prometheus]      (default: all)
#
# Varve: one node of each role, every acknowledged write fsynced. Peers come
# from $VARVE_PEERS/usr/bin (victoria-metrics, prometheus) and are left out
# where they are not there. Environment: SERIES (100000), ROUNDS (124),
# CONNECTIONS (4), BATCH (2000 series a request, as Prometheus sends), CODEC
# (snappy), VARVE_BIN (a folder with varve_load and the three programs;
# default: what Bazel builds), KEEP (set: keep the data).
#
# After the load the query mark is asked: `sum by (mode) (rate(cpu[5m]))` over
# the 12,800 series of the first 100 instances, 100 steps of 15 s, once cold
# and then five times; the best of the five is told too.
set -euo pipefail
repo=$(cd "$(dirname "$0")/../.." && pwd)
cd "$repo"
series=${SERIES:-100000} rounds=${ROUNDS:-124}
connections=${CONNECTIONS:-4} batch=${BATCH:-2000} codec=${CODEC:-snappy}
peers=${VARVE_PEERS:-/nonexistent}/usr/bin
work=$(mktemp -d "${TMPDIR:-/tmp}/varve-load-XXXXXX")
# shellcheck source=bench/load/processes.sh
source bench/load/processes.sh
finish() {
  stop_all
  if [[ -z ${KEEP:-} ]]; then rm -rf "$work"; else echo "kept: $work"; fi
}
trap finish EXIT

bin=${VARVE_BIN:-}
if [[ -z $bin ]]; then
  bazel build -c opt //cmd/insert:varve-insert //cmd/storage:varve-storage \
    //cmd/select:varve-select //bench/load:varve_load >"$work/build.log" 2>&1 ||
    { cat "$work/build.log"; exit 1; }
  mkdir "$work/bin"
  out=$(bazel info -c opt bazel-bin 2>/dev/null)
  cp "$out"/cmd/{insert/varve-insert,storage/varve-storage,select/varve-select} \
    "$out/bench/load/varve_load" "$work/bin/"
  bin=$work/bin
fi

# query URL LAST_S: milliseconds of the query mark, cold then best of five.
query() {
  local start=$(($2 - 99 * 15)) times=() t
  for _ in 1 2 3 4 5 6; do
    t=$(curl -s -o "$work/answer.json" -w '%{time_total}' "$1/api/v1/query_range" \
      --data-urlencode 'query=sum by (mode) (rate(cpu[5m]))' \
      -d "start=$start" -d "end=$2" -d step=15 -d nocache=1)
    times+=("$(awk "BEGIN{printf \"%.1f\", $t * 1000}")")
  done
  if ! grep -q '"mode":"idle"' "$work/answer.json"; then
    echo "the query mark has no answer: $(head -c 300 "$work/answer.json")" >&2
  fi
  echo "query_mark.first ${times[0]} ms"
  echo "query_mark.best $(printf '%s\n' "${times[@]:1}" | sort -n | head -n 1) ms"
}

# load NAME TARGET PATH QUERY_URL ARGS…: runs the generator and the mark.
load() {
  local name=$1 target=$2 path=$3 url=$4
  shift 4
  "$bin/varve_load" -target="$target" -path="$path" -series="$series" \
    -rounds="$rounds" -connections="$connections" -batch="$batch" \
    -codec="$codec" "$@" >"$work/$name.result"
  local last_ms
  last_ms=$(awk '$1 == "last_ms" {print $2}' "$work/$name.result")
  query "$url" $((last_ms / 1000)) >>"$work/$name.result"
  echo "--- $name"
  grep -v '_ms ' "$work/$name.result"
}

run_varve() {
  "$bin/varve-storage" -storageDataPath="$work/varve" -retentionPeriod=1y \
    -httpListenAddr=127.0.0.1:0 -vminsertAddr=127.0.0.1:0 \
    -vmselectAddr=127.0.0.1:0 2>"$work/storage.log" &
  local storage=$!
  pids+=("$storage")
  local insert_addr select_addr
  insert_addr=$(wait_for "$work/storage.log" 'accepting vminsert conns at ([^ ]+)')
  select_addr=$(wait_for "$work/storage.log" 'accepting vmselect conns at ([^ ]+)')
  "$bin/varve-insert" -httpListenAddr=127.0.0.1:0 \
    -storageNode="$insert_addr" 2>"$work/insert.log" &
  local insert=$!
  pids+=("$insert")
  "$bin/varve-select" -httpListenAddr=127.0.0.1:0 \
    -storageNode="$select_addr" 2>"$work/select.log" &
  local select=$!
  pids+=("$select")
  local insert_http select_http
  insert_http=$(wait_for "$work/insert.log" 'started server at http://([^/]+)/')
  select_http=$(wait_for "$work/select.log" 'started server at http://([^/]+)/')
  wait_for "$work/insert.log" '(successfully dialed)' >/dev/null
  wait_for "$work/select.log" '(successfully dialed)' >/dev/null
  load varve "$insert_http" /insert/0/prometheus/api/v1/write \
    "http://$select_http/select/0/prometheus" \
    -pid="insert=$insert" -pid="storage=$storage" -pid="select=$select" \
    -dir="storage=$work/varve"
  stop_all
}

run_victoria() {
  "$peers/victoria-metrics" -storageDataPath="$work/victoria" \
    -retentionPeriod=1y -httpListenAddr=127.0.0.1:18428 \
    2>"$work/victoria.log" &
  local pid=$!
  pids+=("$pid")
  wait_for "$work/victoria.log" '(started server at http)' >/dev/null
  load victoria 127.0.0.1:18428 /api/v1/write http://127.0.0.1:18428 \
    -pid="victoria=$pid" -dir="victoria=$work/victoria"
  stop_all
}

run_prometheus() {
  echo 'global: {scrape_interval: 1h}' >"$work/prometheus.yml"
  "$peers/prometheus" --config.file="$work/prometheus.yml" \
    --storage.tsdb.path="$work/prometheus" \
    --web.listen-address=127.0.0.1:19090 --web.enable-remote-write-receiver \
    2>"$work/prometheus.log" &
  local pid=$!
  pids+=("$pid")
  wait_for "$work/prometheus.log" '(Server is ready to receive web requests)' \
    >/dev/null
  load prometheus 127.0.0.1:19090 /api/v1/write http://127.0.0.1:19090 \
    -pid="prometheus=$pid" -dir="prometheus=$work/prometheus"
  stop_all
}

systems=("$@")
if [[ ${#systems[@]} -eq 0 ]]; then systems=(varve victoria prometheus); fi
echo "load: $series series, $rounds rounds, $connections connections," \
  "$batch series a request, $codec; $(nproc) CPUs;" \
  "commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
for system in "${systems[@]}"; do
  case $system in
    varve) run_varve ;;
    victoria)
      if [[ -x $peers/victoria-metrics ]]; then run_victoria; else
        echo "--- victoria: no $peers/victoria-metrics"; fi ;;
    prometheus)
      if [[ -x $peers/prometheus ]]; then run_prometheus; else
        echo "--- prometheus: no $peers/prometheus"; fi ;;
    *) echo "unknown system $system" >&2; exit 2 ;;
  esac
done

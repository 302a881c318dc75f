#!/usr/bin/env bash
# Builds Varve and starts a cluster on this machine.
#
#   deploy/local/up.sh            2 storage, 1 insert, 1 select, 2 copies
#   deploy/local/up.sh --single   one process that is all three
#   deploy/local/up.sh --demo     also node_exporter and a Prometheus that
#                                 scrapes it and writes into tenant 0
#
# Installs Debian packages where some are missing. Everything else stays in
# .varve/ of this checkout. deploy/local/down.sh stops what was started here.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
cd "$repo"

single=false demo=false
for argument in "$@"; do
  case $argument in
    --single) single=true ;;
    --demo) demo=true ;;
    *)
      sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
      exit 2
      ;;
  esac
done

say() { printf '\n== %s\n' "$*"; }

# start NAME COMMAND...: in the background, with a log and a pid file.
start() {
  local name=$1 pid
  shift
  if is_ours_running "$name"; then
    echo "$name is running already"
    return
  fi
  setsid "$@" >>"$state/logs/$name.log" 2>&1 </dev/null &
  pid=$!
  echo "$pid $(start_time_of "$pid")" >"$state/pids/$name"
  echo "$name started (pid $pid, log .varve/logs/$name.log)"
}

# wait_healthy NAME URL: until URL answers, the process ends, or 60 s.
wait_healthy() {
  local name=$1 url=$2 waited_ds
  printf 'waiting for %s ' "$name"
  for ((waited_ds = 0; waited_ds < 600; ++waited_ds)); do
    if curl -fsS -m 2 -o /dev/null "$url" 2>/dev/null; then
      echo "healthy"
      return
    fi
    is_ours_running "$name" || break
    ((waited_ds % 10)) || printf '.'
    sleep 0.1
  done
  echo
  echo "$name is not healthy at $url; the end of its log:" >&2
  tail -n 20 "$state/logs/$name.log" >&2
  exit 1
}

# unpack PACKAGE: Debian's package below .varve/packages, not installed, so
# that no service starts with it.
unpack() {
  local into=$state/packages/$1
  [[ -d $into ]] && return
  echo "fetching Debian's $1"
  local work
  work=$(mktemp -d)
  if ! (cd "$work" && apt-get download -q "$1" >fetch.log 2>&1); then
    local sudo=()
    ((EUID == 0)) || sudo=(sudo)
    "${sudo[@]}" apt-get update -q
    (cd "$work" && apt-get download -q "$1")
  fi
  dpkg -x "$work"/*.deb "$into.part"
  rm -rf "$work"
  mv "$into.part" "$into"
}

write_prometheus_config() {
  local insert_url=$1 varve_targets=$2
  cat >"$state/prometheus.yml" <<YAML
global:
  scrape_interval: 15s
scrape_configs:
  - job_name: node
    static_configs: [{targets: ["127.0.0.1:9100"]}]
  - job_name: prometheus
    static_configs: [{targets: ["127.0.0.1:9090"]}]
  - job_name: varve
    static_configs: [{targets: [$varve_targets]}]
remote_write:
  - url: $insert_url/prometheus/api/v1/write
YAML
}

start_demo() {
  say "Starting the demo's node_exporter and Prometheus"
  unpack prometheus-node-exporter
  unpack prometheus
  start node-exporter \
    "$state/packages/prometheus-node-exporter/usr/bin/prometheus-node-exporter" \
    --web.listen-address=127.0.0.1:9100
  wait_healthy node-exporter http://127.0.0.1:9100/metrics
  mkdir -p "$state/data/prometheus"
  start prometheus "$state/packages/prometheus/usr/bin/prometheus" \
    --config.file="$state/prometheus.yml" \
    --web.listen-address=127.0.0.1:9090 \
    --storage.tsdb.path="$state/data/prometheus"
  wait_healthy prometheus http://127.0.0.1:9090/-/healthy
}

start_cluster() {
  local bin=$repo/bazel-bin/cmd number rpc
  say "Starting 2 storage, 1 insert, 1 select with 2 copies of each sample"
  for number in 1 2; do
    rpc=$((8390 + number * 10))
    start "storage-$number" "$bin/storage/varve-storage" \
      -storageDataPath="$state/data/storage-$number" \
      -httpListenAddr="127.0.0.1:$((rpc + 82))" \
      -vminsertAddr="127.0.0.1:$rpc" \
      -vmselectAddr="127.0.0.1:$((rpc + 1))" \
      -dedup.minScrapeInterval=1ms
  done
  wait_healthy storage-1 http://127.0.0.1:8482/health
  wait_healthy storage-2 http://127.0.0.1:8492/health
  start insert "$bin/insert/varve-insert" -httpListenAddr=127.0.0.1:8480 \
    -storageNode=127.0.0.1:8400,127.0.0.1:8410 -replicationFactor=2
  start select "$bin/select/varve-select" -httpListenAddr=127.0.0.1:8481 \
    -storageNode=127.0.0.1:8401,127.0.0.1:8411 -replicationFactor=2 \
    -dedup.minScrapeInterval=1ms
  wait_healthy insert http://127.0.0.1:8480/health
  wait_healthy select http://127.0.0.1:8481/health
  insert_url=http://127.0.0.1:8480/insert/0
  select_url=http://127.0.0.1:8481/select/0
  targets='"127.0.0.1:8480", "127.0.0.1:8481", "127.0.0.1:8482", "127.0.0.1:8492"'
}

start_single() {
  say "Starting varve, all roles in one process"
  start varve "$repo/bazel-bin/cmd/varve/varve" \
    -storageDataPath="$state/data/varve" -httpListenAddr=127.0.0.1:8428
  wait_healthy varve http://127.0.0.1:8428/health
  insert_url=http://127.0.0.1:8428/insert/0
  select_url=http://127.0.0.1:8428/select/0
  targets='"127.0.0.1:8428"'
}

say "Packages"
deploy/local/install-packages.sh

say "Building (from nothing this takes minutes; a second time seconds)"
export HOME=${HOME:-$(getent passwd "$(id -u)" | cut -d : -f 6)}
if $single; then
  bazel build //cmd/varve:varve
else
  bazel build //cmd/storage:varve-storage //cmd/insert:varve-insert \
    //cmd/select:varve-select
fi

mkdir -p "$state"/{pids,logs,data,packages}
if $single; then start_single; else start_cluster; fi
if $demo; then
  write_prometheus_config "$insert_url" "$targets"
  start_demo
fi

say "Varve is up"
cat <<TEXT
write     $insert_url/prometheus/api/v1/write   (Prometheus remote_write)
query     $select_url/prometheus                (a Prometheus data source)
try       curl '$select_url/prometheus/api/v1/query?query=up'
TEXT
if $single; then
  echo "metrics   http://127.0.0.1:8428/metrics"
else
  echo "metrics   http://127.0.0.1:{8480,8481,8482,8492}/metrics"
fi
$demo && echo "demo      http://127.0.0.1:9090 scrapes; its samples are in tenant 0 within a minute"
echo "stop      deploy/local/down.sh"

#!/usr/bin/env bash
# Stops what deploy/local/up.sh of this checkout started, and only that. The
# data stays in .varve/data.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

# Writers first, so that storages get everything before they stop.
order=(prometheus node-exporter insert select varve storage-1 storage-2)
# A storage node flushes when it stops; supervisors allow 30 s as well.
stop_seconds=30

stopped=0
for name in "${order[@]}"; do
  [[ -f $state/pids/$name ]] || continue
  if is_ours_running "$name"; then
    read -r pid _ <"$state/pids/$name"
    printf 'stopping %s (pid %s) ' "$name" "$pid"
    kill -TERM "$pid" 2>/dev/null || true
    for ((waited_ds = 0; waited_ds < stop_seconds * 10; ++waited_ds)); do
      is_ours_running "$name" || break
      ((waited_ds % 10)) || printf '.'
      sleep 0.1
    done
    if is_ours_running "$name"; then
      kill -KILL "$pid" 2>/dev/null || true
      echo "killed after $stop_seconds s"
    else
      echo "stopped"
    fi
    stopped=$((stopped + 1))
  fi
  rm -f "$state/pids/$name"
done
echo "$stopped processes stopped"

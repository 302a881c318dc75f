# Sourced by the scripts beside it: programs that run in the background, by pid.
# shellcheck shell=bash
pids=()

stop_all() {
  for pid in "${pids[@]}"; do kill -INT "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  pids=()
}

# wait_for LOG REGEX: the first match of the group, within 20 s.
wait_for() {
  local found
  for _ in $(seq 200); do
    found=$(sed -nE "s#.*$2.*#\1#p" "$1" 2>/dev/null | head -n 1)
    if [[ -n $found ]]; then echo "$found"; return; fi
    sleep 0.1
  done
  echo "nothing like $2 in $1:" >&2
  tail -n 20 "$1" >&2
  exit 1
}

# What up.sh and down.sh share: where state lives, and which process is ours.
#
# .varve/ in the checkout holds pids/, logs/, data/ and packages/. A file of
# pids/ has the process id and its start time in ticks since boot, so that a
# reused id is never taken for ours.

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
state=$repo/.varve

# The start time of process $1, or nothing.
start_time_of() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  # Field 22; the name (field 2) may hold blanks and ends with the last ")".
  echo "${stat##*) }" | cut -d ' ' -f 20
}

# True while the process that was started as $1 is alive.
is_ours_running() {
  local pid ticks
  [[ -f $state/pids/$1 ]] || return 1
  read -r pid ticks <"$state/pids/$1" || return 1
  [[ -n $ticks && $(start_time_of "$pid") == "$ticks" ]]
}

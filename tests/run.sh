#!/usr/bin/env bash
# Runs every test. What failed is told again at the end, and the last line is
# `N passed, N failed, N skipped`.
#
#   tests/run.sh                      installs, builds, all tests, 5 s of each
#                                     fuzz target
#   tests/run.sh --sanitizers         unit tests and fuzz targets under ASan,
#                                     UBSan and TSan
#   tests/run.sh --sanitizer NAME TARGETS…
#                                     all tests, then these targets under one
#   tests/run.sh --long               all tests; 60 s per fuzz target with
#                                     libFuzzer and with the driver, 100 kill
#                                     cycles and 20 rounds of each scenario of
#                                     faults (VARVE_LONG=1), unit tests 10 times
#
# The caller may set VARVE_CONFORMANCE (folder of the PromQL judge) and
# VARVE_PEERS (folder with other databases' programs); a test that misses one of
# them is skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
export HOME=${HOME:-$(getent passwd "$(id -u)" | cut -d : -f 6)}

passed=0 failed=0 skipped=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf '\n== %s (%s)\n' "$*" "$(date +%T)"; }

# bazel_tests TITLE ARGUMENTS...: counts test targets by Bazel's own lines.
bazel_tests() {
  local log=$work/bazel.log code=0 good bad
  say "$1"
  shift
  bazel test --keep_going --build_tests_only --noshow_progress \
    --test_summary=short "$@" 2>&1 | tee "$log" || code=${PIPESTATUS[0]}
  good=$(grep -cE '^//\S+ +(\(cached\) )?(PASSED|FLAKY)' "$log" || true)
  bad=$(grep -cE '^//\S+ +(\(cached\) )?(FAILED|TIMEOUT|NO STATUS)' "$log" ||
    true)
  # A build that fails before any test has a result is one failure, as is one
  # that breaks targets which are no tests. 4: no tests were found.
  if ((code != 0 && code != 4 && bad == 0)); then bad=1; fi
  passed=$((passed + good)) failed=$((failed + bad))
  ((bad == 0)) || bazel_failures "$log" >>"$work/failures"
}

# bazel_failures LOG: each failed target and the ends of its logs, or what
# did not build.
bazel_failures() {
  local path
  grep -E '^(ERROR: |//\S+ +(FAILED|TIMEOUT|NO STATUS))' "$1" || true
  grep -oE '^  /\S+/test\S*\.log$' "$1" | while read -r path; do
    printf -- '-- %s\n' "${path#*/testlogs/}"
    tail -n 60 "$path"
  done || true
}

python_tests() {
  local log=$work/python.log line
  say "Tests across processes"
  python3 tests/support/run_python_tests.py 2>&1 | tee "$log" || true
  line=$(grep -E '^python: [0-9]+ passed' "$log" | tail -n 1)
  if [[ $line =~ ([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped ]]; then
    passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
    skipped=$((skipped + BASH_REMATCH[3]))
  else
    failed=$((failed + 1))
  fi
  awk '/^(FAIL|ERROR): / {left = 40} /^=====|^Ran / {left = 0} left-- > 0' \
    "$log" >>"$work/failures"
}

# sanitizer NAME TARGETS...: below an output folder of its own.
sanitizer() {
  local name=$1
  shift
  local options=(--config="$name" --experimental_convenience_symlinks=ignore)
  if [[ $name == tsan ]]; then
    options+=("--test_env=TSAN_OPTIONS=halt_on_error=1:suppressions=$PWD/tests/support/tsan.supp")
  fi
  bazel_tests "Tests under $name" "${options[@]}" -- "$@"
}

# 60 s of libFuzzer for each target.
libfuzzer() {
  local bin target name
  say "libFuzzer"
  local options=(--config=fuzz --experimental_convenience_symlinks=ignore)
  if ! bazel build "${options[@]}" //tests/fuzz/...; then
    failed=$((failed + 1))
    return
  fi
  bin=$(bazel info "${options[@]}" bazel-bin 2>/dev/null)
  for target in $(bazel query 'attr(tags, fuzz, tests(//tests/fuzz/...))' \
    2>/dev/null); do
    name=${target##*:}
    echo "-- $name"
    if "$bin/tests/fuzz/$name" -max_total_time=60 -print_final_stats=1 \
      -rss_limit_mb=2048 -timeout=20 -artifact_prefix="$PWD/crash-$name-" \
      >"$work/$name.log" 2>&1; then
      passed=$((passed + 1))
    else
      failed=$((failed + 1))
      echo "libFuzzer: $name" >>"$work/failures"
    fi
    tail -n 8 "$work/$name.log"
  done
}

unit=(//lib/... //net/... //storage/... //tests/fuzz/...)
mode=${1:-}
(($# == 0)) || shift
case $mode in
  "" | --sanitizers | --long | --sanitizer) ;;
  *)
    sed -n '2,20s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac

say "Packages"
deploy/local/install-packages.sh

if [[ $mode == --sanitizers ]]; then
  for name in asan ubsan tsan; do sanitizer "$name" "${unit[@]}"; done
else
  [[ $mode != --long ]] || export VARVE_LONG=1
  say "Building everything, optimised"
  # Programs; libraries alone would be compiled a second time, for linking
  # into shared ones that nobody asks for.
  bazel query 'kind("cc_binary rule", //...)' 2>/dev/null |
    xargs bazel build --keep_going || failed=$((failed + 1))
  bazel_tests "Unit tests and fuzz targets" //...
  python_tests
fi
if [[ $mode == --sanitizer ]]; then sanitizer "$@"; fi
if [[ $mode == --long ]]; then
  bazel_tests "Unit tests, 10 times" --runs_per_test=10 \
    --test_tag_filters=-fuzz //...
  export VARVE_FUZZ_SECONDS=60 VARVE_FUZZ_SEED=$RANDOM$RANDOM
  bazel_tests "Fuzz targets, seed $VARVE_FUZZ_SEED" --test_tag_filters=fuzz \
    //tests/fuzz/...
  libfuzzer
fi

if [[ -s $work/failures ]]; then
  say "Failures"
  cat "$work/failures"
fi
say "Totals"
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))

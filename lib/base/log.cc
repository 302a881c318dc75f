#include "lib/base/log.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <tuple>

#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/json_text.h"
#include "lib/base/mutex.h"

namespace varve::base {
namespace {

// Supervisors stop reading at a line of 64 KiB; half of it leaves room for
// the rest of the line.
constexpr size_t kTextBytesMax = 32 * 1024;
constexpr std::string_view kCut = " … (cut)";

struct LogState {
  Mutex mutex;
  LogOptions options GUARDED_BY(mutex);
  // One entry per place of logging in the source, so bounded by it.
  std::map<std::tuple<std::string_view, uint32_t, LogLevel>, int64_t> counts
      GUARDED_BY(mutex);
};

// Never freed: threads may log while the process ends.
LogState& State() {
  static LogState* const state = new LogState;
  return *state;
}

std::string CutText(std::string_view text, size_t bytes_max) {
  bytes_max = std::min(bytes_max, kTextBytesMax);
  std::string out(text.substr(0, bytes_max));
  if (text.size() > bytes_max) {
    // Not in the middle of a UTF-8 sequence.
    while (!out.empty() && (out.back() & 0xc0) == 0x80) out.pop_back();
    if (!out.empty() && (out.back() & 0x80) != 0) out.pop_back();
    out.append(kCut);
  }
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c == '\n' || c == '\r'; },
      ' ');
  return out;
}

std::string TimeText() {
  const absl::Time now = absl::FromUnixMillis(SystemClock().NowMs());
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", now, absl::UTCTimeZone());
}

std::string FormatLine(const LogOptions& options, LogLevel level,
                       std::string_view location, std::string_view text) {
  std::string line;
  if (options.json) {
    line = "{";
    if (options.timestamps) StrAppend(&line, "\"ts\":\"", TimeText(), "\",");
    StrAppend(&line, "\"level\":\"", LevelName(level), "\",\"caller\":");
    AppendJsonText(line, location);
    line.append(",\"msg\":");
    AppendJsonText(line, text);
    line.append("}\n");
    return line;
  }
  if (options.timestamps) StrAppend(&line, TimeText(), "\t");
  StrAppend(&line, LevelName(level), "\t", location, "\t", text, "\n");
  return line;
}

// One write per line, so that lines of several threads do not mix. Failure is
// ignored: there is nowhere to report it.
void WriteAll(std::string_view line) {
  while (!line.empty()) {
    const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    line.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
    case LogLevel::kFatal:
      return "fatal";
  }
  return "unknown";
}

void ConfigureLog(const LogOptions& options) {
  LogState& state = State();
  MutexLock lock(state.mutex);
  state.options = options;
}

void WriteLogLine(LogLevel level, const SourcePlace& where,
                  std::string_view text) {
  LogState& state = State();
  LogOptions options;
  {
    MutexLock lock(state.mutex);
    ++state.counts[{where.file, where.line, level}];
    options = state.options;
  }
  if (level < options.level_min) return;
  const std::string location = StrCat(where.file, ":", where.line);
  WriteAll(FormatLine(options, level, location,
                      CutText(text, options.text_bytes_max)));
}

std::vector<LogCount> LogCounts() {
  LogState& state = State();
  std::vector<LogCount> counts;
  MutexLock lock(state.mutex);
  for (const auto& [key, lines] : state.counts) {
    const auto& [file, line, level] = key;
    counts.push_back({level, StrCat(file, ":", line), lines,
                      level >= state.options.level_min});
  }
  return counts;
}

bool LogEvery::Due() {
  const int64_t now_ms = SystemClock().SteadyMs();
  int64_t next_ms = next_ms_.load(std::memory_order_relaxed);
  return now_ms >= next_ms &&
         next_ms_.compare_exchange_strong(next_ms, now_ms + interval_ms_,
                                          std::memory_order_relaxed);
}

}  // namespace varve::base

// The process log: one line per event on stderr.
//
//   LogInfo("opened ", path, " in ", ms, " ms");
//
// A line is "<RFC 3339 time>\t<level>\t<file>:<line>\t<text>", or a JSON
// object with -loggerFormat=json. No line is longer than 32 KiB (readers stop
// at 64 KiB): longer texts are cut and say so; line breaks become spaces.
// Lines are counted by level and location for vm_log_messages_total.
// Never called per sample or per series; outside input that can repeat is
// logged through LogEvery.
//
// Threads: any thread.
#ifndef VARVE_LIB_BASE_LOG_H_
#define VARVE_LIB_BASE_LOG_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/strings.h"

namespace varve::base {

enum class LogLevel : uint8_t { kInfo, kWarn, kError, kFatal };

struct LogOptions {
  bool json = false;
  LogLevel level_min = LogLevel::kInfo;
  bool timestamps = true;
  size_t text_bytes_max = 5000;  // -loggerMaxArgLen
};

// Before other threads start.
void ConfigureLog(const LogOptions& options);

// Stands for std::source_location, which clang 14 lacks.
struct SourcePlace {
  const char* file = __builtin_FILE();
  uint32_t line = __builtin_LINE();
};

void WriteLogLine(LogLevel level, const SourcePlace& where,
                  std::string_view text);

struct LogCount {
  LogLevel level;
  std::string location;  // "storage/wal/log_writer.cc:12"
  int64_t lines;
  bool is_printed;  // false: below level_min
};
std::string_view LevelName(LogLevel level);  // "info", "warn" …
std::vector<LogCount> LogCounts();

// The place of the caller together with the first piece of the text.
struct LogHead {
  template <typename T>
  LogHead(const T& piece,  // NOLINT: implicit on purpose
          const char* file = __builtin_FILE(), uint32_t line = __builtin_LINE())
      : text(StrCat(piece)), where{file, line} {}
  std::string text;
  SourcePlace where;
};

template <typename... Pieces>
void LogInfo(const LogHead& head, const Pieces&... pieces) {
  WriteLogLine(LogLevel::kInfo, head.where, StrCat(head.text, pieces...));
}
// For what an operator must act on: alerts count these lines.
template <typename... Pieces>
void LogWarn(const LogHead& head, const Pieces&... pieces) {
  WriteLogLine(LogLevel::kWarn, head.where, StrCat(head.text, pieces...));
}
template <typename... Pieces>
void LogError(const LogHead& head, const Pieces&... pieces) {
  WriteLogLine(LogLevel::kError, head.where, StrCat(head.text, pieces...));
}

// True at most once per `interval_ms`; a static one per place of logging.
class LogEvery {
 public:
  explicit LogEvery(int64_t interval_ms) : interval_ms_(interval_ms) {}
  bool Due();

 private:
  const int64_t interval_ms_;
  std::atomic<int64_t> next_ms_{0};
};

}  // namespace varve::base

#endif  // VARVE_LIB_BASE_LOG_H_

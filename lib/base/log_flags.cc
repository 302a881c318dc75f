#include "lib/base/log_flags.h"

#include <algorithm>

#include "lib/base/log.h"
#include "lib/base/status.h"

namespace varve::base {

LogFlags::LogFlags(FlagSet& flags)
    : format_(flags.String("loggerFormat", "default",
                           "Format of log lines: default or json")),
      level_(flags.String("loggerLevel", "INFO",
                          "Lowest level to log: INFO, WARN, ERROR or FATAL")),
      output_(flags.String("loggerOutput", "stderr",
                           "Where to log; only stderr is supported")),
      disable_timestamps_(flags.Bool("loggerDisableTimestamps", false,
                                     "Whether to leave times out of the log")),
      text_bytes_max_(flags.Int("loggerMaxArgLen", 5000,
                                "Longer log texts are cut to this")) {
  flags.Accept("loggerTimezone", "The log is in UTC");
  flags.Accept("loggerErrorsPerSecondLimit", "Has no effect");
  flags.Accept("loggerWarnsPerSecondLimit", "Has no effect");
  flags.Accept("loggerJSONFields", "Has no effect");
}

absl::Status LogFlags::Configure() const {
  LogOptions options;
  if (format_.value() != "default" && format_.value() != "json") {
    return InvalidArgument("-loggerFormat=", format_.value(),
                           " is neither default nor json");
  }
  if (output_.value() != "stderr") {
    return InvalidArgument("-loggerOutput=", output_.value(),
                           " is not supported; use stderr");
  }
  const std::string& level = level_.value();
  if (level == "INFO") {
    options.level_min = LogLevel::kInfo;
  } else if (level == "WARN") {
    options.level_min = LogLevel::kWarn;
  } else if (level == "ERROR") {
    options.level_min = LogLevel::kError;
  } else if (level == "FATAL" || level == "PANIC") {
    options.level_min = LogLevel::kFatal;
  } else {
    return InvalidArgument("-loggerLevel=", level,
                           " is none of INFO, WARN, ERROR, FATAL");
  }
  options.json = format_.value() == "json";
  options.timestamps = !disable_timestamps_.value();
  options.text_bytes_max =
      static_cast<size_t>(std::max<int64_t>(text_bytes_max_.value(), 1));
  ConfigureLog(options);
  return absl::OkStatus();
}

}  // namespace varve::base

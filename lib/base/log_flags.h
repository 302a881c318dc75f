// The -logger* flags that every program has.
//
//   LogFlags log_flags(flags);
//   flags.ParseOrExit(argc, argv);
//   if (auto status = log_flags.Configure(); !status.ok()) ...
//
// Errors:  Configure gives InvalidArgument that names the flag.
// Threads: before other threads start.
#ifndef VARVE_LIB_BASE_LOG_FLAGS_H_
#define VARVE_LIB_BASE_LOG_FLAGS_H_

#include "lib/base/flags.h"

namespace varve::base {

class LogFlags {
 public:
  explicit LogFlags(FlagSet& flags);
  absl::Status Configure() const;

 private:
  const StringFlag& format_;
  const StringFlag& level_;
  const StringFlag& output_;
  const BoolFlag& disable_timestamps_;
  const IntFlag& text_bytes_max_;
};

}  // namespace varve::base

#endif  // VARVE_LIB_BASE_LOG_FLAGS_H_

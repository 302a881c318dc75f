// -relabelConfig: its flags, and the way from its file or URL to the inserter.
//
// Threads: RelabelFlags are read-only after parsing; AddRelabelConfig is of
//          the start.
#ifndef VARVE_LIB_INGEST_RELABEL_CONFIG_H_
#define VARVE_LIB_INGEST_RELABEL_CONFIG_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/base/flags.h"
#include "lib/ingest/config_file.h"
#include "lib/ingest/inserter.h"
#include "lib/telemetry/metrics.h"
#include "net/tcp/transport.h"

namespace varve::ingest {

class RelabelFlags {
 public:
  explicit RelabelFlags(base::FlagSet& flags);

  // Empty for none.
  const std::string& path() const { return path_.value(); }
  absl::Duration check_interval() const { return check_interval_.value(); }
  bool prometheus_names() const { return prometheus_names_.value(); }

 private:
  const base::StringFlag& path_;
  const base::DurationFlag& check_interval_;
  const base::BoolFlag& prometheus_names_;
};

// Puts the rules of the file in force, now and whenever `reloader` loads it
// again; of an http:// URL, what is answered with 200 (`transport` dials it).
// %{NAME} in the file is the environment's variable. The error names flag,
// path, rule and line. REQUIRES: all outlive `reloader`.
absl::Status AddRelabelConfig(const RelabelFlags& flags, Inserter* inserter,
                              net::Transport* transport,
                              telemetry::Metrics* metrics,
                              ConfigReloader& reloader);

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_RELABEL_CONFIG_H_

// The flags -opentelemetry.*, as VictoriaMetrics has them.
//
// Lifetime: lives as long as the FlagSet it registers with.
// Threads:  read-only after parsing.
#ifndef VARVE_LIB_INGEST_OTLP_FLAGS_H_
#define VARVE_LIB_INGEST_OTLP_FLAGS_H_

#include "absl/status/status.h"
#include "lib/base/flags.h"
#include "lib/ingest/insert_door.h"

namespace varve::ingest {

class OtlpFlags {
 public:
  explicit OtlpFlags(base::FlagSet& flags);

  // InvalidArgument names the flag.
  absl::Status Validate() const;
  void Fill(InsertRouteOptions& options) const;

 private:
  const base::BoolFlag& use_prometheus_naming_;
  const base::BoolFlag& convert_metric_names_;
  const base::BoolFlag& label_name_underscore_;
  const base::BoolFlag& promote_all_;
  const base::ListFlag& promoted_;
  const base::ListFlag& ignored_;
  const base::BoolFlag& promote_scope_;
  const base::BytesFlag& bytes_max_;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_OTLP_FLAGS_H_

#include "lib/wire/sample_limit.h"

#include "lib/base/status.h"

namespace varve::wire {

absl::Status CheckSeriesSamples(const model::LabelSet& labels, int64_t samples,
                                int64_t max) {
  if (max <= 0 || samples <= max) return absl::OkStatus();
  return base::ResourceExhausted(
      "the query reads ", samples, " samples of the series ", labels.Text(),
      "; the maximum is ", max,
      "; shorten its time range or raise -search.maxSamplesPerSeries");
}

}  // namespace varve::wire

#include "lib/protocol/series_labels.h"

#include "lib/base/status.h"
#include "lib/protocol/remote_write.h"
#include "lib/protocol/remote_write_2.h"

namespace varve::protocol {

absl::Status ReadSeriesLabels(const SampleBatch& batch,
                              const BatchSeries& series,
                              std::vector<model::Label>& labels) {
  std::string_view canonical = series.identity;
  switch (batch.form) {
    case IdentityForm::kRemoteWriteLabels:
      return ParseRawLabels(series.identity, labels);
    case IdentityForm::kSymbolRefs:
      return ReadSymbolLabels(batch.symbols, series.identity, labels);
    case IdentityForm::kOfReader:
      if (!canonical.starts_with(kCanonicalMark)) {
        batch.identity_reader->MakeLabels(canonical, labels);
        return absl::OkStatus();
      }
      canonical.remove_prefix(1);
      break;
    case IdentityForm::kCanonical:
      break;
  }
  ASSIGN_OR_RETURN(const model::LabelSet set,
                   model::ParseCanonicalBytes(canonical));
  labels = set.labels();
  return absl::OkStatus();
}

}  // namespace varve::protocol

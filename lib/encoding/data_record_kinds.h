// The sections of a data record that are no floats: native histograms,
// exemplars, metadata, start timestamps.
//
//   histograms := rows:varint { ref:zigzag ts:zigzag size:varint bytes }*
//   exemplars  := rows:varint { ref:zigzag ts:zigzag value:f64 size:varint
//                               labels }*
//   metadata   := rows:varint { type:u8 name help unit }*
//   starts     := rows:varint { ref:zigzag first:zigzag length:varint
//                               start:zigzag }*
//
// ref, ts, first and start are the difference to the row before, the first to
// 0; length is last - first of a run (lib/model/start_run.h). bytes are
// canonical (lib/model/histogram.h), labels too (lib/model/label.h); name, help
// and unit are varint size and bytes. Drawn with real numbers in
// docs/formats/data_record.md.
//
// Errors:  DataLoss for missing, surplus or impossible bytes; a decoder never
//          reads outside `body` and takes at most kRowsMax rows.
// Threads: KindSections belongs to one; decoding is free of state.
#ifndef VARVE_LIB_ENCODING_DATA_RECORD_KINDS_H_
#define VARVE_LIB_ENCODING_DATA_RECORD_KINDS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "lib/model/exemplar.h"
#include "lib/model/histogram.h"
#include "lib/model/metadata.h"
#include "lib/model/start_run.h"
#include "lib/model/tenant.h"

namespace varve::encoding {

struct HistogramRow {
  uint64_t ref = 0;
  int64_t timestamp_ms = 0;
  model::Histogram histogram;
};
// Not read: canonical bytes within the section.
struct HistogramBytesRow {
  uint64_t ref = 0;
  int64_t timestamp_ms = 0;
  std::string_view bytes;
};
struct ExemplarRow {
  uint64_t ref = 0;
  model::Exemplar exemplar;
};

struct StartRow {
  uint64_t ref = 0;
  model::StartRun run;
};

// Collects rows of these kinds for one record; the DataRecordBuilder has one.
class KindSections {
 public:
  // `bytes` are canonical.
  void AddHistogram(const model::TenantId& tenant, uint64_t ref,
                    int64_t timestamp_ms, std::string_view bytes);
  void AddExemplar(const model::TenantId& tenant, uint64_t ref,
                   int64_t timestamp_ms, double value, std::string_view labels);
  void AddMetadata(const model::TenantId& tenant,
                   const model::MetricMetadata& metadata);
  void AddStart(const model::TenantId& tenant, uint64_t ref,
                const model::StartRun& run);

  uint32_t rows() const { return rows_; }
  size_t bytes() const { return bytes_; }
  // Appends the sections and forgets them.
  void AppendTo(std::string& out);
  void Clear();

 private:
  struct Section {
    uint8_t kind = 0;
    model::TenantId tenant;
    uint32_t rows = 0;
    uint64_t last_ref = 0;
    int64_t last_ms = 0;
    int64_t last_start_ms = 0;
    std::string body;
  };
  Section& Open(uint8_t kind, const model::TenantId& tenant);
  static void AddHead(Section& section, uint64_t ref, int64_t timestamp_ms);

  std::vector<Section> sections_;
  uint32_t rows_ = 0;
  size_t bytes_ = 0;
};

// Each appends the rows of a section's body to `rows`.
absl::Status DecodeHistogramSection(std::string_view body,
                                    std::vector<HistogramRow>& rows);
absl::Status DecodeHistogramSection(std::string_view body,
                                    std::vector<HistogramBytesRow>& rows);
absl::Status DecodeExemplarSection(std::string_view body,
                                   std::vector<ExemplarRow>& rows);
absl::Status DecodeMetadataSection(std::string_view body,
                                   std::vector<model::MetricMetadata>& rows);
absl::Status DecodeStartSection(std::string_view body,
                                std::vector<StartRow>& rows);

}  // namespace varve::encoding

#endif  // VARVE_LIB_ENCODING_DATA_RECORD_KINDS_H_

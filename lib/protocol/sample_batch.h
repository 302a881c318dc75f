// What every reader of this folder gives: series and their rows, as columns;
// native histograms, exemplars, start timestamps and metadata beside them.
//
// A series is named by its identity, whose equality means that of labels, but
// not the other way round; lib/protocol/series_labels.h has its labels.
//
//   kRemoteWriteLabels  the label fields of a remote-write message as they came
//   kCanonical          canonical bytes (lib/model/label.h)
//   kSymbolRefs         uint32_t references into the request's `symbols`, name
//                       and value by turns: equal are the symbols, not these
//   kOfReader           bytes as they came, which `identity_reader` reads, or
//                       kCanonicalMark and canonical bytes
//
// Lifetime: identities point into the request's body or into `arena`, symbols
//           into the body; these and their reader must outlive their use.
// Threads:  belongs to one thread.
#ifndef VARVE_LIB_PROTOCOL_SAMPLE_BATCH_H_
#define VARVE_LIB_PROTOCOL_SAMPLE_BATCH_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/model/exemplar.h"
#include "lib/model/metadata.h"
#include "lib/model/start_run.h"
#include "lib/model/tenant.h"

namespace varve::model {
struct Label;
}

namespace varve::protocol {

enum class IdentityForm : uint8_t {
  kRemoteWriteLabels = 0,
  kCanonical = 1,
  kSymbolRefs = 2,
  kOfReader = 3,
};

// Bytes as they came begin with another one.
inline constexpr char kCanonicalMark = '\0';

// Makes labels of identities that it has given itself.
class IdentityReader {
 public:
  virtual ~IdentityReader() = default;
  // In any order; no name twice, no empty values. Replaces `labels`.
  virtual void MakeLabels(std::string_view identity,
                          std::vector<model::Label>& labels) const = 0;
};

// Rows of one series in one message. Encoders of remote write send tens; the
// bound keeps a message of empty samples (2 bytes each on the wire, 16 here)
// from costing eight times its size for long.
inline constexpr uint32_t kSeriesRowsMax = 1 << 20;

// Bytes that stay where they are until Clear.
class Arena {
 public:
  std::string_view Copy(std::string_view bytes) {
    if (bytes.size() > free_) AddChunk(bytes.size());
    if (!bytes.empty()) std::memcpy(next_, bytes.data(), bytes.size());
    const std::string_view copy(next_, bytes.size());
    next_ += bytes.size();
    free_ -= bytes.size();
    bytes_ += bytes.size();
    return copy;
  }
  // Copied since Clear.
  size_t bytes() const { return bytes_; }
  void Clear() {
    chunks_.clear();
    next_ = nullptr;
    free_ = 0;
    bytes_ = 0;
  }

 private:
  static constexpr size_t kChunkBytes = 64 << 10;
  void AddChunk(size_t bytes_min) {
    free_ = bytes_min > kChunkBytes ? bytes_min : kChunkBytes;
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(free_));
    next_ = chunks_.back().get();
  }
  std::vector<std::unique_ptr<char[]>> chunks_;
  char* next_ = nullptr;
  size_t free_ = 0;
  size_t bytes_ = 0;
};

// Copied label bytes after which a batch is full: a line of many fields under
// many tags names each tag once, its series name all of them each.
inline constexpr size_t kBatchArenaBytesMax = 16 << 20;

// Native histograms are larger.
inline constexpr uint32_t kSeriesHistogramsMax = 1 << 16;

// Labels of an exemplar; as Prometheus, longer ones are not worth a trace.
// Such are left out.
inline constexpr size_t kExemplarLabelBytesMax = 1 << 10;

struct BatchSeries {
  std::string_view identity;
  uint32_t first_row = 0;
  uint32_t rows = 0;
  uint32_t first_histogram = 0;
  uint32_t histograms = 0;      // native ones
  uint32_t bad_histograms = 0;  // refused by model::CheckHistogram
  uint32_t first_exemplar = 0;
  uint32_t exemplars = 0;
  uint32_t first_start = 0;
  uint32_t starts = 0;  // runs of samples and histograms, in no order

  bool empty() const {
    return rows + histograms + bad_histograms + exemplars == 0;
  }
};

struct SampleBatch {
  IdentityForm form = IdentityForm::kCanonical;
  std::vector<BatchSeries> series;
  std::span<const std::string_view> symbols;  // of kSymbolRefs
  const IdentityReader* identity_reader = nullptr;  // of kOfReader
  // What beside its identity makes a series' labels: another reader, or one
  // with other options, has another context. Of kOfReader.
  std::string identity_context;
  std::vector<int64_t> timestamps_ms;
  std::vector<double> values;
  std::vector<int64_t> histogram_timestamps_ms;
  std::vector<std::string_view> histograms;  // canonical bytes
  std::vector<model::ExemplarView> exemplars;
  model::StartRuns starts;
  std::vector<model::MetricMetadata> metadata;  // of no series
  // Whose each of `metadata` is, for a request of many tenants, where it says;
  // past the end nothing is said.
  std::vector<std::optional<model::TenantId>> metadata_tenants;
  // When another insert node took the rows, by its clock; 0: they come from
  // outside.
  int64_t accept_ms = 0;
  // Why the first of the batch's bad histograms was refused.
  std::string bad_histogram;
  Arena arena;

  bool full(size_t rows_max) const {
    return values.size() + histograms.size() + exemplars.size() +
                   metadata.size() >=
               rows_max ||
           series.size() >= rows_max || arena.bytes() >= kBatchArenaBytesMax;
  }

  // Rows that its largest column has memory for.
  size_t rows_capacity() const {
    return std::max({series.capacity(), timestamps_ms.capacity(),
                     values.capacity(), histogram_timestamps_ms.capacity(),
                     histograms.capacity(), exemplars.capacity(),
                     starts.capacity(), metadata.capacity()});
  }

  std::span<const int64_t> Timestamps(const BatchSeries& s) const {
    return {timestamps_ms.data() + s.first_row, s.rows};
  }
  std::span<const double> Values(const BatchSeries& s) const {
    return {values.data() + s.first_row, s.rows};
  }
  std::span<const int64_t> HistogramTimestamps(const BatchSeries& s) const {
    return {histogram_timestamps_ms.data() + s.first_histogram, s.histograms};
  }
  std::span<const std::string_view> Histograms(const BatchSeries& s) const {
    return {histograms.data() + s.first_histogram, s.histograms};
  }
  std::span<const model::ExemplarView> Exemplars(const BatchSeries& s) const {
    return {exemplars.data() + s.first_exemplar, s.exemplars};
  }
  std::span<const model::StartRun> Starts(const BatchSeries& s) const {
    return {starts.data() + s.first_start, s.starts};
  }
  void Clear() {
    form = IdentityForm::kCanonical;
    series.clear();
    symbols = {};
    identity_reader = nullptr;
    identity_context.clear();
    timestamps_ms.clear();
    values.clear();
    histogram_timestamps_ms.clear();
    histograms.clear();
    exemplars.clear();
    starts.clear();
    metadata.clear();
    metadata_tenants.clear();
    accept_ms = 0;
    bad_histogram.clear();
    arena.Clear();
  }
};

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_SAMPLE_BATCH_H_

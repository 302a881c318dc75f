#include "lib/wire/series_batch.h"

#include <algorithm>
#include <span>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/encoding/histogram_chunk.h"

namespace varve::wire {
namespace {

constexpr uint8_t kKindSeries = 0;
constexpr uint8_t kKindEnd = 1;
constexpr uint8_t kKindAllKinds = 2;
constexpr uint8_t kKindWithStarts = 3;
constexpr uint8_t kOwnColumn = 0;
constexpr uint8_t kLastColumn = 1;

// Calls fn(run) for each run of at most kChunkSamplesMax elements; stops at
// the first error.
template <typename T, typename Fn>
absl::Status ForRuns(std::span<T> column, Fn&& fn) {
  for (size_t at = 0; at < column.size();) {
    const size_t n =
        std::min(encoding::kChunkSamplesMax, column.size() - at);
    RETURN_IF_ERROR(fn(column.subspan(at, n)));
    at += n;
  }
  return absl::OkStatus();
}

class BatchDecoder {
 public:
  BatchDecoder(std::string_view body, uint8_t kind,
               std::vector<WireSeries>& out)
      : reader_(body), kind_(kind), out_(out) {}

  absl::Status DecodeAll() {
    while (!reader_.empty()) {
      WireSeries series;
      RETURN_IF_ERROR(DecodeOne(series));
      if (!series.samples.empty()) column_owner_ = out_.size();
      out_.push_back(std::move(series));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status DecodeOne(WireSeries& series) {
    series.hash.high = reader_.FixedLe<uint64_t>();
    series.hash.low = reader_.FixedLe<uint64_t>();
    series.labels = reader_.LengthPrefixed();
    const uint64_t n = reader_.Varint();
    if (!reader_.ok()) return base::DataLoss("series batch cut in a header");
    RETURN_IF_ERROR(DecodeSamples(n, series));
    if (kind_ == kKindSeries) return absl::OkStatus();
    RETURN_IF_ERROR(encoding::ReadHistogramColumns(reader_, kBatchCountsMax,
                                                   series.histograms));
    RETURN_IF_ERROR(DecodeExemplars(series.exemplars));
    if (kind_ == kKindAllKinds) return absl::OkStatus();
    return DecodeStarts(series.starts);
  }

  absl::Status DecodeStarts(model::StartRuns& starts) {
    const uint64_t n = reader_.Varint();
    constexpr size_t kRunBytesMin = 3;
    if (n > reader_.rest().size() / kRunBytesMin) {
      return base::DataLoss("series batch cut in its start timestamps");
    }
    uint64_t at_ms = 0;
    for (uint64_t i = 0; i < n; ++i) {
      const uint64_t first_ms = at_ms + reader_.Varint();
      at_ms = first_ms + reader_.Varint();
      starts.push_back({static_cast<int64_t>(first_ms),
                        static_cast<int64_t>(at_ms), reader_.Zigzag()});
      const model::StartRun& run = starts.back();
      // In order and without overlaps: what is read is not joined again.
      if (run.first_ms < 0 || run.last_ms < run.first_ms ||
          (i > 0 && run.first_ms <= starts[i - 1].last_ms)) {
        return base::DataLoss("series batch of impossible start timestamps");
      }
    }
    return reader_.ok()
               ? absl::OkStatus()
               : base::DataLoss("series batch cut in a start timestamp");
  }

  absl::Status DecodeExemplars(std::vector<model::Exemplar>& exemplars) {
    const uint64_t n = reader_.Varint();
    constexpr size_t kExemplarBytesMin = 10;
    if (n > reader_.rest().size() / kExemplarBytesMin) {
      return base::DataLoss("series batch cut in its exemplars");
    }
    for (uint64_t i = 0; i < n; ++i) {
      model::Exemplar& one = exemplars.emplace_back();
      one.timestamp_ms = reader_.Zigzag();
      one.value = reader_.FixedLe<double>();
      one.labels = reader_.LengthPrefixed();
    }
    return reader_.ok() ? absl::OkStatus()
                        : base::DataLoss("series batch cut in an exemplar");
  }

  absl::Status DecodeSamples(uint64_t n, WireSeries& series) {
    if (n == 0) return absl::OkStatus();
    if (n > kBatchSamplesMax - samples_) {
      return base::ResourceExhausted("series batch of over ", kBatchSamplesMax,
                                     " samples");
    }
    samples_ += n;
    RETURN_IF_ERROR(DecodeTimestampColumn(n, series.samples.timestamps_ms));
    return DecodeValueColumn(n, series.samples.values);
  }

  absl::Status DecodeTimestampColumn(size_t n, std::vector<int64_t>& column) {
    const auto shared = reader_.FixedLe<uint8_t>();
    if (!reader_.ok()) return base::DataLoss("series batch cut in a column");
    if (shared == kLastColumn) {
      if (column_owner_ >= out_.size()) {
        return base::DataLoss("series batch shares a column it does not have");
      }
      const auto& last = out_[column_owner_].samples.timestamps_ms;
      if (last.size() != n) {
        return base::DataLoss("series batch shares a column of ", last.size(),
                              " samples for ", n);
      }
      column = last;
      return absl::OkStatus();
    }
    if (shared != kOwnColumn) {
      return base::DataLoss("series batch with column kind ", int{shared});
    }
    return DecodeRuns(n, column, [](std::string_view bytes, auto run) {
      return encoding::DecodeTimestamps(bytes, run);
    });
  }

  absl::Status DecodeValueColumn(size_t n, std::vector<double>& column) {
    return DecodeRuns(n, column, [](std::string_view bytes, auto run) {
      return encoding::DecodeValues(bytes, run);
    });
  }

  // Grows run by run, so that a claimed size alone allocates nothing.
  template <typename T, typename Decode>
  absl::Status DecodeRuns(size_t n, std::vector<T>& column, Decode&& decode) {
    while (column.size() < n) {
      const size_t at = column.size();
      const size_t run = std::min(encoding::kChunkSamplesMax, n - at);
      const std::string_view bytes = reader_.LengthPrefixed();
      if (!reader_.ok()) return base::DataLoss("series batch cut in a column");
      column.resize(at + run);
      RETURN_IF_ERROR(decode(bytes, std::span<T>(column).subspan(at)));
    }
    return absl::OkStatus();
  }

  base::ByteReader reader_;
  const uint8_t kind_;
  std::vector<WireSeries>& out_;
  size_t column_owner_ = SIZE_MAX;  // index of the last series with samples
  size_t samples_ = 0;
};

}  // namespace

void SeriesBatchWriter::Begin() {
  out_.push_back(static_cast<char>(starts_      ? kKindWithStarts
                                   : all_kinds_ ? kKindAllKinds
                                                : kKindSeries));
}

void SeriesBatchWriter::Add(const model::SeriesHash& hash,
                            std::string_view labels,
                            const model::SampleColumns& samples,
                            const model::HistogramColumns& histograms,
                            const std::vector<model::Exemplar>& exemplars,
                            const model::StartRuns& starts) {
  if (out_.empty()) Begin();
  base::PutFixedLe<uint64_t>(out_, hash.high);
  base::PutFixedLe<uint64_t>(out_, hash.low);
  base::PutLengthPrefixed(out_, labels);
  base::PutVarint(out_, samples.size());
  UseHintsOf(labels);
  if (!samples.empty()) AddSamples(samples);
  if (!all_kinds_) return;
  encoding::AppendHistogramColumns(histograms, out_);
  samples_ += histograms.size();
  base::PutVarint(out_, exemplars.size());
  for (const model::Exemplar& one : exemplars) {
    base::PutVarint(out_, base::ZigzagEncode(one.timestamp_ms));
    base::PutFixedLe(out_, one.value);
    base::PutLengthPrefixed(out_, one.labels);
  }
  if (starts_) AddStarts(starts);
}

void SeriesBatchWriter::AddStarts(const model::StartRuns& starts) {
  base::PutVarint(out_, starts.size());
  samples_ += starts.size();
  int64_t at_ms = 0;
  for (const model::StartRun& run : starts) {
    base::PutVarint(out_, static_cast<uint64_t>(run.first_ms - at_ms));
    base::PutVarint(out_, static_cast<uint64_t>(run.last_ms - run.first_ms));
    base::PutVarint(out_, base::ZigzagEncode(run.start_ms));
    at_ms = run.last_ms;
  }
}

void SeriesBatchWriter::AddSamples(const model::SampleColumns& samples) {
  samples_ += samples.size();
  if (samples.timestamps_ms == last_timestamps_ms_) {
    out_.push_back(static_cast<char>(kLastColumn));
  } else {
    out_.push_back(static_cast<char>(kOwnColumn));
    (void)ForRuns(std::span(samples.timestamps_ms), [this](auto run) {
      column_.clear();
      encoding::EncodeTimestamps(run, column_);
      base::PutLengthPrefixed(out_, column_);
      return absl::OkStatus();
    });  // never fails
    last_timestamps_ms_ = samples.timestamps_ms;
  }
  (void)ForRuns(std::span(samples.values), [this](auto run) {
    column_.clear();
    encoding::EncodeValues(run, hints_, column_);
    base::PutLengthPrefixed(out_, column_);
    return absl::OkStatus();
  });  // never fails
}

// Series come metric by metric, and those of one metric are alike: what was
// found for one of them serves the next ones. The first label is the metric's
// name but for names that begin with a capital letter.
void SeriesBatchWriter::UseHintsOf(std::string_view labels) {
  base::ByteReader reader(labels);
  reader.LengthPrefixed();
  reader.LengthPrefixed();
  const std::string_view first =
      labels.substr(0, labels.size() - reader.rest().size());
  if (first == hinted_) return;
  hinted_ = first;
  hints_ = {};
}

std::string SeriesBatchWriter::Finish() {
  if (out_.empty()) Begin();
  std::string message = std::move(out_);
  out_.clear();
  last_timestamps_ms_.clear();
  samples_ = 0;
  return message;
}

std::string EncodeSearchEnd(const proto::Coverage& coverage) {
  std::string out(1, static_cast<char>(kKindEnd));
  coverage.AppendToString(&out);
  return out;
}

bool IsSearchEnd(std::string_view message) {
  return !message.empty() && static_cast<uint8_t>(message[0]) == kKindEnd;
}

absl::StatusOr<SeriesBatch> DecodeSeriesBatch(std::string_view message) {
  if (message.empty()) return base::DataLoss("empty series batch");
  const auto kind = static_cast<uint8_t>(message.front());
  message.remove_prefix(1);
  SeriesBatch batch;
  if (kind == kKindEnd) {
    batch.is_end = true;
    if (!batch.coverage.ParseFromArray(message.data(),
                                       static_cast<int>(message.size()))) {
      return base::DataLoss("series batch with a bad Coverage");
    }
    return batch;
  }
  if (kind != kKindSeries && kind != kKindAllKinds &&
      kind != kKindWithStarts) {
    return base::DataLoss("series batch of unknown kind ", int{kind});
  }
  RETURN_IF_ERROR(BatchDecoder(message, kind, batch.series).DecodeAll());
  return batch;
}

}  // namespace varve::wire

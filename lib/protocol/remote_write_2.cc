#include "lib/protocol/remote_write_2.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "lib/base/status.h"
#include "lib/model/time_range.h"
#include "lib/protocol/proto_fields.h"
#include "lib/protocol/remote_write_kinds.h"

namespace varve::protocol {
namespace {

using base::InvalidArgument;

absl::Status Broken(std::string_view what) {
  return InvalidArgument("remote write 2.0: broken ", what);
}

// One element of a repeated uint32, or a packed run of them.
bool ReadRefs(const Field& field, std::vector<uint32_t>& refs) {
  if (field.type == kVarint) {
    refs.push_back(static_cast<uint32_t>(field.scalar));
    return true;
  }
  if (field.type != kBytes) return true;  // not this field: passed over
  Fields packed(field.bytes);
  while (!packed.done()) {
    uint64_t ref = 0;
    if (!packed.Varint(ref)) return false;
    refs.push_back(static_cast<uint32_t>(
        std::min<uint64_t>(ref, UINT32_MAX)));  // too large for any table
  }
  return true;
}

absl::Status CheckRefs(std::span<const uint32_t> refs, size_t symbols) {
  if (refs.size() % 2 != 0) {
    return InvalidArgument("remote write 2.0: labels_refs has ", refs.size(),
                           " references, which are not pairs");
  }
  for (const uint32_t ref : refs) {
    if (ref >= symbols) {
      return InvalidArgument("remote write 2.0: a label refers to symbol ",
                             ref, " of ", symbols);
    }
  }
  return absl::OkStatus();
}

// The metric that a series of this type and name is part of.
std::string_view MetricOf(std::string_view name, uint64_t type) {
  using model::MetricType;
  const auto is = [type](MetricType other) {
    return type == static_cast<uint64_t>(other);
  };
  const bool buckets =
      is(MetricType::kHistogram) || is(MetricType::kGaugeHistogram);
  if (!buckets && !is(MetricType::kSummary)) return name;
  for (const std::string_view suffix : {"_bucket", "_count", "_sum"}) {
    if (!buckets && suffix == "_bucket") continue;
    if (name.size() > suffix.size() && name.ends_with(suffix)) {
      return name.substr(0, name.size() - suffix.size());
    }
  }
  return name;
}

}  // namespace

RemoteWrite2Walker::RemoteWrite2Walker(std::string_view body) : body_(body) {
  status_ = ReadSymbols();
}

absl::Status RemoteWrite2Walker::ReadSymbols() {
  Fields fields(body_);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) {
      return InvalidArgument("remote write 2.0: broken request at byte ",
                             fields.offset());
    }
    if (field.type != kBytes || field.number != 4) continue;
    if (symbols_.size() == kSymbolsMax) {
      return InvalidArgument("remote write 2.0: the request has more than ",
                             kSymbolsMax, " symbols");
    }
    symbols_.push_back(field.bytes);
  }
  return absl::OkStatus();
}

absl::Status RemoteWrite2Walker::Charge(size_t label_bytes) {
  label_bytes_ += label_bytes;
  if (label_bytes_ <= kRequestLabelBytesMax) return absl::OkStatus();
  return InvalidArgument("remote write 2.0: the labels of all time series "
                         "have more than ", kRequestLabelBytesMax, " bytes");
}

absl::Status RemoteWrite2Walker::MakeIdentity(SampleBatch& batch,
                                              std::string_view& identity) {
  // What a label costs beside its texts, once it has to be written out.
  constexpr size_t kPairBytes = 6;
  RETURN_IF_ERROR(CheckRefs(refs_, symbols_.size()));
  size_t bytes = refs_.size() / 2 * kPairBytes;
  for (const uint32_t ref : refs_) bytes += symbols_[ref].size();
  if (bytes > kSymbolizedLabelBytesMax) {
    return InvalidArgument("remote write 2.0: a time series has labels of "
                           "more than ", kSymbolizedLabelBytesMax, " bytes");
  }
  RETURN_IF_ERROR(Charge(bytes));
  identity = batch.arena.Copy({reinterpret_cast<const char*>(refs_.data()),
                               refs_.size() * sizeof(refs_[0])});
  return absl::OkStatus();
}

std::string_view RemoteWrite2Walker::MetricName() const {
  std::string_view name;
  for (size_t i = 0; i < refs_.size(); i += 2) {
    if (symbols_[refs_[i]] == model::kMetricName) name = symbols_[refs_[i + 1]];
  }
  return name;
}

absl::Status RemoteWrite2Walker::AddSample(std::string_view message,
                                           Open& open, SampleBatch& batch) {
  int64_t timestamp_ms = 0;
  int64_t start_ms = 0;
  double value = 0;
  if (!ReadUsualSample(message, timestamp_ms, value)) {
    timestamp_ms = 0;
    value = 0;
    Fields fields(message);
    Field field;
    while (!fields.done()) {
      if (!fields.Next(field)) return Broken("sample");
      if (field.number == 1 && field.type == kFixed64) {
        value = std::bit_cast<double>(field.scalar);
      } else if (field.number == 2 && field.type == kVarint) {
        timestamp_ms = static_cast<int64_t>(field.scalar);
      } else if (field.number == 3 && field.type == kVarint) {
        start_ms = static_cast<int64_t>(field.scalar);
      }
    }
  }
  if (++open.series.rows > kSeriesRowsMax) {
    return InvalidArgument("remote write 2.0: a time series has more than ",
                           kSeriesRowsMax, " samples");
  }
  batch.timestamps_ms.push_back(timestamp_ms);
  batch.values.push_back(value);
  sample_starts_ms_.push_back(start_ms);
  open.any_start |= start_ms != 0;
  return absl::OkStatus();
}

absl::Status RemoteWrite2Walker::AddHistogram(std::string_view message,
                                              Open& open, SampleBatch& batch) {
  const size_t before = batch.histograms.size();
  int64_t start_ms = 0;
  if (!AppendHistogram(message, open.series, batch, &start_ms)) {
    return Broken("histogram");
  }
  if (batch.histograms.size() > before) {  // not a bad one
    histogram_starts_ms_.push_back(start_ms);
    open.any_start |= start_ms != 0;
  }
  if (batch.histograms.size() - open.series.first_histogram +
          open.series.bad_histograms >
      kSeriesHistogramsMax) {
    return InvalidArgument("remote write 2.0: a time series has more than ",
                           kSeriesHistogramsMax, " histograms");
  }
  return absl::OkStatus();
}

absl::Status RemoteWrite2Walker::AddExemplar(std::string_view message,
                                             Open& open, SampleBatch& batch) {
  model::ExemplarView exemplar;
  std::vector<uint32_t> refs;
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken("exemplar");
    if (field.number == 1 && !ReadRefs(field, refs)) return Broken("exemplar");
    if (field.number == 2 && field.type == kFixed64) {
      exemplar.value = std::bit_cast<double>(field.scalar);
    } else if (field.number == 3 && field.type == kVarint) {
      exemplar.timestamp_ms = static_cast<int64_t>(field.scalar);
    }
  }
  RETURN_IF_ERROR(CheckRefs(refs, symbols_.size()));
  std::vector<model::Label> labels;
  size_t bytes = 0;
  for (size_t i = 0; i < refs.size(); i += 2) {
    const std::string_view name = symbols_[refs[i]];
    const std::string_view value = symbols_[refs[i + 1]];
    if (name.empty() || value.empty()) continue;
    bytes += name.size() + value.size();
    if (bytes > kExemplarLabelBytesMax) return absl::OkStatus();  // left out
    labels.push_back({std::string(name), std::string(value)});
  }
  std::string canonical;
  model::AppendCanonicalBytes(canonical, model::LabelSet(std::move(labels)));
  if (canonical.size() > kExemplarLabelBytesMax) return absl::OkStatus();
  open.exemplar_bytes += sizeof(exemplar) + canonical.size();
  if (open.exemplar_bytes > kSeriesExemplarBytesMax) {
    return InvalidArgument("remote write 2.0: a time series has exemplars of "
                           "more than ", kSeriesExemplarBytesMax, " bytes");
  }
  RETURN_IF_ERROR(Charge(canonical.size()));
  exemplar.labels = batch.arena.Copy(canonical);
  batch.exemplars.push_back(exemplar);
  return absl::OkStatus();
}

absl::Status RemoteWrite2Walker::AddMetadata(const MetadataRefs& refs,
                                             SampleBatch& batch) {
  if (refs.help >= symbols_.size() || refs.unit >= symbols_.size()) {
    // An empty table has no empty string to refer to.
    if (refs == MetadataRefs{}) return absl::OkStatus();
    return InvalidArgument("remote write 2.0: metadata refers to symbol ",
                           std::max(refs.help, refs.unit), " of ",
                           symbols_.size());
  }
  const std::string_view help = symbols_[refs.help];
  const std::string_view unit = symbols_[refs.unit];
  const std::string_view metric = MetricOf(MetricName(), refs.type);
  if (metric.empty() || (refs.type == 0 && help.empty() && unit.empty())) {
    return absl::OkStatus();
  }
  const auto [place, is_new] = told_.try_emplace(std::string(metric), refs);
  if (!is_new && place->second == refs) return absl::OkStatus();
  place->second = refs;
  label_bytes_ += help.size() + unit.size();  // copied, as labels are
  const uint64_t type = refs.type < model::kMetricTypeTexts.size() ? refs.type
                                                                   : 0;
  batch.metadata.push_back({.metric = std::string(metric),
                            .type = static_cast<model::MetricType>(type),
                            .help = std::string(help),
                            .unit = std::string(unit)});
  return absl::OkStatus();
}

void RemoteWrite2Walker::AddStarts(const Open& open,
                                   std::span<const int64_t> times_ms,
                                   std::span<const int64_t> starts_ms,
                                   SampleBatch& batch) {
  for (size_t i = 0; i < times_ms.size(); ++i) {
    // No storage keeps such a sample, and a run to it may be too long to store.
    if (times_ms[i] < 0 || times_ms[i] > model::kTimestampMaxMs) continue;
    model::AddStart(batch.starts, open.series.first_start, times_ms[i],
                    starts_ms[i] != 0 ? starts_ms[i] : open.created_ms);
  }
}

absl::Status RemoteWrite2Walker::WalkField(uint32_t number,
                                           std::string_view bytes, Open& open,
                                           SampleBatch& batch) {
  switch (number) {
    case 2:
      return AddSample(bytes, open, batch);
    case 3:
      return AddHistogram(bytes, open, batch);
    case 4:
      return AddExemplar(bytes, open, batch);
    case 5: {
      open.has_metadata = true;
      Fields fields(bytes);
      Field field;
      while (!fields.done()) {
        if (!fields.Next(field)) return Broken("metadata");
        if (field.type != kVarint) continue;
        if (field.number == 1) open.metadata.type = field.scalar;
        if (field.number == 3) open.metadata.help = field.scalar;
        if (field.number == 4) open.metadata.unit = field.scalar;
      }
      return absl::OkStatus();
    }
    default:
      return absl::OkStatus();
  }
}

absl::Status RemoteWrite2Walker::WalkSeries(std::string_view message,
                                            SampleBatch& batch) {
  Open open;
  BatchSeries& series = open.series;
  series.first_row = static_cast<uint32_t>(batch.values.size());
  series.first_histogram = static_cast<uint32_t>(batch.histograms.size());
  series.first_exemplar = static_cast<uint32_t>(batch.exemplars.size());
  series.first_start = static_cast<uint32_t>(batch.starts.size());
  refs_.clear();
  sample_starts_ms_.clear();
  histogram_starts_ms_.clear();
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken("time series");
    if (field.number == 1) {
      if (!ReadRefs(field, refs_)) return Broken("labels_refs");
    } else if (field.number == 6 && field.type == kVarint) {
      open.created_ms = static_cast<int64_t>(field.scalar);
    } else if (field.type == kBytes) {
      RETURN_IF_ERROR(WalkField(field.number, field.bytes, open, batch));
    }
  }
  RETURN_IF_ERROR(MakeIdentity(batch, series.identity));
  if (open.has_metadata) RETURN_IF_ERROR(AddMetadata(open.metadata, batch));
  series.histograms =
      static_cast<uint32_t>(batch.histograms.size()) - series.first_histogram;
  series.exemplars =
      static_cast<uint32_t>(batch.exemplars.size()) - series.first_exemplar;
  const auto times_ms = batch.Timestamps(series);
  const auto histogram_times_ms = batch.HistogramTimestamps(series);
  if (open.any_start || open.created_ms != 0) {
    AddStarts(open, times_ms, sample_starts_ms_, batch);
    AddStarts(open, histogram_times_ms, histogram_starts_ms_, batch);
  }
  series.starts =
      static_cast<uint32_t>(batch.starts.size()) - series.first_start;
  for (size_t i = series.first_exemplar; i < batch.exemplars.size(); ++i) {
    if (batch.exemplars[i].timestamp_ms != 0) continue;
    if (!times_ms.empty()) {
      batch.exemplars[i].timestamp_ms = times_ms.back();
    } else if (!histogram_times_ms.empty()) {
      batch.exemplars[i].timestamp_ms = histogram_times_ms.back();
    }
  }
  if (!series.empty()) batch.series.push_back(series);
  return absl::OkStatus();
}

absl::StatusOr<bool> RemoteWrite2Walker::Next(SampleBatch& batch,
                                              size_t rows_max) {
  // What labels and metadata of a batch may take together, so that its arena
  // does not grow with the request.
  constexpr size_t kBatchLabelBytes = 16 << 20;
  RETURN_IF_ERROR(status_);
  batch.symbols = symbols_;
  const size_t label_bytes_end = label_bytes_ + kBatchLabelBytes;
  Fields fields(body_.substr(position_));
  Field field;
  const size_t start = position_;
  while (!fields.done() && !batch.full(rows_max) &&
         label_bytes_ < label_bytes_end) {
    if (!fields.Next(field)) return Broken("request");
    position_ = start + fields.offset();
    if (field.type != kBytes) continue;
    if (field.number == 5) {
      RETURN_IF_ERROR(WalkSeries(field.bytes, batch));
    } else if (field.number == 1) {
      return InvalidArgument(
          "remote write 2.0: the body is a remote write 1.0 message (field 1); "
          "its Content-Type says io.prometheus.write.v2.Request");
    }
  }
  return !fields.done();
}

absl::Status ReadSymbolLabels(std::span<const std::string_view> symbols,
                              std::string_view refs,
                              std::vector<model::Label>& out) {
  out.clear();
  std::vector<uint32_t> numbers(refs.size() / sizeof(uint32_t));
  if (!refs.empty()) std::memcpy(numbers.data(), refs.data(), refs.size());
  RETURN_IF_ERROR(CheckRefs(numbers, symbols.size()));
  for (size_t i = 0; i < numbers.size(); i += 2) {
    out.push_back({std::string(symbols[numbers[i]]),
                   std::string(symbols[numbers[i + 1]])});
  }
  return absl::OkStatus();
}

}  // namespace varve::protocol

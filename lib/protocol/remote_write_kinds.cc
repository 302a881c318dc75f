#include "lib/protocol/remote_write_kinds.h"

#include <bit>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/model/histogram.h"
#include "lib/model/label.h"
#include "lib/protocol/proto_fields.h"
#include "lib/protocol/remote_write.h"

namespace varve::protocol {
namespace {

int64_t Zigzag(uint64_t scalar) { return base::ZigzagDecode(scalar); }

// One element of a repeated double, or a packed run of them.
bool ReadDoubles(const Field& field, std::vector<double>& out) {
  if (field.type == kFixed64) {
    out.push_back(std::bit_cast<double>(field.scalar));
    return true;
  }
  if (field.type != kBytes) return true;  // not this field: passed over
  if (field.bytes.size() % sizeof(double) != 0) return false;
  for (size_t i = 0; i < field.bytes.size(); i += sizeof(double)) {
    out.push_back(base::LoadLe<double>(field.bytes.data() + i));
  }
  return true;
}

// Likewise of a repeated sint64.
bool ReadDeltas(const Field& field, std::vector<int64_t>& out) {
  if (field.type == kVarint) {
    out.push_back(Zigzag(field.scalar));
    return true;
  }
  if (field.type != kBytes) return true;
  Fields packed(field.bytes);
  while (!packed.done()) {
    uint64_t value = 0;
    if (!packed.Varint(value)) return false;
    out.push_back(Zigzag(value));
  }
  return true;
}

bool ReadSpan(const Field& of, std::vector<model::HistogramSpan>& spans) {
  if (of.type != kBytes) return true;
  model::HistogramSpan span;
  Fields fields(of.bytes);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return false;
    if (field.type != kVarint) continue;
    if (field.number == 1) {
      span.offset = static_cast<int32_t>(
          Zigzag(static_cast<uint32_t>(field.scalar)));
    } else if (field.number == 2) {
      span.length = static_cast<uint32_t>(field.scalar);
    }
  }
  spans.push_back(span);
  return true;
}

// What one message holds before it is known whether counts are floats.
struct Message {
  model::Histogram histogram;
  int64_t timestamp_ms = 0;
  int64_t start_ms = 0;
  uint64_t zero_int = 0;
  uint64_t zero_float = 0;
  std::vector<int64_t> positive_deltas;
  std::vector<int64_t> negative_deltas;
  std::vector<double> positive_counts;
  std::vector<double> negative_counts;

  bool ReadScalar(const Field& field);
  bool ReadRepeated(const Field& field);
  void Finish();
};

bool Message::ReadScalar(const Field& field) {
  const bool is_varint = field.type == kVarint;
  const bool is_double = field.type == kFixed64;
  if (field.number == 1 && is_varint) {
    histogram.count = field.scalar;
    histogram.layout.float_counts = false;
  } else if (field.number == 2 && is_double) {
    histogram.count = field.scalar;
    histogram.layout.float_counts = true;
  } else if (field.number == 3 && is_double) {
    histogram.sum = std::bit_cast<double>(field.scalar);
  } else if (field.number == 4 && is_varint) {
    histogram.layout.schema = static_cast<int32_t>(
        Zigzag(static_cast<uint32_t>(field.scalar)));
  } else if (field.number == 5 && is_double) {
    histogram.layout.zero_threshold = std::bit_cast<double>(field.scalar);
  } else if (field.number == 6 && is_varint) {
    zero_int = field.scalar;
    zero_float = 0;
  } else if (field.number == 7 && is_double) {
    zero_float = field.scalar;
    zero_int = 0;
  } else if (field.number == 14 && is_varint) {
    histogram.reset = static_cast<model::CounterReset>(field.scalar & 3);
  } else if (field.number == 15 && is_varint) {
    timestamp_ms = static_cast<int64_t>(field.scalar);
  } else if (field.number == 17 && is_varint) {
    start_ms = static_cast<int64_t>(field.scalar);
  }
  return true;
}

bool Message::ReadRepeated(const Field& field) {
  switch (field.number) {
    case 8:
      return ReadSpan(field, histogram.layout.negative);
    case 9:
      return ReadDeltas(field, negative_deltas);
    case 10:
      return ReadDoubles(field, negative_counts);
    case 11:
      return ReadSpan(field, histogram.layout.positive);
    case 12:
      return ReadDeltas(field, positive_deltas);
    case 13:
      return ReadDoubles(field, positive_counts);
    case 16:
      return ReadDoubles(field, histogram.layout.custom_bounds);
    default:
      return ReadScalar(field);
  }
}

void Message::Finish() {
  if (histogram.layout.float_counts) {
    histogram.zero_count = zero_float;
    for (const auto* side : {&positive_counts, &negative_counts}) {
      for (const double count : *side) {
        histogram.buckets.push_back(std::bit_cast<uint64_t>(count));
      }
    }
    return;
  }
  histogram.zero_count = zero_int;
  for (const auto* side : {&positive_deltas, &negative_deltas}) {
    uint64_t count = 0;
    for (const int64_t delta : *side) {
      histogram.buckets.push_back(count += static_cast<uint64_t>(delta));
    }
  }
}

}  // namespace

bool AppendHistogram(std::string_view message, BatchSeries& series,
                     SampleBatch& batch, int64_t* start_ms) {
  Message read;
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field) || !read.ReadRepeated(field)) return false;
  }
  read.Finish();
  // A side's buckets must be its own spans', not only all together.
  const size_t positive = read.histogram.layout.float_counts
                              ? read.positive_counts.size()
                              : read.positive_deltas.size();
  absl::Status status = model::CheckHistogram(read.histogram);
  if (status.ok() && positive != read.histogram.layout.positive_buckets()) {
    status = base::InvalidArgument(
        "a histogram has ", positive, " positive buckets where its spans have ",
        read.histogram.layout.positive_buckets());
  }
  if (!status.ok()) {
    ++series.bad_histograms;
    if (batch.bad_histogram.empty()) {
      batch.bad_histogram = base::Message(status);
    }
    return true;
  }
  std::string bytes;
  model::AppendHistogramBytes(bytes, read.histogram);
  batch.histogram_timestamps_ms.push_back(read.timestamp_ms);
  batch.histograms.push_back(batch.arena.Copy(bytes));
  if (start_ms != nullptr) *start_ms = read.start_ms;
  return true;
}

bool AppendExemplar(std::string_view message, SampleBatch& batch) {
  model::ExemplarView exemplar;
  std::string raw;
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    const char* const begin = fields.position();
    if (!fields.Next(field)) return false;
    if (field.number == 1 && field.type == kBytes) {
      raw.append(begin, fields.position());
    } else if (field.number == 2 && field.type == kFixed64) {
      exemplar.value = std::bit_cast<double>(field.scalar);
    } else if (field.number == 3 && field.type == kVarint) {
      exemplar.timestamp_ms = static_cast<int64_t>(field.scalar);
    }
  }
  std::vector<model::Label> labels;
  if (!ParseRawLabels(raw, labels).ok()) return false;
  std::erase_if(labels, [](const model::Label& label) {
    return label.name.empty() || label.value.empty();
  });
  std::string canonical;
  model::AppendCanonicalBytes(canonical, model::LabelSet(std::move(labels)));
  if (canonical.size() > kExemplarLabelBytesMax) return true;
  exemplar.labels = batch.arena.Copy(canonical);
  batch.exemplars.push_back(exemplar);
  return true;
}

bool AppendMetadata(std::string_view message, SampleBatch& batch) {
  // VictoriaMetrics' own, which its agents send.
  constexpr uint32_t kAccountId = 11, kProjectId = 12;
  model::MetricMetadata metadata;
  uint32_t account = 0, project = 0;
  bool has_tenant = false;
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return false;
    if (field.number == 1 && field.type == kVarint) {
      metadata.type = static_cast<model::MetricType>(
          field.scalar < model::kMetricTypeTexts.size() ? field.scalar : 0);
    }
    if (field.type == kVarint &&
        (field.number == kAccountId || field.number == kProjectId)) {
      (field.number == kAccountId ? account : project) =
          static_cast<uint32_t>(field.scalar);
      has_tenant = true;
    }
    if (field.type != kBytes) continue;
    if (field.number == 2) metadata.metric = field.bytes;
    if (field.number == 4) metadata.help = field.bytes;
    if (field.number == 5) metadata.unit = field.bytes;
  }
  if (metadata.metric.empty()) return true;
  if (has_tenant) {
    batch.metadata_tenants.resize(batch.metadata.size());
    batch.metadata_tenants.push_back(
        model::TenantId::Numeric(account, project));
  }
  batch.metadata.push_back(std::move(metadata));
  return true;
}

}  // namespace varve::protocol

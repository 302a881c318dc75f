#include "lib/protocol/datadog_sketches.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/protocol/line_words.h"

namespace varve::protocol {
namespace {

// Field numbers of SketchPayload and its messages.
constexpr uint32_t kPayloadSketch = 1;
constexpr uint32_t kSketchMetric = 1, kSketchHost = 2, kSketchTag = 4,
                   kSketchDogsketch = 7;
constexpr uint32_t kTime = 1, kCount = 2, kMin = 3, kMax = 4, kSum = 6,
                   kKeys = 7, kCounts = 8;

struct SummaryQuantile {
  double q;
  const char* label;
};
constexpr SummaryQuantile kQuantiles[] = {{0.5, "0.5"},
                                          {0.75, "0.75"},
                                          {0.9, "0.9"},
                                          {0.95, "0.95"},
                                          {0.99, "0.99"}};
constexpr const char* kSuffixes[] = {".sum", ".count", ".min", ".max"};

// Rows of one metric that are gathered before its series are written: as many
// as make the copies of its labels small beside them.
constexpr size_t kSketchesAtOnce = 1024;
constexpr size_t kLabelBytesOfSketch = 64;

// A relative error of 1/128 at most; bin 1 holds 1e-9.
constexpr double kGamma = 1 + 2.0 / 128;
constexpr int32_t kInfiniteKey = (1 << 15) - 1;

int Bias() {
  static const int bias =
      1 - static_cast<int>(std::floor(std::log(1e-9) / std::log1p(2.0 / 128)));
  return bias;
}

// The lower bound of a bin.
double BinValue(int32_t key) {
  if (key == 0) return 0;
  if (key < 0) {
    return key <= -kInfiniteKey ? -std::numeric_limits<double>::infinity()
                                : -BinValue(-key);
  }
  return key >= kInfiniteKey ? std::numeric_limits<double>::infinity()
                             : std::pow(kGamma, key - Bias());
}

// Appends a repeated varint, packed or not; false for broken framing. Past
// kDatadogBinsMax nothing more is kept.
template <typename Number, typename Decode>
bool AddVarints(const Field& field, Decode decode, std::vector<Number>& out) {
  const auto add = [&](uint64_t varint) {
    if (out.size() <= kDatadogBinsMax) out.push_back(decode(varint));
  };
  if (field.type == kVarint) {
    add(field.scalar);
    return true;
  }
  if (field.type != kBytes) return false;
  Fields packed(field.bytes);
  for (uint64_t varint = 0; !packed.done();) {
    if (!packed.Varint(varint)) return false;
    add(varint);
  }
  return true;
}

bool TakeField(const Field& field, DatadogSketch& sketch) {
  switch (field.number) {
    case kTime:
      sketch.seconds = static_cast<int64_t>(field.scalar);
      return field.type == kVarint;
    case kCount:
      sketch.count = static_cast<int64_t>(field.scalar);
      return field.type == kVarint;
    case kMin:
      sketch.min = std::bit_cast<double>(field.scalar);
      return field.type == kFixed64;
    case kMax:
      sketch.max = std::bit_cast<double>(field.scalar);
      return field.type == kFixed64;
    case kSum:
      sketch.sum = std::bit_cast<double>(field.scalar);
      return field.type == kFixed64;
    case kKeys:
      return AddVarints(
          field,
          [](uint64_t varint) {
            return static_cast<int32_t>(
                base::ZigzagDecode(static_cast<uint32_t>(varint)));
          },
          sketch.keys);
    case kCounts:
      return AddVarints(
          field, [](uint64_t varint) { return static_cast<uint32_t>(varint); },
          sketch.counts);
    default:
      return true;
  }
}

bool ReadSketch(std::string_view message, DatadogSketch& sketch) {
  sketch.seconds = sketch.count = 0;
  sketch.min = sketch.max = sketch.sum = 0;
  sketch.keys.clear();
  sketch.counts.clear();
  Fields fields(message);
  for (Field field; !fields.done();) {
    if (!fields.Next(field) || !TakeField(field, sketch)) return false;
  }
  return true;
}

// What is wrong with a sketch of good framing; "" for nothing.
std::string_view Problem(const DatadogSketch& sketch) {
  if (sketch.keys.size() > kDatadogBinsMax ||
      sketch.counts.size() > kDatadogBinsMax) {
    return "a sketch has more than 65536 bins";
  }
  if (sketch.keys.size() != sketch.counts.size()) {
    return "a sketch has other numbers of keys than of counts";
  }
  if (sketch.count < 0) return "a sketch's count is below 0";
  if (sketch.seconds <= 0) return "a sketch has no timestamp";
  if (!(static_cast<double>(sketch.seconds) < kSecondsMax)) {
    return "a timestamp is out of range";
  }
  return "";
}

}  // namespace

double DatadogSketch::Quantile(double q) const {
  if (count == 0) return 0;
  // To the even of two that are equally near, as the agent's own code.
  const double rank = std::nearbyint(q * static_cast<double>(count - 1));
  double below = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const double here = counts[i];
    below += here;
    if (below <= rank) continue;
    double low = BinValue(keys[i]);
    const double high = low * kGamma;
    if (std::isinf(low)) return low;
    if (i == 0) low = min;
    const double weight = (below - rank) / here;
    return low * weight + high * (1 - weight);
  }
  return max;
}

absl::Status DatadogSketchReader::Check() {
  Fields payload(body_);
  int64_t number = 0;
  for (Field field; !payload.done();) {
    if (!payload.Next(field)) {
      return base::InvalidArgument("broken protobuf after sketch ", number);
    }
    if (field.number != kPayloadSketch) continue;
    ++number;
    bool good = field.type == kBytes;
    Fields metric(field.bytes);
    for (Field part; good && !metric.done();) {
      good = metric.Next(part);
      if (!good) break;
      if (part.number == kSketchDogsketch) {
        good = part.type == kBytes && ReadSketch(part.bytes, sketch_);
      } else if (part.number == kSketchMetric || part.number == kSketchHost ||
                 part.number == kSketchTag) {
        good = part.type == kBytes;
      }
    }
    if (!good) {
      return base::InvalidArgument("sketch ", number, " is broken protobuf");
    }
  }
  return absl::OkStatus();
}

std::string_view DatadogSketchReader::StartMetric(std::string_view message) {
  labels_.Clear();
  std::string_view metric;
  // Of a repeated label the last one counts: the host, then tags.
  for (const bool of_tags : {false, true}) {
    Fields fields(message);
    for (Field field; !fields.done();) {
      if (!fields.Next(field)) return "broken protobuf";
      if (field.number == kSketchMetric) {
        metric = field.bytes;
      } else if (field.number == kSketchHost && !of_tags) {
        labels_.Add("host", field.bytes);
      } else if (field.number == kSketchTag && of_tags) {
        AddDatadogTag(field.bytes, "host", labels_);
      }
    }
  }
  if (metric.empty()) return "no metric";
  labels_.Seal();
  if (metric.size() + labels_.sealed_bytes() > kDatadogLabelBytesMax) {
    return kDatadogLabelsTooLong;
  }
  const std::string name = DatadogName(metric, options_);
  std::string* canonical = canonical_.data() + std::size(kQuantiles);
  for (const char* suffix : kSuffixes) {
    canonical->clear();
    labels_.AppendCanonical(name + suffix, *canonical++);
  }
  for (size_t i = 0; i < std::size(kQuantiles); ++i) {
    labels_.Add("quantile", kQuantiles[i].label);
    labels_.Seal();
    canonical_[i].clear();
    labels_.AppendCanonical(name, canonical_[i]);
  }
  at_once_ = std::max(kSketchesAtOnce,
                      kSeries * canonical_[0].size() / kLabelBytesOfSketch);
  sketches_ = Fields(message);
  return "";
}

void DatadogSketchReader::AddRow(const DatadogSketch& sketch) {
  timestamps_ms_.push_back(
      DatadogMilliseconds(static_cast<double>(sketch.seconds), options_));
  std::vector<double>* column = values_.data();
  for (const SummaryQuantile& one : kQuantiles) {
    (column++)->push_back(sketch.Quantile(one.q));
  }
  for (const double value : {sketch.sum, static_cast<double>(sketch.count),
                             sketch.min, sketch.max}) {
    (column++)->push_back(value);
  }
}

void DatadogSketchReader::TakeSketches(SampleBatch& batch) {
  timestamps_ms_.clear();
  for (std::vector<double>& column : values_) column.clear();
  in_metric_ = false;
  for (Field field; !sketches_.done() && sketches_.Next(field);) {
    if (field.number != kSketchDogsketch) continue;
    const bool framed = ReadSketch(field.bytes, sketch_);
    const std::string_view why = framed ? Problem(sketch_) : "broken protobuf";
    if (!why.empty()) {
      AddBad("sketch", number_, why);
      continue;
    }
    AddRow(sketch_);
    if (timestamps_ms_.size() == at_once_) {
      in_metric_ = true;
      break;
    }
  }
  if (timestamps_ms_.empty()) return;
  for (size_t i = 0; i < kSeries; ++i) {
    batch.series.push_back(
        {.identity = batch.arena.Copy(canonical_[i]),
         .first_row = static_cast<uint32_t>(batch.values.size()),
         .rows = static_cast<uint32_t>(timestamps_ms_.size())});
    batch.timestamps_ms.insert(batch.timestamps_ms.end(),
                               timestamps_ms_.begin(), timestamps_ms_.end());
    batch.values.insert(batch.values.end(), values_[i].begin(),
                        values_[i].end());
  }
}

bool DatadogSketchReader::Next(SampleBatch& batch, size_t rows_max) {
  while (!batch.full(rows_max)) {
    if (!in_metric_) {
      Field field;
      if (payload_.done() || !payload_.Next(field)) return false;
      if (field.number != kPayloadSketch) continue;
      ++number_;
      const std::string_view why = StartMetric(field.bytes);
      if (!why.empty()) {
        AddBad("sketch", number_, why);
        continue;
      }
    }
    TakeSketches(batch);
  }
  return true;
}

}  // namespace varve::protocol

#include "lib/model/histogram.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "lib/base/status.h"

namespace varve::model {
namespace {

constexpr uint8_t kFloatCounts = 1;

absl::Status Broken(std::string_view what) {
  return base::DataLoss("histogram: ", what);
}

bool SameBits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() &&
         (a.empty() ||
          std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}

uint64_t LengthOf(const std::vector<HistogramSpan>& spans) {
  return std::accumulate(spans.begin(), spans.end(), uint64_t{0},
                         [](uint64_t sum, const HistogramSpan& span) {
                           return sum + span.length;
                         });
}

void AppendSpans(std::string& out, const std::vector<HistogramSpan>& spans) {
  base::PutVarint(out, spans.size());
  for (const HistogramSpan& span : spans) {
    base::PutVarint(out, base::ZigzagEncode(span.offset));
    base::PutVarint(out, span.length);
  }
}

bool ReadSpans(base::ByteReader& reader, std::vector<HistogramSpan>& spans) {
  const uint64_t n = reader.Varint();
  if (n > reader.rest().size()) return false;
  spans.resize(n);
  for (HistogramSpan& span : spans) {
    const int64_t offset = reader.Zigzag();
    const uint64_t length = reader.Varint();
    if (offset < INT32_MIN || offset > INT32_MAX ||
        length > kHistogramBucketsMax) {
      return false;
    }
    span = {static_cast<int32_t>(offset), static_cast<uint32_t>(length)};
  }
  return reader.ok() && LengthOf(spans) <= kHistogramBucketsMax;
}

void AppendCount(std::string& out, bool float_counts, uint64_t count) {
  if (float_counts) {
    base::PutFixedLe(out, count);
  } else {
    base::PutVarint(out, count);
  }
}

uint64_t ReadCount(base::ByteReader& reader, bool float_counts) {
  return float_counts ? reader.FixedLe<uint64_t>() : reader.Varint();
}

absl::Status CheckSpans(const std::vector<HistogramSpan>& spans,
                        std::string_view side) {
  for (size_t i = 1; i < spans.size(); ++i) {
    if (spans[i].offset < 0) {
      return base::InvalidArgument("a histogram's ", side, " span ", i + 1,
                                   " has the negative offset ",
                                   spans[i].offset);
    }
  }
  return absl::OkStatus();
}

absl::Status CheckCustom(const HistogramLayout& layout, uint64_t zero_count) {
  if (!layout.negative.empty() || zero_count != 0 ||
      layout.zero_threshold != 0) {
    return base::InvalidArgument(
        "a histogram of custom buckets has negative or zero buckets");
  }
  double last = -HUGE_VAL;
  for (const double bound : layout.custom_bounds) {
    if (!(bound > last) || bound == HUGE_VAL) {
      return base::InvalidArgument(
          "a histogram's custom bounds do not ascend to a finite one");
    }
    last = bound;
  }
  int64_t index = 0;
  for (const HistogramSpan& span : layout.positive) {
    index += span.offset + int64_t{span.length};
    if (index < 0) break;
  }
  // One bucket above the last bound is the one of +Inf.
  if (index < 0 ||
      index > static_cast<int64_t>(layout.custom_bounds.size()) + 1) {
    return base::InvalidArgument("a histogram has custom buckets up to ",
                                 index, " for ", layout.custom_bounds.size(),
                                 " bounds");
  }
  return absl::OkStatus();
}

// The end of the interval (k*d - d, k*d] that holds the timestamp.
int64_t IntervalEnd(int64_t timestamp_ms, int64_t interval_ms) {
  const int64_t remainder = timestamp_ms % interval_ms;
  return remainder > 0 ? timestamp_ms - remainder + interval_ms
                       : timestamp_ms - remainder;
}

void SortColumns(HistogramColumns& columns) {
  if (std::is_sorted(columns.timestamps_ms.begin(),
                     columns.timestamps_ms.end())) {
    return;
  }
  std::vector<size_t> order(columns.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return columns.timestamps_ms[a] < columns.timestamps_ms[b];
  });
  HistogramColumns sorted;
  for (const size_t i : order) {
    sorted.push_back(columns.timestamps_ms[i],
                     std::move(columns.histograms[i]));
  }
  columns = std::move(sorted);
}

// Of sorted columns those at `keep`, which ascends.
template <typename Values>
void KeepOnly(std::vector<int64_t>& timestamps_ms, Values& values,
              const std::vector<bool>& keep) {
  size_t to = 0;
  for (size_t i = 0; i < keep.size(); ++i) {
    if (!keep[i]) continue;
    if (to != i) {
      timestamps_ms[to] = timestamps_ms[i];
      values[to] = std::move(values[i]);
    }
    ++to;
  }
  timestamps_ms.resize(to);
  values.resize(to);
}

}  // namespace

size_t HistogramLayout::positive_buckets() const { return LengthOf(positive); }

size_t HistogramLayout::buckets() const {
  return LengthOf(positive) + LengthOf(negative);
}

bool operator==(const HistogramLayout& a, const HistogramLayout& b) {
  return a.float_counts == b.float_counts && a.schema == b.schema &&
         SameBits(a.zero_threshold, b.zero_threshold) &&
         a.positive == b.positive && a.negative == b.negative &&
         SameBits(a.custom_bounds, b.custom_bounds);
}

bool operator==(const Histogram& a, const Histogram& b) {
  return a.reset == b.reset && SameBits(a.sum, b.sum) && a.count == b.count &&
         a.zero_count == b.zero_count && a.buckets == b.buckets &&
         a.layout == b.layout;
}

void AppendLayoutBytes(std::string& out, const HistogramLayout& layout) {
  out.push_back(static_cast<char>(layout.float_counts ? kFloatCounts : 0));
  base::PutVarint(out, base::ZigzagEncode(layout.schema));
  base::PutFixedLe(out, layout.zero_threshold);
  AppendSpans(out, layout.positive);
  AppendSpans(out, layout.negative);
  base::PutVarint(out, layout.custom_bounds.size());
  for (const double bound : layout.custom_bounds) {
    base::PutFixedLe(out, bound);
  }
}

absl::Status ReadLayout(base::ByteReader& reader, HistogramLayout& layout) {
  const auto flags = reader.FixedLe<uint8_t>();
  const int64_t schema = reader.Zigzag();
  layout.zero_threshold = reader.FixedLe<double>();
  if (!reader.ok() || flags > kFloatCounts || schema < INT32_MIN ||
      schema > INT32_MAX) {
    return Broken("bad head");
  }
  layout.float_counts = flags != 0;
  layout.schema = static_cast<int32_t>(schema);
  if (!ReadSpans(reader, layout.positive) ||
      !ReadSpans(reader, layout.negative)) {
    return Broken("bad spans");
  }
  const uint64_t bounds = reader.Varint();
  if (bounds > reader.rest().size() / sizeof(double)) {
    return Broken("bad bounds");
  }
  layout.custom_bounds.resize(bounds);
  for (double& bound : layout.custom_bounds) bound = reader.FixedLe<double>();
  return reader.ok() ? absl::OkStatus() : Broken("cut in its layout");
}

void AppendHistogramBytes(std::string& out, const Histogram& histogram) {
  AppendLayoutBytes(out, histogram.layout);
  const bool float_counts = histogram.layout.float_counts;
  out.push_back(static_cast<char>(histogram.reset));
  base::PutFixedLe(out, histogram.sum);
  AppendCount(out, float_counts, histogram.count);
  AppendCount(out, float_counts, histogram.zero_count);
  uint64_t before = 0;
  for (const uint64_t bucket : histogram.buckets) {
    if (float_counts) {
      base::PutFixedLe(out, bucket);
    } else {
      base::PutVarint(out, base::ZigzagEncode(
                               static_cast<int64_t>(bucket - before)));
      before = bucket;
    }
  }
}

absl::StatusOr<Histogram> ParseHistogramBytes(std::string_view bytes) {
  base::ByteReader reader(bytes);
  Histogram histogram;
  RETURN_IF_ERROR(ReadLayout(reader, histogram.layout));
  const bool float_counts = histogram.layout.float_counts;
  const auto reset = reader.FixedLe<uint8_t>();
  if (reset > static_cast<uint8_t>(CounterReset::kGauge)) {
    return Broken("unknown counter reset");
  }
  histogram.reset = static_cast<CounterReset>(reset);
  histogram.sum = reader.FixedLe<double>();
  histogram.count = ReadCount(reader, float_counts);
  histogram.zero_count = ReadCount(reader, float_counts);
  const size_t buckets = histogram.layout.buckets();
  if (buckets > reader.rest().size()) return Broken("cut in its buckets");
  histogram.buckets.resize(buckets);
  uint64_t before = 0;
  for (uint64_t& bucket : histogram.buckets) {
    bucket = float_counts
                 ? reader.FixedLe<uint64_t>()
                 : before += static_cast<uint64_t>(reader.Zigzag());
  }
  if (!reader.AtEnd()) return Broken("missing or surplus bytes");
  return histogram;
}

absl::Status CheckHistogram(const Histogram& histogram) {
  const HistogramLayout& layout = histogram.layout;
  if (layout.schema != kSchemaCustom &&
      (layout.schema < kSchemaMin || layout.schema > kSchemaMax)) {
    return base::InvalidArgument("a histogram has the unknown schema ",
                                 layout.schema);
  }
  const uint64_t buckets = LengthOf(layout.positive) +
                           LengthOf(layout.negative);
  if (buckets > kHistogramBucketsMax) {
    return base::InvalidArgument("a histogram has ", buckets,
                                 " buckets; at most ", kHistogramBucketsMax,
                                 " are taken");
  }
  if (buckets != histogram.buckets.size()) {
    return base::InvalidArgument("a histogram has ", histogram.buckets.size(),
                                 " buckets where its spans have ", buckets);
  }
  RETURN_IF_ERROR(CheckSpans(layout.positive, "positive"));
  RETURN_IF_ERROR(CheckSpans(layout.negative, "negative"));
  if (layout.schema == kSchemaCustom) {
    RETURN_IF_ERROR(CheckCustom(layout, histogram.zero_count));
  } else if (!layout.custom_bounds.empty()) {
    return base::InvalidArgument("a histogram of schema ", layout.schema,
                                 " has custom bounds");
  }
  if (histogram.stale() || layout.float_counts) return absl::OkStatus();
  // Wrapped differences stand for counts below 0.
  uint64_t sum = histogram.zero_count;
  for (const uint64_t bucket : histogram.buckets) {
    if (bucket > INT64_MAX || sum > histogram.count) {
      return base::InvalidArgument(
          "a histogram has a bucket below 0 or more than its count of ",
          histogram.count);
    }
    sum += bucket;
  }
  // With a sum of NaN, observations of NaN are in the count alone.
  if (sum > histogram.count ||
      (sum != histogram.count && !std::isnan(histogram.sum))) {
    return base::InvalidArgument("a histogram's buckets add up to ", sum,
                                 " where its count is ", histogram.count);
  }
  return absl::OkStatus();
}

bool ReadsBefore(const Histogram& a, const Histogram& b) {
  if (a.stale() != b.stale()) return b.stale();
  const double count_a = a.Number(a.count);
  const double count_b = b.Number(b.count);
  if (!SameBits(count_a, count_b)) return ReadsBefore(count_a, count_b);
  if (!SameBits(a.sum, b.sum)) return ReadsBefore(a.sum, b.sum);
  std::string bytes_a;
  std::string bytes_b;
  AppendHistogramBytes(bytes_a, a);
  AppendHistogramBytes(bytes_b, b);
  return bytes_a > bytes_b;
}

void SortAndDedup(HistogramColumns& columns, const DedupRule& rule) {
  SortColumns(columns);
  const bool keep_all = rule.keep_all && rule.interval_ms == 0;
  const std::vector<int64_t>& times = columns.timestamps_ms;
  const size_t n = columns.size();
  std::vector<bool> keep(n, true);
  for (size_t begin = 0; begin < n;) {
    size_t end = begin + 1;
    while (end < n && times[end] == times[begin]) ++end;
    if (end - begin > 1) {
      const auto first = columns.histograms.begin() + begin;
      std::sort(first, columns.histograms.begin() + end,
                [](const Histogram& a, const Histogram& b) {
                  return ReadsBefore(a, b);
                });
      for (size_t i = begin + 1; i < end; ++i) {
        keep[i] = keep_all && columns.histograms[i] != columns.histograms[i - 1];
      }
    }
    begin = end;
  }
  if (rule.interval_ms > 0) {
    for (size_t i = 0; i < n; ++i) {
      size_t next = i + 1;
      while (next < n && times[next] == times[i]) ++next;
      keep[i] = keep[i] &&
                (next == n || IntervalEnd(times[i], rule.interval_ms) !=
                                  IntervalEnd(times[next], rule.interval_ms));
    }
  }
  KeepOnly(columns.timestamps_ms, columns.histograms, keep);
}

void SortAndDedup(SampleColumns& samples, HistogramColumns& histograms,
                  const DedupRule& rule) {
  SortAndDedup(samples, rule);
  if (histograms.empty()) return;
  SortAndDedup(histograms, rule);
  if (samples.empty() || (rule.keep_all && rule.interval_ms == 0)) return;
  const auto interval = [&rule](int64_t at_ms) {
    return rule.interval_ms > 0 ? IntervalEnd(at_ms, rule.interval_ms) : at_ms;
  };
  // Each has at most one sample an interval now: the later one stays.
  std::vector<bool> keep_float(samples.size(), true);
  std::vector<bool> keep_histogram(histograms.size(), true);
  for (size_t f = 0, h = 0; f < samples.size() && h < histograms.size();) {
    const int64_t float_ms = samples.timestamps_ms[f];
    const int64_t histogram_ms = histograms.timestamps_ms[h];
    if (interval(float_ms) != interval(histogram_ms)) {
      ++(float_ms < histogram_ms ? f : h);
      continue;
    }
    const bool histogram_reads =
        float_ms != histogram_ms
            ? histogram_ms > float_ms
            : !histograms.histograms[h].stale() ||
                  IsStaleNan(samples.values[f]);
    keep_float[f++] = !histogram_reads;
    keep_histogram[h++] = histogram_reads;
  }
  KeepOnly(samples.timestamps_ms, samples.values, keep_float);
  KeepOnly(histograms.timestamps_ms, histograms.histograms, keep_histogram);
}

void KeepRange(int64_t start_ms, int64_t end_ms, size_t from,
               HistogramColumns& columns) {
  std::vector<bool> keep(columns.size(), true);
  for (size_t i = from; i < keep.size(); ++i) {
    const int64_t at_ms = columns.timestamps_ms[i];
    keep[i] = start_ms <= at_ms && at_ms <= end_ms;
  }
  KeepOnly(columns.timestamps_ms, columns.histograms, keep);
}

}  // namespace varve::model

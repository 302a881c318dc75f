#include "lib/encoding/histogram_stream.h"

#include <bit>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"

namespace varve::encoding {
namespace {

using model::Histogram;

constexpr char kSameLayout = 0;
constexpr char kOtherLayout = 1;

// Floats near one another differ in low bytes, which the swap makes the ones
// that a varint leaves out when they are 0.
void AppendXor(std::string& out, uint64_t bits, uint64_t before) {
  base::PutVarint(out, __builtin_bswap64(bits ^ before));
}

uint64_t ReadXor(base::ByteReader& reader, uint64_t before) {
  return __builtin_bswap64(reader.Varint()) ^ before;
}

void AppendCount(std::string& out, bool floats, uint64_t count,
                 uint64_t before) {
  if (floats) return AppendXor(out, count, before);
  base::PutVarint(out,
                  base::ZigzagEncode(static_cast<int64_t>(count - before)));
}

uint64_t ReadCount(base::ByteReader& reader, bool floats, uint64_t before) {
  return floats ? ReadXor(reader, before)
                : before + static_cast<uint64_t>(reader.Zigzag());
}

absl::Status Broken() { return base::DataLoss("histogram stream: cut"); }

// From the histogram before to the next, in place.
absl::Status ReadStep(base::ByteReader& reader, int64_t& at_ms,
                      Histogram& histogram) {
  at_ms = static_cast<int64_t>(static_cast<uint64_t>(at_ms) +
                               static_cast<uint64_t>(reader.Zigzag()));
  const auto form = reader.FixedLe<char>();
  if (!reader.ok() || form > kOtherLayout) return Broken();
  if (form == kOtherLayout) {
    base::ByteReader layout(reader.LengthPrefixed());
    if (!reader.ok()) return Broken();
    RETURN_IF_ERROR(model::ReadLayout(layout, histogram.layout));
    if (!layout.AtEnd()) return Broken();
    const size_t buckets = histogram.layout.buckets();
    if (buckets > reader.rest().size()) return Broken();
    histogram.buckets.assign(buckets, 0);
  }
  const bool floats = histogram.layout.float_counts;
  const auto reset = reader.FixedLe<uint8_t>();
  if (reset > static_cast<uint8_t>(model::CounterReset::kGauge)) {
    return Broken();
  }
  histogram.reset = static_cast<model::CounterReset>(reset);
  histogram.sum = std::bit_cast<double>(
      ReadXor(reader, std::bit_cast<uint64_t>(histogram.sum)));
  histogram.count = ReadCount(reader, floats, histogram.count);
  histogram.zero_count = ReadCount(reader, floats, histogram.zero_count);
  for (uint64_t& bucket : histogram.buckets) {
    bucket = ReadCount(reader, floats, bucket);
  }
  return reader.ok() ? absl::OkStatus() : Broken();
}

}  // namespace

void AppendHistogramStep(int64_t last_ms, const Histogram& last, int64_t at_ms,
                         const Histogram& histogram, std::string& out) {
  base::PutVarint(out, base::ZigzagEncode(static_cast<int64_t>(
                           static_cast<uint64_t>(at_ms) -
                           static_cast<uint64_t>(last_ms))));
  const bool same = last.layout == histogram.layout;
  out.push_back(same ? kSameLayout : kOtherLayout);
  if (!same) {
    std::string layout;
    model::AppendLayoutBytes(layout, histogram.layout);
    base::PutLengthPrefixed(out, layout);
  }
  const bool floats = histogram.layout.float_counts;
  out.push_back(static_cast<char>(histogram.reset));
  AppendXor(out, std::bit_cast<uint64_t>(histogram.sum),
            std::bit_cast<uint64_t>(last.sum));
  AppendCount(out, floats, histogram.count, last.count);
  AppendCount(out, floats, histogram.zero_count, last.zero_count);
  for (size_t i = 0; i < histogram.buckets.size(); ++i) {
    AppendCount(out, floats, histogram.buckets[i], same ? last.buckets[i] : 0);
  }
}

absl::Status ReadHistogramSteps(std::string_view stream,
                                model::HistogramColumns& columns) {
  base::ByteReader reader(stream);
  int64_t at_ms = 0;
  Histogram histogram;
  while (!reader.empty()) {
    RETURN_IF_ERROR(ReadStep(reader, at_ms, histogram));
    columns.push_back(at_ms, histogram);
  }
  return absl::OkStatus();
}

}  // namespace varve::encoding

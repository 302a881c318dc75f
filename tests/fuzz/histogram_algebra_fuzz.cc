// Native histograms as queries compute with them: whatever a sender may store
// can be added, compared, reduced, trimmed and asked.
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/byte_coding.h"
#include "lib/histogram/arithmetic.h"
#include "lib/histogram/buckets.h"
#include "lib/histogram/estimate.h"
#include "lib/histogram/reset.h"
#include "lib/histogram/resolution.h"
#include "lib/histogram/text.h"
#include "lib/histogram/trim.h"
#include "lib/model/histogram.h"
#include "tests/fuzz/seeds.h"

namespace {

using varve::histogram::FloatHistogram;
using varve::model::Histogram;
using varve::model::HistogramSpan;

// Walks meet each count once, and change nothing.
void CheckSides(const FloatHistogram& h) {
  for (const auto side : varve::histogram::kSides) {
    const auto& spans = SpansOf(h, side);
    size_t length = 0;
    for (const HistogramSpan& span : spans) length += span.length;
    size_t outwards = 0;
    size_t inwards = 0;
    varve::histogram::IndexWalk out(h, side);
    varve::histogram::InwardIndexWalk in(h, side);
    while (out.Next()) ++outwards;
    while (in.Next()) ++inwards;
    const size_t counts = CountsOf(h, side).size();
    if (length != counts || outwards != counts || inwards != counts) {
      __builtin_trap();
    }
  }
}

void Ask(FloatHistogram h, double value) {
  CheckSides(h);
  for (const double q : {0.0, 0.3, 0.7, 1.0, value}) {
    (void)varve::histogram::Quantile(h, q);
  }
  (void)varve::histogram::Fraction(h, -value, value);
  (void)varve::histogram::StdDev(h);
  (void)varve::histogram::Text(h);
  // A threshold of NaN is like no other.
  if (h.zero_threshold == h.zero_threshold &&
      !varve::histogram::SameHistogram(h, h)) {
    __builtin_trap();
  }
  if (!h.has_custom_bounds()) {
    CheckSides(
        varve::histogram::CopyToSchema(h, varve::model::kSchemaMin));
  }
  FloatHistogram trimmed = h;
  varve::histogram::TrimAbove(trimmed, value);
  CheckSides(trimmed);
  varve::histogram::TrimBelow(trimmed, -value);
  CheckSides(trimmed);
  varve::histogram::Scale(h, value);
  varve::histogram::Divide(h, value);
  varve::histogram::Compact(h);
  CheckSides(h);
}

// Takes a size and as many bytes; false if they are no storable histogram.
bool Take(varve::base::ByteReader& reader, FloatHistogram& out) {
  const auto parsed =
      varve::model::ParseHistogramBytes(reader.LengthPrefixed());
  if (!parsed.ok() || !varve::model::CheckHistogram(*parsed).ok()) {
    return false;
  }
  out = varve::histogram::FromModel(*parsed);
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  varve::base::ByteReader reader(
      std::string_view(reinterpret_cast<const char*>(data), size));
  const auto value = reader.FixedLe<double>();
  FloatHistogram a;
  FloatHistogram b;
  if (!Take(reader, a)) return 0;
  Ask(a, value);
  if (!Take(reader, b)) return 0;
  (void)varve::histogram::DetectReset(a, b);
  (void)varve::histogram::DetectReset(b, a);
  FloatHistogram sum = a;
  if (varve::histogram::Add(sum, b).ok()) Ask(sum, value);
  FloatHistogram mean = b;
  if (varve::histogram::AddToMean(mean, a, 2).ok()) CheckSides(mean);
  if (varve::histogram::Sub(a, b).ok()) CheckSides(a);
  return 0;
}

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  Histogram a;
  a.layout.schema = 2;
  a.layout.zero_threshold = 0.5;
  a.layout.positive = {{-1, 2}, {3, 1}};
  a.layout.negative = {{2, 1}};
  a.zero_count = 1;
  a.count = 16;
  a.sum = 2.5;
  a.buckets = {5, 2, 4, 4};
  Histogram b = a;
  b.layout.schema = -1;
  b.layout.zero_threshold = 0.001;
  Histogram custom;
  custom.layout.schema = varve::model::kSchemaCustom;
  custom.layout.custom_bounds = {-1, 2, 7};
  custom.layout.positive = {{0, 1}, {1, 2}};
  custom.count = 6;
  custom.buckets = {1, 2, 3};
  const auto put = [add](const Histogram& first, const Histogram& second) {
    std::string seed;
    varve::base::PutFixedLe(seed, 1.5);
    for (const Histogram* one : {&first, &second}) {
      std::string bytes;
      varve::model::AppendHistogramBytes(bytes, *one);
      varve::base::PutVarint(seed, bytes.size());
      seed += bytes;
    }
    add(seed.data(), seed.size());
  };
  put(a, b);
  put(b, a);
  put(custom, custom);
}

// Native histograms from a damaged disk or a peer: any bytes are histograms or
// data loss, in a chunk, a stream and by themselves.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/encoding/histogram_chunk.h"
#include "lib/encoding/histogram_stream.h"
#include "tests/fuzz/seeds.h"

namespace {

using varve::model::Histogram;

void CheckSizes(const Histogram& histogram) {
  if (histogram.buckets.size() != histogram.layout.buckets()) __builtin_trap();
}

Histogram Example(bool floats) {
  Histogram histogram;
  histogram.layout.float_counts = floats;
  histogram.layout.positive = {{-2, 2}, {1, 1}};
  histogram.layout.custom_bounds = {1, 2};
  histogram.buckets = {3, 0, 4};
  histogram.count = 7;
  return histogram;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1,
                               size - 1);
  std::vector<Histogram> histograms(1 + data[0]);
  if (varve::encoding::DecodeHistograms(bytes, histograms).ok()) {
    for (const Histogram& one : histograms) CheckSizes(one);
    std::string again;
    varve::encoding::EncodeHistograms(histograms, again);
    std::vector<Histogram> back(histograms.size());
    if (!varve::encoding::DecodeHistograms(again, back).ok() ||
        back != histograms) {
      __builtin_trap();
    }
  }
  varve::model::HistogramColumns columns;
  (void)varve::encoding::ReadHistogramSteps(bytes, columns);
  for (const Histogram& one : columns.histograms) CheckSizes(one);
  columns.clear();
  varve::base::ByteReader reader(bytes);
  (void)varve::encoding::ReadHistogramColumns(reader, 1 << 20, columns);
  const auto one = varve::model::ParseHistogramBytes(bytes);
  if (one.ok()) CheckSizes(*one);
  return 0;
}

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  const std::vector<Histogram> histograms = {Example(false), Example(false),
                                             Example(true), Example(true)};
  std::string seed(1, static_cast<char>(histograms.size() - 1));
  varve::encoding::EncodeHistograms(histograms, seed);
  add(seed.data(), seed.size());
  seed.resize(1);
  varve::encoding::AppendHistogramStep(0, {}, 1000, histograms[0], seed);
  varve::encoding::AppendHistogramStep(1000, histograms[0], 2000,
                                       histograms[2], seed);
  add(seed.data(), seed.size());
  seed.resize(1);
  varve::model::AppendHistogramBytes(seed, histograms[0]);
  add(seed.data(), seed.size());
}

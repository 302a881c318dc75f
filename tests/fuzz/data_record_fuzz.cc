// Write records from a peer or a damaged log: any bytes are rows or data loss.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/encoding/data_record.h"
#include "tests/fuzz/seeds.h"

namespace {

using varve::encoding::DataRecordReader;
using varve::encoding::FloatSection;
using varve::encoding::SectionKind;

void CheckSizes(const FloatSection& section) {
  uint64_t rows = 0;
  for (uint32_t count : section.counts) rows += count;
  if (section.refs.size() != section.counts.size() ||
      section.timestamps_ms.size() != rows || section.values.size() != rows) {
    __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  DataRecordReader reader({reinterpret_cast<const char*>(data), size});
  FloatSection section;
  while (true) {
    const auto next = reader.Next();
    if (!next.ok() || !*next) return 0;
    std::vector<varve::encoding::HistogramRow> histograms;
    std::vector<varve::encoding::ExemplarRow> exemplars;
    std::vector<varve::model::MetricMetadata> metadata;
    (void)varve::encoding::DecodeHistogramSection(reader.body(), histograms);
    (void)varve::encoding::DecodeExemplarSection(reader.body(), exemplars);
    (void)varve::encoding::DecodeMetadataSection(reader.body(), metadata);
    std::vector<varve::encoding::StartRow> starts;
    (void)varve::encoding::DecodeStartSection(reader.body(), starts);
    for (const auto& row : starts) {
      if (row.run.last_ms < row.run.first_ms) __builtin_trap();
    }
    if (reader.kind() == SectionKind::kFloats &&
        reader.DecodeFloats(section).ok()) {
      CheckSizes(section);
    }
  }
}

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  varve::encoding::DataRecordBuilder builder;
  builder.Start(1, 2);
  const std::vector<int64_t> times = {1000, 2000};
  const std::vector<double> values = {0.5, 1.0 / 3};
  builder.Add(0, 3, 4, times, values);
  builder.Add(0, 3, 5, {times.data(), 1}, {values.data(), 1});
  builder.Add(1, 3, 5, {times.data(), 1}, {values.data(), 1});
  std::string histogram;
  varve::model::AppendHistogramBytes(histogram, {});
  builder.kinds().AddHistogram({0, 3}, 4, 1000, histogram);
  builder.kinds().AddExemplar({0, 3}, 4, 1000, 0.5, "labels");
  builder.kinds().AddMetadata({0, 3}, {});
  builder.kinds().AddStart({0, 3}, 4, {1000, 2000, 500});
  const std::string record = builder.Finish();
  add(record.data(), record.size());
}

// Write records of 10,000 rows with one sample a series, as scrapes send them.
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "bench/micro/bench_report.h"
#include "lib/encoding/data_record.h"

namespace varve::encoding {
namespace {

constexpr size_t kRecordRows = 10'000;

// About what exporters send: zeros and small counts, large counters, bytes,
// decimals, and a tenth of float noise.
double Value(std::mt19937_64& random) {
  switch (random() % 10) {
    case 0:
    case 1:
    case 2:
      return 0;
    case 3:
    case 4:
      return static_cast<double>(random() % 100);
    case 5:
    case 6:
      return static_cast<double>(random() % 10'000'000);
    case 7:
      return 4096.0 * static_cast<double>(random() % 1'000'000);
    case 8:
      return static_cast<double>(random() % 100'000) / 100;
    default:
      return static_cast<double>(random() >> 11) * 0x1p-53;
  }
}

void Run(int64_t samples) {
  const size_t records = static_cast<size_t>(samples) / kRecordRows + 1;
  std::mt19937_64 random(20261120);
  std::vector<double> values(records * kRecordRows);
  for (double& value : values) value = Value(random);

  std::vector<std::string> encoded(records);
  DataRecordBuilder builder;
  const auto encode = [&] {
    uint64_t bytes = 0;
    for (size_t r = 0; r < records; ++r) {
      builder.Start(1, 1'780'000'000'000);
      for (size_t i = 0; i < kRecordRows; ++i) {
        const int64_t time_ms =
            1'780'000'000'000 + static_cast<int64_t>(i / 1000);
        builder.Add(0, 7, 1000 + i + i / 100, {&time_ms, 1},
                    {&values[r * kRecordRows + i], 1});
      }
      encoded[r] = builder.Finish();
      bytes += encoded[r].size();
    }
    return bytes;
  };
  const auto size = static_cast<int64_t>(encode());
  const auto rows = static_cast<int64_t>(values.size());
  bench::Report("encode record", rows, size, encode);
  FloatSection section;
  bench::Report("decode record", rows, size, [&] {
    uint64_t sum = 0;
    for (const std::string& record : encoded) {
      DataRecordReader reader(record);
      while (*reader.Next()) {
        if (!reader.DecodeFloats(section).ok()) std::abort();
        sum ^= section.values[sum % kRecordRows].integer;
      }
    }
    return sum;
  });
}

}  // namespace
}  // namespace varve::encoding

int main(int argc, char** argv) {
  varve::encoding::Run(varve::bench::RowsFromArgs(argc, argv, 20'000));
}

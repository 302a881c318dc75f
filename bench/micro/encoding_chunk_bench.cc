// Value and timestamp columns in chunks of 240 samples, by shape.
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "bench/micro/bench_report.h"
#include "lib/encoding/sample_chunk.h"

namespace varve::encoding {
namespace {

constexpr size_t kChunk = 240;

struct Shape {
  const char* name;
  std::function<double(std::mt19937_64&, double)> next;
};

const std::vector<Shape>& Shapes() {
  static const std::vector<Shape> shapes = {
      {"constant", [](auto&, double) { return 42.5; }},
      {"flapping 0/1",
       [](auto& random, double) { return random() % 50 == 0 ? 1.0 : 0.0; }},
      {"counter",
       [](auto& random, double last) { return last + random() % 1000; }},
      {"memory pages",
       [](auto& random, double last) {
         return last + 4096.0 * static_cast<double>(random() % 64) - 131072;
       }},
      {"two decimals",
       [](auto& random, double) {
         return static_cast<double>(random() % 10'000) / 100;
       }},
      {"cpu seconds",
       [](auto& random, double last) {
         return std::round((last + 0.01 * (random() % 1500)) * 100) / 100;
       }},
      {"full mantissa",
       [](auto& random, double) {
         return static_cast<double>(random() >> 11) * 0x1p-53;
       }},
  };
  return shapes;
}

uint64_t Mix(uint64_t sum, double value) {
  return std::rotl(sum, 1) ^ std::bit_cast<uint64_t>(value);
}

void BenchValues(const Shape& shape, size_t chunks) {
  std::mt19937_64 random(20261120);
  std::vector<double> values(chunks * kChunk);
  double last = 1e6;
  for (double& value : values) value = last = shape.next(random, last);

  const auto samples = static_cast<int64_t>(values.size());
  std::string bytes;
  std::vector<size_t> ends;
  const auto encode = [&] {
    bytes.clear();
    ends.clear();
    for (size_t i = 0; i < chunks; ++i) {
      EncodeValues({values.data() + i * kChunk, kChunk}, bytes);
      ends.push_back(bytes.size());
    }
    return uint64_t{bytes.size()};
  };
  encode();
  const auto size = static_cast<int64_t>(bytes.size());
  bench::Report((std::string("encode ") + shape.name).c_str(), samples, size,
                encode);
  bench::Report(
      (std::string("decode ") + shape.name).c_str(), samples, size, [&] {
        std::vector<double> got(kChunk);
        uint64_t sum = 0;
        size_t begin = 0;
        for (size_t end : ends) {
          if (!DecodeValues(std::string_view(bytes).substr(begin, end - begin),
                            got)
                   .ok()) {
            std::abort();
          }
          begin = end;
          sum = Mix(sum, got[sum % kChunk]);
        }
        return sum;
      });
}

void BenchTimestamps(const char* name, size_t chunks, int64_t jitter_ms) {
  std::mt19937_64 random(20261120);
  std::vector<int64_t> times(chunks * kChunk);
  int64_t at_ms = 1'780'000'000'000;
  for (int64_t& time : times) {
    at_ms += 15'000;
    time = at_ms + static_cast<int64_t>(random() % (jitter_ms + 1));
  }
  const auto samples = static_cast<int64_t>(times.size());
  std::string bytes;
  std::vector<size_t> ends;
  const auto encode = [&] {
    bytes.clear();
    ends.clear();
    for (size_t i = 0; i < chunks; ++i) {
      EncodeTimestamps({times.data() + i * kChunk, kChunk}, bytes);
      ends.push_back(bytes.size());
    }
    return uint64_t{bytes.size()};
  };
  encode();
  const auto size = static_cast<int64_t>(bytes.size());
  bench::Report((std::string("encode ") + name).c_str(), samples, size, encode);
  bench::Report((std::string("decode ") + name).c_str(), samples, size, [&] {
    std::vector<int64_t> got(kChunk);
    uint64_t sum = 0;
    size_t begin = 0;
    for (size_t end : ends) {
      if (!DecodeTimestamps(std::string_view(bytes).substr(begin, end - begin),
                            got)
               .ok()) {
        std::abort();
      }
      begin = end;
      sum += static_cast<uint64_t>(got[sum % kChunk]);
    }
    return sum;
  });
}

void Run(int64_t samples) {
  const size_t chunks = static_cast<size_t>(samples) / kChunk + 1;
  for (const Shape& shape : Shapes()) BenchValues(shape, chunks);
  BenchTimestamps("regular timestamps", chunks, 0);
  BenchTimestamps("jittered timestamps", chunks, 6);
}

}  // namespace
}  // namespace varve::encoding

int main(int argc, char** argv) {
  varve::encoding::Run(varve::bench::RowsFromArgs(argc, argv, 4'800));
}

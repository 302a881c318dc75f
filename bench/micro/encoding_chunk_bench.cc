// Value and timestamp columns in chunks of 240 samples: recorded series, then
// one shape after the other, by instruction set.
//
//   encoding_chunk_bench [samples of a shape] [recording]
//
// A recording (bench/record) is coded as it is; "hints" are those of a long
// running series, of which every eighth chunk searches anew.
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "bench/micro/bench_report.h"
#include "bench/record/recording.h"
#include "lib/encoding/sample_chunk.h"

namespace varve::encoding {
namespace {

constexpr size_t kChunk = 240;
constexpr int kHintRounds = 8;

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
      {"sum of seconds",
       [](auto& random, double last) {
         return last + static_cast<double>(random() % 10'000) / 1e6;
       }},
      {"full mantissa",
       [](auto& random, double) {
         return static_cast<double>(random() >> 11) * 0x1p-53;
       }},
  };
  return shapes;
}

// Columns cut into chunks, each with the series whose hints it uses.
struct Chunk {
  size_t series;
  std::vector<double> values;
};

size_t SamplesOf(const std::vector<Chunk>& chunks) {
  size_t samples = 0;
  for (const Chunk& chunk : chunks) samples += chunk.values.size();
  return samples;
}

class ValueBench {
 public:
  ValueBench(std::vector<Chunk> chunks, const ColumnKernels& kernels)
      : chunks_(std::move(chunks)),
        kernels_(kernels),
        samples_(SamplesOf(chunks_)) {}

  void Run(const std::string& name) {
    Encode(true);
    const size_t bytes = bytes_.size();
    Report("encode " + name + ", no hints", 1, [&] { return Encode(true); });
    Report("encode " + name, kHintRounds, [&] { return Encode(false); });
    const double more = static_cast<double>(bytes_.size()) /
                        static_cast<double>(bytes);
    Report("decode " + name, 1, [&] { return Decode(); });
    if (more > 1.01) std::printf("  hints cost %.1f%%\n", 100 * (more - 1));
  }

 private:
  template <typename Work>
  void Report(const std::string& name, int rounds, Work work) {
    bench::Report((name + " " + kernels_.isa).c_str(),
                  static_cast<int64_t>(samples_) * rounds,
                  static_cast<int64_t>(bytes_.size()) * rounds, [&] {
                    uint64_t sum = 0;
                    for (int i = 0; i < rounds; ++i) sum += work();
                    return sum;
                  },
                  bench::kManyRuns);
  }

  uint64_t Encode(bool forget) {
    bytes_.clear();
    ends_.clear();
    if (forget) hints_.assign(chunks_.back().series + 1, ValueHints{});
    ValueHints none;
    for (const Chunk& chunk : chunks_) {
      if (forget) none = {};
      EncodeValues(chunk.values, forget ? none : hints_[chunk.series], bytes_,
                   kernels_);
      ends_.push_back(bytes_.size());
    }
    return bytes_.size();
  }

  uint64_t Decode() {
    std::vector<double> got(kChunk);
    uint64_t sum = 0;
    size_t begin = 0;
    for (size_t i = 0; i < ends_.size(); ++i) {
      const std::span<double> into(got.data(), chunks_[i].values.size());
      const auto chunk =
          std::string_view(bytes_).substr(begin, ends_[i] - begin);
      if (!DecodeValues(chunk, into, kernels_).ok()) std::abort();
      begin = ends_[i];
      sum = std::rotl(sum, 1) ^ std::bit_cast<uint64_t>(into[sum % into.size()]);
    }
    return sum;
  }

  const std::vector<Chunk> chunks_;
  const ColumnKernels& kernels_;
  const size_t samples_;
  std::string bytes_;
  std::vector<size_t> ends_;
  std::vector<ValueHints> hints_;
};

std::vector<Chunk> ChunksOf(const Shape& shape, size_t count) {
  std::mt19937_64 random(20261120);
  double last = 1e6;
  std::vector<Chunk> chunks(count);
  for (Chunk& chunk : chunks) {
    chunk.series = 0;
    chunk.values.resize(kChunk);
    for (double& value : chunk.values) value = last = shape.next(random, last);
  }
  return chunks;
}

std::vector<Chunk> ChunksOf(const std::vector<bench::RecordedTarget>& targets) {
  std::vector<Chunk> chunks;
  size_t series = 0;
  for (const bench::RecordedTarget& target : targets) {
    for (const bench::RecordedRun& run : target.runs) {
      for (size_t i = 0; i < run.values.size(); i += kChunk) {
        const size_t n = std::min(kChunk, run.values.size() - i);
        const auto begin = run.values.begin() + static_cast<ptrdiff_t>(i);
        chunks.push_back({series, {begin, begin + static_cast<ptrdiff_t>(n)}});
      }
      ++series;
    }
  }
  return chunks;
}

void BenchTimestamps(const std::string& name, std::vector<int64_t> times,
                     const ColumnKernels& kernels) {
  const auto samples = static_cast<int64_t>(times.size());
  std::string bytes;
  std::vector<size_t> ends;
  const auto run_at = [&](size_t i) {
    return std::span<int64_t>(times).subspan(
        i, std::min(kChunk, times.size() - i));
  };
  const auto encode = [&] {
    bytes.clear();
    ends.clear();
    for (size_t i = 0; i < times.size(); i += kChunk) {
      EncodeTimestamps(run_at(i), bytes, kernels);
      ends.push_back(bytes.size());
    }
    return uint64_t{bytes.size()};
  };
  encode();
  const auto size = static_cast<int64_t>(bytes.size());
  bench::Report(("encode " + name + " " + kernels.isa).c_str(), samples, size,
                encode, bench::kManyRuns);
  bench::Report(
      ("decode " + name + " " + kernels.isa).c_str(), samples, size, [&] {
        std::vector<int64_t> got(kChunk);
        uint64_t sum = 0;
        size_t begin = 0;
        for (size_t i = 0; i < ends.size(); ++i) {
          const std::span<int64_t> into(got.data(), run_at(i * kChunk).size());
          const auto chunk =
              std::string_view(bytes).substr(begin, ends[i] - begin);
          if (!DecodeTimestamps(chunk, into, kernels).ok()) std::abort();
          begin = ends[i];
          sum += static_cast<uint64_t>(into[sum % into.size()]);
        }
        return sum;
      },
      bench::kManyRuns);
}

std::vector<int64_t> Scrapes(size_t count, int64_t jitter_ms) {
  std::mt19937_64 random(20261120);
  std::vector<int64_t> times(count);
  int64_t at_ms = 1'780'000'000'000;
  for (int64_t& time : times) {
    at_ms += 15'000;
    time = at_ms + static_cast<int64_t>(random() % (jitter_ms + 1));
  }
  return times;
}

void Run(int64_t samples, const std::string& recording) {
  const size_t count = static_cast<size_t>(samples) / kChunk + 1;
  const auto recorded = bench::ReadRecording(recording);
  if (!recorded.ok()) {
    std::printf("%s\n", std::string(recorded.status().message()).c_str());
    std::exit(1);
  }
  for (const ColumnKernels* kernels : SupportedKernels()) {
    ValueBench(ChunksOf(*recorded), *kernels).Run("recorded");
    for (const bench::RecordedTarget& target : *recorded) {
      BenchTimestamps("scrapes of " + target.job, target.scrapes_ms, *kernels);
    }
    for (const Shape& shape : Shapes()) {
      ValueBench(ChunksOf(shape, count), *kernels).Run(shape.name);
    }
    BenchTimestamps("regular timestamps", Scrapes(count * kChunk, 0), *kernels);
    BenchTimestamps("6 ms of jitter", Scrapes(count * kChunk, 6), *kernels);
  }
}

}  // namespace
}  // namespace varve::encoding

int main(int argc, char** argv) {
  varve::encoding::Run(
      varve::bench::RowsFromArgs(argc, argv, 4'800),
      argc > 2 ? argv[2] : "bench/record/real15s.rec.zst");
}

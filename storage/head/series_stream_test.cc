#include "storage/head/series_stream.h"

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>

namespace varve::storage {
namespace {

using Limits = std::numeric_limits<double>;
constexpr model::TimeRange kAlways = {std::numeric_limits<int64_t>::min(),
                                      std::numeric_limits<int64_t>::max()};

class Stream {
 public:
  void Append(int64_t timestamp_ms, double value) {
    AppendToStream(state_, arena_, timestamp_ms, value);
    all_.push_back(timestamp_ms, value);
  }

  void Check(const model::TimeRange& range = kAlways) const {
    std::string bytes;
    CopyStream(state_, arena_, bytes);
    model::SampleColumns got;
    DecodeStream(state_, bytes, range, got);
    size_t at = 0;
    for (size_t i = 0; i < all_.size(); ++i) {
      if (!range.Contains(all_.timestamps_ms[i])) continue;
      CAPTURE(i);
      REQUIRE(at < got.size());
      REQUIRE(got.timestamps_ms[at] == all_.timestamps_ms[i]);
      REQUIRE(std::bit_cast<uint64_t>(got.values[at]) ==
              std::bit_cast<uint64_t>(all_.values[i]));
      ++at;
    }
    REQUIRE(at == got.size());
  }

  size_t bytes() const {
    std::string bytes;
    CopyStream(state_, arena_, bytes);
    return bytes.size();
  }
  const model::SampleColumns& all() const { return all_; }

 private:
  StreamState state_;
  BlockArena arena_;
  model::SampleColumns all_;
};

const std::vector<double>& Nasty() {
  static const std::vector<double> values = {
      0.0,
      -0.0,
      1.0,
      0.1,
      0.1 + 0.2,
      1e15,
      1e-14,
      -1e300,
      0x1p50,
      0x1p53,
      Limits::infinity(),
      -Limits::infinity(),
      Limits::quiet_NaN(),
      -Limits::quiet_NaN(),
      model::StaleNan(),
      Limits::denorm_min(),
      Limits::max(),
      -Limits::max(),
      std::bit_cast<double>(uint64_t{0xffffffffffffffff})};
  return values;
}

TEST_CASE("an empty stream has no samples", "[head]") { Stream().Check(); }

TEST_CASE("a constant series at a constant step is a few bytes", "[head]") {
  Stream stream;
  for (int i = 0; i < 1000; ++i) {
    stream.Append(1'780'000'000'000 + i * 15'000, 42.5);
  }
  stream.Check();
  CHECK(stream.bytes() < 24);
}

TEST_CASE("a counter with jitter takes three bytes a sample", "[head]") {
  std::mt19937_64 random(1);
  Stream stream;
  double value = 1e6;
  for (int i = 0; i < 1000; ++i) {
    stream.Append(
        1'780'000'000'000 + i * 15'000 + static_cast<int64_t>(random() % 5),
        value += static_cast<double>(random() % 50));
  }
  stream.Check();
  CHECK(stream.bytes() < 3000);
}

TEST_CASE("nasty values come back after and before each other", "[head]") {
  Stream stream;
  int64_t at_ms = 0;
  for (double a : Nasty()) {
    for (double b : Nasty()) {
      stream.Append(at_ms += 1000, a);
      stream.Append(at_ms += 1000, b);
      stream.Append(at_ms += 1001, b);
    }
  }
  stream.Check();
}

TEST_CASE("runs end next to a change of scale, step and value", "[head]") {
  for (int run : {1, 2, 3, 100}) {
    Stream stream;
    int64_t at_ms = 5;
    for (double value : {1.0, 1.5, 0.1 + 0.2, 7.0}) {
      for (int i = 0; i < run; ++i) stream.Append(at_ms += 10, value);
      stream.Check();
      stream.Append(at_ms += 11, value);
      stream.Check();
    }
  }
}

TEST_CASE("extreme and equal timestamps come back", "[head]") {
  Stream stream;
  const int64_t most = kStreamTimestampMax - 1;
  for (int64_t at_ms : {-most, -most, int64_t{-1}, int64_t{0}, int64_t{0},
                        int64_t{1}, most - 1, most, most}) {
    stream.Append(at_ms, static_cast<double>(at_ms % 7));
    stream.Check();
  }
}

TEST_CASE("any bits at any steps come back, whole and by range", "[head]") {
  std::mt19937_64 random(20261120);
  for (int round = 0; round < 200; ++round) {
    CAPTURE(round);
    Stream stream;
    int64_t at_ms = static_cast<int64_t>(random() % 1'000'000'000'000);
    double value = 0;
    const size_t n = 1 + random() % 400;
    for (size_t i = 0; i < n; ++i) {
      switch (random() % 6) {
        case 0:
          value = std::bit_cast<double>(random());
          break;
        case 1:
          value = static_cast<double>(random() % 1000) / 100;
          break;
        case 2:
          value += 1;
          break;
        default:
          break;
      }
      at_ms += random() % 3 == 0 ? static_cast<int64_t>(random() % 100) : 15;
      stream.Append(at_ms, value);
    }
    stream.Check();
    const auto& times = stream.all().timestamps_ms;
    for (int i = 0; i < 5; ++i) {
      const int64_t start = times[random() % n];
      stream.Check({start, start + static_cast<int64_t>(random() % 500)});
    }
    stream.Check({times.back() + 1, times.back() + 2});
    stream.Check({times.front() - 2, times.front() - 1});
  }
}

}  // namespace
}  // namespace varve::storage

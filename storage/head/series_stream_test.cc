#include "storage/head/series_stream.h"

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "lib/model/sample.h"

namespace varve::storage {
namespace {

using Limits = std::numeric_limits<double>;
class Stream {
 public:
  // At the next slot of the column in use.
  void Append(double value) {
    Append({at_.column, at_.index + 1}, value);
  }
  void Append(const TimeSlot& slot, double value) {
    at_ = slot;
    AppendToStream(state_, arena_, slot, encoding::ToScaled(value));
    slots_.push_back(slot);
    values_.push_back(value);
  }

  void Check() const {
    StreamCopy copy;
    CopyStream(state_, arena_, copy);
    std::vector<SlotRun> runs;
    std::vector<double> values = {1, 2, 3};
    DecodeStream(copy, runs, values);
    std::vector<TimeSlot> slots;
    for (const SlotRun& run : runs) {
      for (uint32_t i = 0; i < run.samples; ++i) {
        slots.push_back({run.first.column, run.first.index + i});
      }
    }
    REQUIRE(slots == slots_);
    REQUIRE(values.size() == values_.size());
    for (size_t i = 0; i < values.size(); ++i) {
      CAPTURE(i);
      REQUIRE(std::bit_cast<uint64_t>(values[i]) ==
              std::bit_cast<uint64_t>(values_[i]));
    }
  }

  size_t bits() const {
    StreamCopy copy;
    CopyStream(state_, arena_, copy);
    return copy.bits;
  }
  void Free() {
    FreeStream(state_, arena_);
    slots_.clear();
    values_.clear();
  }
  int64_t arena_bytes() const { return arena_.bytes(); }

 private:
  StreamState state_;
  BlockArena arena_;
  TimeSlot at_ = {3, 0};
  std::vector<TimeSlot> slots_;
  std::vector<double> values_;
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

TEST_CASE("a constant series takes no bits after its first sample", "[head]") {
  for (const double value : {42.5, 0.0, -0.0, 0.1 + 0.2, model::StaleNan()}) {
    Stream stream;
    stream.Append(value);
    const size_t bits = stream.bits();
    CHECK(bits < 128);
    for (int i = 0; i < 1000; ++i) stream.Append(value);
    stream.Check();
    CHECK(stream.bits() == bits);
  }
}

TEST_CASE("a counter takes the bits of its changes and two more", "[head]") {
  std::mt19937_64 random(1);
  Stream stream;
  double value = 1e6;
  for (int i = 0; i < 1000; ++i) {
    stream.Append(value += static_cast<double>(random() % 64));
  }
  stream.Check();
  CHECK(stream.bits() < 1000 * 8.3);
}

TEST_CASE("changes by multiples of a power of two leave its zeros out",
          "[head]") {
  std::mt19937_64 random(2);
  Stream stream;
  for (int i = 0; i < 1000; ++i) {
    stream.Append(static_cast<double>((32 + random() % 4) << 20));
  }
  stream.Check();
  CHECK(stream.bits() < 1000 * 5);
}

TEST_CASE("one jump does not widen what comes after it", "[head]") {
  Stream stream;
  for (int i = 0; i < 1000; ++i) {
    stream.Append(static_cast<double>(i % 2 + (i == 500 ? 1 << 30 : 0)));
  }
  stream.Check();
  CHECK(stream.bits() < 1000 * 3.8);
}

TEST_CASE("nasty values come back after and before each other", "[head]") {
  Stream stream;
  for (double a : Nasty()) {
    for (double b : Nasty()) {
      stream.Append(a);
      stream.Append(b);
      stream.Append(b);
    }
  }
  stream.Check();
}

TEST_CASE("changes of every width come back", "[head]") {
  Stream stream;
  uint64_t bits = 0;
  for (int round = 0; round < 3; ++round) {
    for (int width = 0; width < 64; ++width) {
      bits ^= uint64_t{1} << width;
      stream.Append(std::bit_cast<double>(bits));
      stream.Append(static_cast<double>(uint64_t{1} << width));
      stream.Append(-static_cast<double>((uint64_t{1} << width) - 1));
    }
  }
  stream.Check();
}

TEST_CASE("runs end next to a change of scale, slot and value", "[head]") {
  for (int run : {1, 2, 3, 9, 100}) {
    CAPTURE(run);
    Stream stream;
    uint32_t column = 5;
    for (double value : {1.0, 1.5, 0.1 + 0.2, 7.0, 0.0}) {
      for (int i = 0; i < run; ++i) stream.Append(value);
      stream.Check();
      stream.Append({++column, 77}, value);
      stream.Check();
      stream.Append({column, 90}, value);
      stream.Check();
    }
  }
}

TEST_CASE("slots may skip, fall back and take any numbers", "[head]") {
  Stream stream;
  const uint32_t most = kNoColumn - 1;
  for (const TimeSlot& slot :
       {TimeSlot{0, 0}, TimeSlot{0, 0}, TimeSlot{0, 1}, TimeSlot{0, 1000},
        TimeSlot{most, most - 1}, TimeSlot{most, most}, TimeSlot{1, 0}}) {
    stream.Append(slot, 5);
    stream.Append(slot, 6);
    stream.Check();
  }
}

TEST_CASE("a freed stream's blocks are used again", "[head]") {
  Stream stream;
  int64_t bytes = 0;
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 5000; ++i) {
      stream.Append(static_cast<double>(i * i % 1000));
    }
    stream.Check();
    if (round == 0) bytes = stream.arena_bytes();
    CHECK(stream.arena_bytes() == bytes);
    stream.Free();
    stream.Check();
  }
}

TEST_CASE("any bits at any slots come back", "[head]") {
  const uint64_t seed = 20261121;
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    CAPTURE(seed, round);
    Stream stream;
    double value = 0;
    const size_t n = 1 + random() % 400;
    const uint64_t kinds = 1 + random() % 8;
    for (size_t i = 0; i < n; ++i) {
      switch (random() % kinds) {
        case 0:
          value += 1;
          break;
        case 1:
          value = static_cast<double>(random() % 1000) / 100;
          break;
        case 2:
          value = std::bit_cast<double>(random() >> (random() % 64));
          break;
        case 3:
          value = static_cast<double>((random() % 100) << (random() % 45));
          break;
        default:
          break;
      }
      if (random() % 20 == 0) {
        stream.Append({static_cast<uint32_t>(random() % 5),
                       static_cast<uint32_t>(random() % 100)},
                      value);
      } else {
        stream.Append(value);
      }
    }
    stream.Check();
  }
}

}  // namespace
}  // namespace varve::storage

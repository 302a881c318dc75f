// Value columns: bytes to floats. Bytes: value_chunk.h.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/encoding/chunk_part.h"
#include "lib/encoding/decimal.h"
#include "lib/encoding/residual_blocks.h"
#include "lib/encoding/sample_chunk.h"
#include "lib/encoding/value_chunk.h"

namespace varve::encoding {
namespace {

absl::Status Broken(std::string_view what) {
  return base::DataLoss("value chunk: ", what);
}

absl::Status DecodeConstant(int scale, base::ByteReader reader,
                            std::span<double> values,
                            const ColumnKernels& kernels) {
  double value = 0;
  if (scale <= kScaleMax) {
    value = FromDecimal(reader.Zigzag(), kPowersOfTen[scale]);
  } else {
    value = std::bit_cast<double>(reader.FixedLe<uint64_t>());
  }
  if (scale > kRawScale || !reader.AtEnd()) return Broken("bad constant");
  kernels.fill(value, values.data(), values.size());
  return absl::OkStatus();
}

// What is wanted of a run: values[i] is the sample begin + i of `samples`.
struct Part {
  size_t samples = 0;
  size_t begin = 0;
  std::span<double> values = {};

  size_t end() const { return begin + values.size(); }
};

// Walks the exceptions and writes those in the part; with none wanted of it
// only walks. False: missing or impossible bytes.
bool WalkExceptions(base::ByteReader& reader, const Part& part) {
  const size_t n = part.samples;
  const uint64_t count = reader.Varint();
  if (count == 0 || count > n) return false;
  size_t index = 0;
  for (uint64_t i = 0; i < count; ++i, ++index) {
    const uint64_t gap = reader.Varint();
    const auto kind = reader.FixedLe<uint8_t>();
    if (!reader.ok() || kind > kRawKind || gap >= n - index) return false;
    index += gap;
    const uint64_t bits =
        kind == kRawKind ? reader.FixedLe<uint64_t>() : kSpecialBits[kind];
    if (index >= part.begin && index < part.end()) {
      part.values[index - part.begin] = std::bit_cast<double>(bits);
    }
    // One past the last value would make n - index above wrap around.
    if (index + 1 == n && i + 1 < count) return false;
  }
  return reader.ok();
}

class ColumnDecoder {
 public:
  ColumnDecoder(int scheme, int predictor, const IntTransform& how,
                std::string_view bytes, const ColumnKernels& kernels)
      : scheme_(scheme),
        predictor_(predictor),
        how_(how),
        bytes_(bytes),
        kernels_(kernels) {}

  absl::Status Decode(const Part& part) {
    if (scheme_ == kNearDecimal && !ReadUlps(part)) {
      return Broken("bad units in the last place");
    }
    size_t done = 0;
    if (!ReadFirst(part, done)) return Broken("cut in its head");
    ResidualReader blocks(bytes_, kernels_);
    std::array<int64_t, kResidualBlock> ints;
    while (done < part.end()) {
      const size_t n = std::min(kResidualBlock, part.samples - done);
      if (!NextInts(blocks, {ints.data(), n})) {
        return Broken("bad residual block");
      }
      ToFloats({ints.data(), n}, done, part);
      done += n;
    }
    if (done == part.samples && !blocks.rest().empty()) {
      return Broken("surplus bytes");
    }
    return absl::OkStatus();
  }

 private:
  // They wait in the part's values for their mantissas.
  bool ReadUlps(const Part& part) {
    ResidualReader blocks(bytes_, kernels_);
    std::array<int64_t, kResidualBlock> ulps;
    for (size_t done = 0; done < part.samples; done += kResidualBlock) {
      const size_t n = std::min(kResidualBlock, part.samples - done);
      if (!blocks.NextBlock({ulps.data(), n})) return false;
      const auto [from, to] = Wanted(done, n, part);
      if (from >= to) continue;
      std::memcpy(part.values.data() + (from - part.begin),
                  ulps.data() + (from - done), (to - from) * sizeof(double));
    }
    bytes_ = blocks.rest();
    return true;
  }

  // The integers in front of the blocks.
  bool ReadFirst(const Part& part, size_t& done) {
    if (predictor_ == kPredictNothing) return true;
    base::ByteReader reader(bytes_);
    last_ = static_cast<uint64_t>(reader.Zigzag());
    std::array<int64_t, 2> first = {static_cast<int64_t>(last_), 0};
    done = 1;
    if (predictor_ == kPredictDelta2 && part.samples > 1) {
      last_delta_ = static_cast<uint64_t>(reader.Zigzag());
      last_ += last_delta_;
      first[1] = static_cast<int64_t>(last_);
      done = 2;
    }
    if (!reader.ok()) return false;
    bytes_ = reader.rest();
    ToFloats({first.data(), done}, 0, part);
    return true;
  }

  bool NextInts(ResidualReader& blocks, std::span<int64_t> ints) {
    if (predictor_ == kPredictNothing) return blocks.NextBlock(ints);
    if (predictor_ == kPredictDelta) return blocks.NextSums(ints, last_);
    if (!blocks.NextSums(ints, last_delta_)) return false;
    kernels_.prefix_sum(ints.data(), ints.size(), &last_);
    return true;
  }

  // Of the `n` samples from `at` on those in the part.
  static std::pair<size_t, size_t> Wanted(size_t at, size_t n,
                                          const Part& part) {
    return {std::max(at, part.begin), std::min(at + n, part.end())};
  }

  // `ints` are those of the samples from `at` on.
  void ToFloats(std::span<const int64_t> ints, size_t at,
                const Part& part) const {
    const auto [from, to] = Wanted(at, ints.size(), part);
    if (from >= to) return;
    const int64_t* const first = ints.data() + (from - at);
    double* const out = part.values.data() + (from - part.begin);
    if (scheme_ == kDecimal) {
      kernels_.from_mantissas(first, to - from, how_, out);
    } else if (scheme_ == kOrdered) {
      kernels_.from_ordered(first, to - from, how_, out);
    } else {
      kernels_.from_ulps(first, to - from, how_, out);
    }
  }

  const int scheme_;
  const int predictor_;
  const IntTransform how_;
  std::string_view bytes_;
  const ColumnKernels& kernels_;
  uint64_t last_ = 0;
  uint64_t last_delta_ = 0;
};

}  // namespace

absl::Status DecodeValues(std::string_view src, std::span<double> values,
                          const ColumnKernels& kernels) {
  if (values.empty()) {
    return src.empty() ? absl::OkStatus() : Broken("bytes of no values");
  }
  return DecodeValuesPart(src, values.size(), 0, values, kernels);
}

absl::Status DecodeValuesPart(std::string_view src, size_t samples,
                              size_t begin, std::span<double> values,
                              const ColumnKernels& kernels) {
  const Part part{.samples = samples, .begin = begin, .values = values};
  base::ByteReader reader(src);
  const auto h = reader.FixedLe<uint8_t>();
  if (!reader.ok()) return Broken("nothing in it");
  const int scheme = h & kSchemeMask;
  const int scale = h >> kScaleShift;
  if (scheme == kConstant) {
    return DecodeConstant(scale, reader, values, kernels);
  }
  if (scale > kScaleMax) return Broken("unknown scale");

  const auto f = reader.FixedLe<uint8_t>();
  const int predictor = f & kPredictorMask;
  if (!reader.ok() || (f & ~kKnownFlags) != 0 || predictor > kPredictDelta2) {
    return Broken("unknown flags");
  }
  base::ByteReader exceptions = reader;
  if ((f & kHasExceptions) != 0 &&
      !WalkExceptions(reader, {.samples = samples})) {
    return Broken("bad exceptions");
  }
  IntTransform how{.scale = scale};
  if ((f & kHasShift) != 0) {
    how.shift = reader.FixedLe<uint8_t>();
    how.m0 = static_cast<uint64_t>(reader.Zigzag());
    if (!reader.ok() || how.shift == 0 || how.shift > 63) {
      return Broken("bad shift");
    }
  }
  ColumnDecoder decoder(scheme, predictor, how, reader.rest(), kernels);
  RETURN_IF_ERROR(decoder.Decode(part));
  if ((f & kHasExceptions) != 0) {
    WalkExceptions(exceptions, part);
  }
  return absl::OkStatus();
}

}  // namespace varve::encoding

// What tests of chunks ask of every column: it comes back bit by bit, whole
// and in parts, whichever instruction set encodes and decodes it.
//
// Threads: of tests; what does not hold fails the test that called.
#ifndef VARVE_LIB_ENCODING_CHUNK_CHECKS_H_
#define VARVE_LIB_ENCODING_CHUNK_CHECKS_H_

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/encoding/chunk_part.h"
#include "lib/encoding/sample_chunk.h"

namespace varve::encoding {

using Limits = std::numeric_limits<double>;

inline const double kStale =
    std::bit_cast<double>(uint64_t{0x7ff0000000000002});

// Copies to the exact size, so that a sanitizer sees every read past the end.
inline absl::Status DecodeExact(std::string_view bytes,
                                std::span<double> values,
                                const ColumnKernels& kernels = Kernels()) {
  const std::vector<char> exact(bytes.begin(), bytes.end());
  return DecodeValues({exact.data(), exact.size()}, values, kernels);
}
inline absl::Status DecodeExact(std::string_view bytes,
                                std::span<int64_t> times,
                                const ColumnKernels& kernels = Kernels()) {
  const std::vector<char> exact(bytes.begin(), bytes.end());
  return DecodeTimestamps({exact.data(), exact.size()}, times, kernels);
}

inline bool SameBits(const std::vector<double>& a,
                     const std::vector<double>& b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](double x, double y) {
           return std::bit_cast<uint64_t>(x) == std::bit_cast<uint64_t>(y);
         });
}

// Any part has the bits of the whole.
inline void CheckParts(const std::vector<double>& values,
                       std::string_view bytes) {
  const std::vector<char> exact(bytes.begin(), bytes.end());
  const size_t n = values.size();
  for (const size_t begin : {size_t{0}, size_t{1}, n / 2, n - 1}) {
    for (const size_t size : {size_t{1}, n / 3, n}) {
      if (begin >= n || size > n - begin || size == 0) continue;
      CAPTURE(n, begin, size);
      std::vector<double> part(size);
      REQUIRE(
          DecodeValuesPart({exact.data(), exact.size()}, n, begin, part).ok());
      const auto from = values.begin() + static_cast<ptrdiff_t>(begin);
      REQUIRE(SameBits(part, {from, from + static_cast<ptrdiff_t>(size)}));
    }
  }
}

inline void CheckParts(const std::vector<int64_t>& times,
                       const std::string& bytes) {
  const size_t n = times.size();
  for (const size_t low : {size_t{0}, n / 3, n - 1}) {
    for (const size_t high : {low, n / 2, n - 1}) {
      for (const int64_t apart : {-1, 0, 1}) {
        int64_t start_ms = 0;
        int64_t end_ms = 0;
        if (__builtin_add_overflow(times[low], apart, &start_ms) ||
            __builtin_sub_overflow(times[high], apart, &end_ms)) {
          continue;
        }
        CAPTURE(n, low, high, apart);
        std::vector<int64_t> wanted = {-7};
        size_t before = 0;
        for (const int64_t ms : times) {
          if (ms >= start_ms && ms <= end_ms) wanted.push_back(ms);
          if (ms < start_ms) ++before;
        }
        std::vector<int64_t> got = {-7};
        size_t begin = 0;
        REQUIRE(AppendTimestampsInside(bytes, n, start_ms, end_ms, got, begin)
                    .ok());
        REQUIRE(got == wanted);
        if (got.size() > 1) REQUIRE(begin == before);
      }
    }
  }
}

// What one instruction set encodes all others decode, and encode alike.
inline void CheckBytes(const std::vector<double>& values,
                       const std::string& bytes, ValueHints hints) {
  CheckParts(values, bytes);
  for (const ColumnKernels* kernels : SupportedKernels()) {
    CAPTURE(kernels->isa);
    std::vector<double> got(values.size());
    REQUIRE(DecodeExact(bytes, got, *kernels).ok());
    REQUIRE(SameBits(got, values));
    std::string again;
    ValueHints used = hints;
    EncodeValues(values, used, again, *kernels);
    REQUIRE(again == bytes);
  }
}

inline size_t CheckValues(const std::vector<double>& values) {
  std::string bytes = "kept";
  EncodeValues(values, bytes);
  REQUIRE(bytes.substr(0, 4) == "kept");
  CheckBytes(values, bytes.substr(4), {});
  return bytes.size() - 4;
}

inline size_t CheckTimes(const std::vector<int64_t>& times) {
  std::string bytes;
  EncodeTimestamps(times, bytes);
  for (const ColumnKernels* kernels : SupportedKernels()) {
    CAPTURE(kernels->isa);
    std::vector<int64_t> got(times.size());
    REQUIRE(DecodeExact(bytes, got, *kernels).ok());
    REQUIRE(got == times);
    std::string again;
    EncodeTimestamps(times, again, *kernels);
    REQUIRE(again == bytes);
  }
  CheckParts(times, bytes);
  int64_t first = 0;
  int64_t last = 0;
  REQUIRE(DecodeTimestampBounds(bytes, first, last).ok());
  REQUIRE(first == times.front());
  REQUIRE(last == times.back());
  return bytes.size();
}

inline const std::vector<double>& NastyValues() {
  static const std::vector<double> values = {
      0.0,
      -0.0,
      1.0,
      -1.0,
      0.1,
      0.1 + 0.2,
      1.7319999999999998,
      Limits::infinity(),
      -Limits::infinity(),
      Limits::quiet_NaN(),
      -Limits::quiet_NaN(),
      Limits::signaling_NaN(),
      std::bit_cast<double>(uint64_t{0x7ff8000000000001}),
      std::bit_cast<double>(uint64_t{0x7ff8dead0000beef}),
      std::bit_cast<double>(uint64_t{0xffffffffffffffff}),
      kStale,
      Limits::denorm_min(),
      -Limits::denorm_min(),
      Limits::min(),
      Limits::max(),
      -Limits::max(),
      0x1p50,
      0x1p51,
      0x1p52,
      0x1p53,
      0x1p53 + 2,
      -0x1p63,
      0x1p63,
      0x1p64,
      1e15,
      1e-14,
      1e-15,
      123456789012345.0,
      999.999999999999,
      1.7e308,
  };
  return values;
}

}  // namespace varve::encoding

#endif  // VARVE_LIB_ENCODING_CHUNK_CHECKS_H_

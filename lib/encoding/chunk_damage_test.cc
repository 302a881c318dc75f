// Chunks that are cut short or flipped.
#include <catch2/catch.hpp>
#include <cmath>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "lib/encoding/chunk_checks.h"

namespace varve::encoding {
namespace {

// Chunks with everything a chunk can have, one of each scheme.
std::vector<std::vector<double>> ColumnsToDamage() {
  std::vector<std::vector<double>> columns(4, std::vector<double>(140));
  double sum = 0;
  for (size_t i = 0; i < 140; ++i) {
    columns[0][i] = i * i * 0.25;
    columns[1][i] = std::sqrt(1.0 + i);
    columns[2][i] = sum += 0.1 * (i % 7);
    columns[3][i] = 4096.0 * (i * i % 31);
  }
  columns[0][7] = kStale;
  columns[0][99] = 0.1 + 0.2;
  columns[1][3] = -Limits::infinity();
  columns[2][139] = kStale;
  columns[3][0] = -0.0;
  return columns;
}

TEST_CASE("values cut at any byte are data loss", "[encoding]") {
  for (const ColumnKernels* kernels : SupportedKernels()) {
    for (std::vector<double> values : ColumnsToDamage()) {
      std::string bytes;
      EncodeValues(values, bytes);
      CAPTURE(kernels->isa, static_cast<int>(bytes[0]));
      for (size_t keep = 0; keep < bytes.size(); ++keep) {
        CAPTURE(keep);
        CHECK(absl::IsDataLoss(
            DecodeExact(std::string_view(bytes).substr(0, keep),
                        std::span<double>(values), *kernels)));
      }
      CHECK(absl::IsDataLoss(DecodeExact(
          bytes + "x", std::span<double>(values), *kernels)));
      CHECK(absl::IsDataLoss(DecodeValues("", values)));
    }
  }
}

TEST_CASE("flipped bits and random bytes stay inside the view", "[encoding]") {
  std::mt19937_64 random(17);
  for (const ColumnKernels* kernels : SupportedKernels()) {
    for (std::vector<double> values : ColumnsToDamage()) {
      std::string bytes;
      EncodeValues(values, bytes);
      for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        std::string flipped = bytes;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
        (void)DecodeExact(flipped, std::span<double>(values), *kernels);
      }
    }
    for (int i = 0; i < 8'000; ++i) {
      std::string noise(random() % 60, '\0');
      for (char& byte : noise) byte = static_cast<char>(random());
      if (!noise.empty() && i % 2 == 0) noise[0] = static_cast<char>(i / 2 % 4);
      std::vector<double> got(1 + random() % 300);
      (void)DecodeExact(noise, std::span<double>(got), *kernels);
      std::vector<int64_t> times(1 + random() % 300);
      (void)DecodeExact(noise, std::span<int64_t>(times), *kernels);
    }
  }
}

TEST_CASE("timestamps cut at any byte are data loss", "[encoding]") {
  const std::vector<int64_t> times = {0, 15'000, 30'001, 30'001, 900'000};
  std::string bytes;
  EncodeTimestamps(times, bytes);
  std::vector<int64_t> got(times.size());
  for (size_t keep = 0; keep < bytes.size(); ++keep) {
    CAPTURE(keep);
    CHECK(absl::IsDataLoss(DecodeExact(std::string_view(bytes).substr(0, keep),
                                       std::span<int64_t>(got))));
  }
  CHECK(absl::IsDataLoss(DecodeExact(bytes + "x", std::span<int64_t>(got))));
}

}  // namespace
}  // namespace varve::encoding

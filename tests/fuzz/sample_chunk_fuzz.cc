// Chunks from a damaged disk, and columns of any floats: any bytes are samples
// or data loss, what was decoded can be encoded again without losing a bit, and
// all instruction sets say and write the same.
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "lib/encoding/sample_chunk.h"
#include "tests/fuzz/seeds.h"

namespace {

using varve::encoding::ColumnKernels;
using varve::encoding::SupportedKernels;
using varve::encoding::ValueHints;

void Check(bool holds) {
  if (!holds) __builtin_trap();
}

bool SameBits(const std::vector<double>& a, const std::vector<double>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

// With the hints that any earlier chunk may have left.
void RoundTrip(const std::vector<double>& values, ValueHints hints) {
  std::string bytes;
  ValueHints used = hints;
  varve::encoding::EncodeValues(values, used, bytes);
  for (const ColumnKernels* kernels : SupportedKernels()) {
    std::string again;
    used = hints;
    varve::encoding::EncodeValues(values, used, again, *kernels);
    Check(again == bytes);
    std::vector<double> back(values.size());
    Check(varve::encoding::DecodeValues(bytes, back, *kernels).ok());
    Check(SameBits(back, values));
  }
}

void Values(std::string_view bytes, size_t n) {
  std::vector<double> values(n);
  const bool ok = varve::encoding::DecodeValues(bytes, values).ok();
  for (const ColumnKernels* kernels : SupportedKernels()) {
    std::vector<double> got(n);
    Check(varve::encoding::DecodeValues(bytes, got, *kernels).ok() == ok);
  }
  if (ok) RoundTrip(values, {});
}

// The bytes themselves as a column, their first four as hints.
void Floats(std::string_view bytes) {
  if (bytes.size() < sizeof(ValueHints) + sizeof(double)) return;
  ValueHints hints;
  std::memcpy(&hints, bytes.data(), sizeof(hints));
  bytes.remove_prefix(sizeof(hints));
  std::vector<double> values(bytes.size() / sizeof(double));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(double));
  RoundTrip(values, hints);
}

void Timestamps(std::string_view bytes, size_t n) {
  std::vector<int64_t> times(n);
  const bool ok = varve::encoding::DecodeTimestamps(bytes, times).ok();
  for (const ColumnKernels* kernels : SupportedKernels()) {
    std::vector<int64_t> got(n);
    Check(varve::encoding::DecodeTimestamps(bytes, got, *kernels).ok() == ok);
    Check(!ok || got == times);
  }
  if (!ok) return;
  std::string again;
  varve::encoding::EncodeTimestamps(times, again);
  std::vector<int64_t> back(n);
  Check(varve::encoding::DecodeTimestamps(again, back).ok() && back == times);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t n = 1 + data[0];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1,
                               size - 1);
  Values(bytes, n);
  Timestamps(bytes, n);
  Floats(bytes);
  return 0;
}

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  std::vector<double> values(100);
  std::vector<int64_t> times(100);
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = 0.25 * static_cast<double>(i * i % 31);
    times[i] = static_cast<int64_t>(i * 15'000 + i % 3);
  }
  values[40] = -0.0;
  std::string seed(1, static_cast<char>(values.size() - 1));
  const auto add_values = [&] {
    seed.resize(1);
    varve::encoding::EncodeValues(values, seed);
    add(seed.data(), seed.size());
  };
  add_values();
  double sum = 0;
  for (double& value : values) value = sum += 0.1;
  add_values();
  for (double& value : values) value = 1 / (1 + value);
  add_values();
  seed.resize(1 + sizeof(ValueHints));
  seed.append(reinterpret_cast<const char*>(values.data()),
              values.size() * sizeof(double));
  add(seed.data(), seed.size());
  seed.resize(1);
  varve::encoding::EncodeTimestamps(times, seed);
  add(seed.data(), seed.size());
}

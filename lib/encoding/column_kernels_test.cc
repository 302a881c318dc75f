#include "lib/encoding/column_kernels.h"

#include <algorithm>
#include <array>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "lib/encoding/decimal.h"

namespace varve::encoding {
namespace {

constexpr size_t kBlock = 128;

uint64_t Bits(double value) { return std::bit_cast<uint64_t>(value); }

// Values of all widths, few of them in one call.
std::vector<int64_t> SomeInts(std::mt19937_64& random, size_t n) {
  const int width = 1 + static_cast<int>(random() % 64);
  std::vector<int64_t> values(n);
  for (int64_t& value : values) {
    value = static_cast<int64_t>(random() >> (64 - width));
    if (random() % 30 == 0) value = static_cast<int64_t>(random());
  }
  return values;
}

std::vector<double> SomeFloats(std::mt19937_64& random, size_t n) {
  const double power = kPowersOfTen[random() % (kScaleMax + 1)];
  const int width = 1 + static_cast<int>(random() % 53);
  std::vector<double> values(n);
  for (double& value : values) {
    value = static_cast<double>(random() >> (64 - width)) / power;
    if (random() % 9 == 0) {
      value = std::bit_cast<double>(Bits(value) + random() % 64);
    }
    if (random() % 99 == 0) value = std::bit_cast<double>(random());
    if (random() % 99 == 0) value = -0.0;
  }
  return values;
}

TEST_CASE("the baseline set is always there, the best one is chosen",
          "[encoding]") {
  REQUIRE_FALSE(SupportedKernels().empty());
  CHECK(&Kernels() == SupportedKernels().back());
  CHECK_FALSE(std::string(Kernels().isa).empty());
}

TEST_CASE("mantissas become the correctly rounded quotient", "[encoding]") {
  std::mt19937_64 random(20261121);
  for (int scale = 0; scale <= kScaleMax; ++scale) {
    std::vector<int64_t> mantissas = {0, 1, -1, kMantissaMax, -kMantissaMax};
    // Next to a power of two of the quotient the spacing of floats changes.
    for (int power = -46; power <= 50; ++power) {
      const double near = std::ldexp(kPowersOfTen[scale], power);
      if (near > static_cast<double>(kMantissaMax)) continue;
      for (int64_t away = -3; away <= 3; ++away) {
        mantissas.push_back(static_cast<int64_t>(near) + away);
      }
    }
    for (int i = 0; i < 50'000; ++i) {
      const int64_t mantissa =
          static_cast<int64_t>(random() >> (14 + random() % 45));
      mantissas.push_back(i % 2 == 0 ? mantissa : -mantissa);
    }
    std::vector<double> got(mantissas.size());
    for (const ColumnKernels* kernels : SupportedKernels()) {
      CAPTURE(kernels->isa, scale);
      kernels->from_mantissas(mantissas.data(), mantissas.size(),
                              {.scale = scale}, got.data());
      size_t wrong = 0;
      for (size_t i = 0; i < got.size(); ++i) {
        wrong += Bits(got[i]) !=
                 Bits(static_cast<double>(mantissas[i]) / kPowersOfTen[scale]);
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("packed bits come back within what may be read", "[encoding]") {
  std::mt19937_64 random(7);
  for (const ColumnKernels* kernels : SupportedKernels()) {
    for (int width = 1; width <= 64; ++width) {
      for (size_t n : {1u, 7u, 8u, 9u, 15u, 16u, 63u, 120u, 127u, 128u}) {
        CAPTURE(kernels->isa, width, n);
        std::vector<uint64_t> values(n);
        for (uint64_t& value : values) value = random();
        std::string packed(n * 8 + kPackSlack, '\0');
        kernels->pack(values.data(), n, width, packed.data());
        packed.resize((n * width + 7) / 8);
        // A copy of its own, so that a sanitizer sees every byte too many.
        const std::vector<char> exact(packed.begin(), packed.end());
        std::vector<uint64_t> got(n);
        kernels->unpack(exact.data(), exact.size(), width, got.data(), n);
        for (uint64_t& value : values) {
          value = width == 64 ? value : value & ((uint64_t{1} << width) - 1);
        }
        REQUIRE(got == values);
        packed.append(100, 'x');
        kernels->unpack(packed.data(), packed.size(), width, got.data(), n);
        REQUIRE(got == values);
      }
    }
  }
}

// One call of each kernel over integers, as text that can be compared.
std::string IntResults(const ColumnKernels& kernels, std::vector<int64_t> ints,
                       uint64_t base, bool zigzag) {
  const size_t n = ints.size();
  std::string all;
  const auto add = [&all](const auto* from, size_t count) {
    all.append(reinterpret_cast<const char*>(from), count * sizeof(*from));
  };
  std::array<int64_t, 2> bounds;
  kernels.min_max(ints.data(), n, &bounds[0], &bounds[1]);
  add(bounds.data(), 2);
  std::vector<uint64_t> distances(n);
  kernels.distances(ints.data(), n, base, zigzag, distances.data());
  add(distances.data(), n);
  const WidthPlan plan = kernels.plan_width(distances.data(), n);
  all += std::to_string(plan.width) + ' ' + std::to_string(plan.high_width) +
         ' ' + std::to_string(plan.exceptions) + ' ' +
         std::to_string(plan.bytes);
  std::string packed(n * 8 + kPackSlack, '\0');
  kernels.pack(distances.data(), n, plan.width, packed.data());
  add(packed.data(), (n * plan.width + 7) / 8);
  kernels.add_base(distances.data(), n, base, zigzag);
  add(distances.data(), n);
  const uint64_t bits = kernels.difference_bits(ints.data(), n);
  add(&bits, 1);
  std::vector<int64_t> changed = ints;
  uint64_t last = base;
  kernels.prefix_sum(changed.data(), n, &last);
  add(changed.data(), n);
  add(&last, 1);
  kernels.differences(ints.data(), n, ints.data());
  kernels.shift_down(ints.data(), n, 3);
  add(ints.data(), n);
  return all;
}

std::string FloatResults(const ColumnKernels& kernels,
                         const std::vector<double>& floats, int scale) {
  const size_t n = floats.size();
  std::string all;
  const auto add = [&all, n](const auto& from) {
    all.append(reinterpret_cast<const char*>(from.data()),
               n * sizeof(from[0]));
  };
  std::vector<int64_t> ints(n);
  std::vector<int64_t> ulps(n);
  std::vector<double> back(n);
  const IntTransform how{.scale = scale};
  all += kernels.same_bits(floats.data(), n) ? 'y' : 'n';
  all += std::to_string(
      kernels.to_mantissas(floats.data(), n, scale, ints.data()));
  add(ints);
  all += std::to_string(
      kernels.to_ulps(floats.data(), n, scale, ints.data(), ulps.data()));
  // What lies outside a mantissa's range is meaningless, yet the same.
  for (size_t i = 0; i < n; ++i) {
    if (std::abs(ints[i]) > kMantissaMax) ulps[i] = ints[i] = 0;
  }
  add(ulps);
  std::memcpy(back.data(), ulps.data(), n * sizeof(double));
  kernels.from_ulps(ints.data(), n, how, back.data());
  add(back);
  all += std::to_string(kernels.to_ordered(floats.data(), n, ints.data()));
  add(ints);
  kernels.from_ordered(ints.data(), n, how, back.data());
  add(back);
  kernels.fill(floats[0], back.data(), n);
  add(back);
  return all;
}

TEST_CASE("all instruction sets give the same integers", "[encoding]") {
  std::mt19937_64 random(13);
  for (int round = 0; round < 4'000; ++round) {
    const std::vector<int64_t> ints = SomeInts(random, 1 + random() % kBlock);
    const uint64_t base = random();
    const bool zigzag = round % 2 == 0;
    const std::string want =
        IntResults(*SupportedKernels().front(), ints, base, zigzag);
    for (const ColumnKernels* kernels : SupportedKernels()) {
      CAPTURE(kernels->isa, round);
      REQUIRE(IntResults(*kernels, ints, base, zigzag) == want);
    }
  }
}

TEST_CASE("all instruction sets give the same floats", "[encoding]") {
  std::mt19937_64 random(19);
  for (int round = 0; round < 4'000; ++round) {
    const std::vector<double> floats = SomeFloats(random, 1 + random() % 300);
    const int scale = round % (kScaleMax + 1);
    const std::string want =
        FloatResults(*SupportedKernels().front(), floats, scale);
    for (const ColumnKernels* kernels : SupportedKernels()) {
      CAPTURE(kernels->isa, round);
      REQUIRE(FloatResults(*kernels, floats, scale) == want);
    }
  }
}

}  // namespace
}  // namespace varve::encoding

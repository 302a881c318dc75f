#include "lib/encoding/residual_blocks.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "lib/base/byte_coding.h"

namespace varve::encoding {
namespace {

constexpr uint8_t kWidthMask = 0x3f;
constexpr uint8_t kHasExceptions = 0x40;
constexpr uint8_t kZigzag = 0x80;
constexpr uint8_t kWidth64 = 63;

constexpr size_t PackedBytes(size_t values, int width) {
  return (values * width + 7) / 8;
}

using Distances = std::array<uint64_t, kResidualBlock>;

// How to write a block.
struct Plan {
  WidthPlan widths;
  uint64_t base = 0;
  bool zigzag = false;
};

// Exchanges after which the median of nine stands in the middle: no branches,
// which nobody could foretell. Devillard, "Fast median search" (1998).
constexpr std::array<std::array<uint8_t, 2>, 19> kMedianExchanges = {{
    {1, 2}, {4, 5}, {7, 8}, {0, 1}, {3, 4}, {6, 7}, {1, 2}, {4, 5}, {7, 8}, {0, 3},
    {5, 8}, {4, 7}, {3, 6}, {1, 4}, {2, 5}, {4, 7}, {4, 2}, {6, 4}, {4, 2},
}};

// Nine values tell the middle well enough; exact medians cost more than they
// save.
uint64_t MiddleOf(std::span<const int64_t> values) {
  std::array<int64_t, 9> some;
  for (size_t i = 0; i < some.size(); ++i) {
    some[i] = values[(values.size() - 1) * i / (some.size() - 1)];
  }
#pragma GCC unroll 19
  for (const auto& [low, high] : kMedianExchanges) {
    const int64_t less = std::min(some[low], some[high]);
    some[high] = std::max(some[low], some[high]);
    some[low] = less;
  }
  return static_cast<uint64_t>(some[some.size() / 2]);
}

// Also gives the distances the plan is about.
Plan MakePlan(std::span<const int64_t> values, const ColumnKernels& kernels,
              Distances& distances) {
  const size_t n = values.size();
  int64_t low = 0;
  int64_t high = 0;
  kernels.min_max(values.data(), n, &low, &high);
  Plan from_min;
  from_min.base = static_cast<uint64_t>(low);
  kernels.distances(values.data(), n, from_min.base, false, distances.data());
  const int top = std::bit_width(static_cast<uint64_t>(high) - from_min.base);
  // Exceptions cannot pay for themselves in so few bits.
  if (top <= 1) {
    from_min.widths.width = top;
    from_min.widths.bytes = PackedBytes(n, top);
    return from_min;
  }
  from_min.widths = kernels.plan_width(distances.data(), n);
  // Outliers below the rest, such as a counter's reset, lift all others. Asking
  // only when they seem to costs 1 % of bytes and saves 20 % of time.
  Plan around_middle;
  around_middle.base = MiddleOf(values);
  around_middle.zigzag = true;
  Distances zigzags;
  kernels.distances(values.data(), n, around_middle.base, true, zigzags.data());
  around_middle.widths = kernels.plan_width(zigzags.data(), n);
  if (around_middle.widths.bytes >= from_min.widths.bytes) return from_min;
  distances = zigzags;
  return around_middle;
}

// Everything behind the block's base; returns the end.
char* WriteDistances(const Plan& plan, std::span<const uint64_t> distances,
                     const ColumnKernels& kernels, char* to) {
  const WidthPlan& widths = plan.widths;
  if (widths.exceptions > 0) {
    *to++ = static_cast<char>(widths.exceptions);
    *to++ = static_cast<char>(widths.high_width);
    const uint64_t limit = uint64_t{1} << widths.width;
    Distances high;
    size_t found = 0;
    for (size_t i = 0; i < distances.size(); ++i) {
      if (distances[i] < limit) continue;
      *to++ = static_cast<char>(i);
      high[found++] = distances[i] >> widths.width;
    }
    kernels.pack(high.data(), found, widths.high_width, to);
    to += PackedBytes(found, widths.high_width);
  }
  kernels.pack(distances.data(), distances.size(), widths.width, to);
  return to + PackedBytes(distances.size(), widths.width);
}

void AppendBlock(std::span<const int64_t> values, const ColumnKernels& kernels,
                 uint64_t& previous_base, std::string& out) {
  Distances distances;
  const Plan plan = MakePlan(values, kernels, distances);
  const int width = plan.widths.width;
  out.push_back(static_cast<char>((width == 64 ? kWidth64 : width) |
                                  (plan.widths.exceptions > 0 ? kHasExceptions
                                                              : 0) |
                                  (plan.zigzag ? kZigzag : 0)));
  base::PutVarint(
      out, base::ZigzagEncode(static_cast<int64_t>(plan.base - previous_base)));
  previous_base = plan.base;
  // A plan is never longer than all bits of all values.
  char bytes[kResidualBlock * 8 + kPackSlack];
  const char* end = WriteDistances(plan, {distances.data(), values.size()},
                                   kernels, bytes);
  out.append(bytes, end - bytes);
}

std::string_view Take(std::string_view& bytes, size_t size) {
  const std::string_view taken = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return taken;
}

// What a block keeps of its exceptions.
struct Patches {
  std::string_view positions;
  Distances high;
};

// False: missing or impossible bytes.
bool ReadPatches(std::string_view& rest, int width, size_t n,
                 const ColumnKernels& kernels, Patches& patches) {
  if (rest.size() < 2) return false;
  const size_t count = static_cast<uint8_t>(rest[0]);
  const int high_width = static_cast<uint8_t>(rest[1]);
  rest.remove_prefix(2);
  if (count == 0 || count > n || high_width == 0 || width + high_width > 64) {
    return false;
  }
  const size_t packed_bytes = PackedBytes(count, high_width);
  if (rest.size() < count + packed_bytes) return false;
  patches.positions = Take(rest, count);
  for (char position : patches.positions) {
    if (static_cast<uint8_t>(position) >= n) return false;
  }
  kernels.unpack(rest.data(), rest.size(), high_width, patches.high.data(),
                 count);
  rest.remove_prefix(packed_bytes);
  return true;
}

}  // namespace

void AppendResiduals(std::span<const int64_t> values, std::string& out,
                     const ColumnKernels& kernels) {
  uint64_t base = 0;
  for (size_t i = 0; i < values.size(); i += kResidualBlock) {
    AppendBlock(values.subspan(i, std::min(kResidualBlock, values.size() - i)),
                kernels, base, out);
  }
}

size_t ResidualBytes(std::span<const int64_t> values,
                     const ColumnKernels& kernels) {
  Distances distances;
  size_t bytes = 0;
  for (size_t i = 0; i < values.size(); i += kResidualBlock) {
    bytes += MakePlan(
                 values.subspan(i, std::min(kResidualBlock, values.size() - i)),
                 kernels, distances)
                 .widths.bytes;
  }
  return bytes;
}

bool ResidualReader::NextBlock(std::span<int64_t> values) {
  const size_t n = values.size();
  base::ByteReader reader(rest_);
  const auto w = reader.FixedLe<uint8_t>();
  base_ += static_cast<uint64_t>(reader.Zigzag());
  if (!reader.ok()) return false;
  rest_ = reader.rest();
  int width = w & kWidthMask;
  if (width == kWidth64) width = 64;

  Patches patches;
  if ((w & kHasExceptions) != 0 &&
      !ReadPatches(rest_, width, n, *kernels_, patches)) {
    return false;
  }
  const size_t packed_bytes = PackedBytes(n, width);
  if (rest_.size() < packed_bytes) return false;
  auto* low = reinterpret_cast<uint64_t*>(values.data());
  kernels_->unpack(rest_.data(), rest_.size(), width, low, n);
  rest_.remove_prefix(packed_bytes);
  for (size_t i = 0; i < patches.positions.size(); ++i) {
    low[static_cast<uint8_t>(patches.positions[i])] |= patches.high[i] << width;
  }
  kernels_->add_base(low, n, base_, (w & kZigzag) != 0);
  return true;
}

bool ResidualReader::NextSums(std::span<int64_t> values, uint64_t& last) {
  if (!NextBlock(values)) return false;
  kernels_->prefix_sum(values.data(), values.size(), &last);
  return true;
}

}  // namespace varve::encoding

#include "lib/encoding/residual_blocks.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "lib/base/byte_coding.h"

namespace varve::encoding {
namespace {

constexpr uint8_t kWidthMask = 0x3f;
constexpr uint8_t kHasExceptions = 0x40;
constexpr uint8_t kZigzag = 0x80;
constexpr uint8_t kWidth64 = 63;

// An unpacker loads 8 bytes at a time, and a ninth above width 57.
constexpr size_t kOverread = 16;

uint64_t LowBits(int width) {
  return width >= 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
}

constexpr size_t PackedBytes(size_t values, int width) {
  return (values * width + 7) / 8;
}

// One plan for a block: how to write it and what that costs.
struct Plan {
  int width = 0;       // of the low bits
  int high_width = 0;  // 0: no exceptions
  size_t exceptions = 0;
  size_t bytes = 0;
  uint64_t base = 0;
  bool zigzag = false;
};

uint64_t Distance(int64_t value, const Plan& plan) {
  const uint64_t u = static_cast<uint64_t>(value) - plan.base;
  return plan.zigzag ? base::ZigzagEncode(static_cast<int64_t>(u)) : u;
}

// Finds the cheapest width for the distances from the plan's base; says how
// many values need all of the bits.
size_t ChooseWidth(std::span<const int64_t> values, Plan& plan) {
  std::array<uint8_t, 65> of_width{};
  int top = 0;
  for (int64_t value : values) {
    const int width = std::bit_width(Distance(value, plan));
    ++of_width[width];
    top = std::max(top, width);
  }
  if (top == kWidth64) top = 64;
  const size_t n = values.size();
  const size_t at_top = of_width[top];
  plan.width = top;
  plan.bytes = 1 + PackedBytes(n, top);
  size_t above = 0;
  for (int width = top - 1; width >= 0; --width) {
    above += of_width[width + 1];
    if (above == 0 || width == kWidth64) continue;
    const size_t bytes =
        3 + PackedBytes(n, width) + above + PackedBytes(above, top - width);
    if (bytes < plan.bytes) {
      plan.bytes = bytes;
      plan.width = width;
      plan.high_width = top - width;
      plan.exceptions = above;
    }
  }
  return at_top;
}

// Nine values tell the middle well enough; exact medians cost more than they
// save.
uint64_t MiddleOf(std::span<const int64_t> values) {
  std::array<int64_t, 9> some;
  for (size_t i = 0; i < some.size(); ++i) {
    some[i] = values[(values.size() - 1) * i / (some.size() - 1)];
  }
  std::nth_element(some.begin(), some.begin() + some.size() / 2, some.end());
  return static_cast<uint64_t>(some[some.size() / 2]);
}

Plan MakePlan(std::span<const int64_t> values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  Plan from_min;
  from_min.base = static_cast<uint64_t>(*low);
  const int top = std::bit_width(static_cast<uint64_t>(*high) - from_min.base);
  // Exceptions cannot pay for themselves in so few bits.
  if (top <= 1) {
    from_min.width = top;
    from_min.bytes = 1 + PackedBytes(values.size(), top);
    return from_min;
  }
  const size_t at_top = ChooseWidth(values, from_min);
  // An outlier below the rest, such as a counter's reset, lifts all others to
  // the top width; one above shows as an exception. Else half is at the top.
  if (from_min.exceptions == 0 && at_top * 4 <= values.size() * 3) {
    return from_min;
  }
  Plan around_middle;
  around_middle.base = MiddleOf(values);
  around_middle.zigzag = true;
  ChooseWidth(values, around_middle);
  return around_middle.bytes < from_min.bytes ? around_middle : from_min;
}

// Each value's lowest `width` bits, LSB first.
void PackBits(std::span<const uint64_t> values, int width, std::string& out) {
  if (width == 0) return;
  const uint64_t mask = LowBits(width);
  const size_t begin = out.size();
  const size_t bytes = PackedBytes(values.size(), width);
  out.resize(begin + bytes + 8);  // whole words are stored, the rest cut off
  char* to = out.data() + begin;
  uint64_t word = 0;
  int filled = 0;
  for (uint64_t value : values) {
    value &= mask;
    word |= value << filled;
    filled += width;
    if (filled >= 64) {
      std::memcpy(to, &word, 8);
      to += 8;
      filled -= 64;
      word = filled == 0 ? 0 : value >> (width - filled);
    }
  }
  if (filled > 0) std::memcpy(to, &word, 8);
  out.resize(begin + bytes);
}

void AppendBlock(std::span<const int64_t> values, uint64_t& previous_base,
                 std::string& out) {
  const Plan plan = MakePlan(values);
  out.push_back(static_cast<char>((plan.width == 64 ? kWidth64 : plan.width) |
                                  (plan.exceptions > 0 ? kHasExceptions : 0) |
                                  (plan.zigzag ? kZigzag : 0)));
  base::PutVarint(
      out, base::ZigzagEncode(static_cast<int64_t>(plan.base - previous_base)));
  previous_base = plan.base;

  std::array<uint64_t, kResidualBlock> low;
  std::array<uint64_t, kResidualBlock> high;
  const uint64_t mask = LowBits(plan.width);
  const size_t n = values.size();
  for (size_t i = 0; i < n; ++i) low[i] = Distance(values[i], plan);
  if (plan.exceptions > 0) {
    out.push_back(static_cast<char>(plan.exceptions));
    out.push_back(static_cast<char>(plan.high_width));
    size_t found = 0;
    for (size_t i = 0; i < n; ++i) {
      if (low[i] <= mask) continue;
      out.push_back(static_cast<char>(i));
      high[found++] = low[i] >> plan.width;
    }
    PackBits({high.data(), found}, plan.high_width, out);
  }
  PackBits({low.data(), n}, plan.width, out);
}

// Values of one width: the compiler turns every offset and shift into a
// constant. `bytes` may be read kOverread past its packed size.
template <int kWidth>
void UnpackWidth(const char* bytes, uint64_t* values, size_t n) {
  constexpr uint64_t kMask =
      kWidth >= 64 ? ~uint64_t{0} : (uint64_t{1} << (kWidth % 64)) - 1;
  const auto one = [](const char* from, size_t i) -> uint64_t {
    const size_t bit = i * kWidth;
    const size_t shift = bit % 8;
    uint64_t word = base::LoadLe<uint64_t>(from + bit / 8) >> shift;
    if constexpr (kWidth > 57) {
      // The ninth byte; shifted twice because 64 at once is undefined.
      const auto ninth = static_cast<uint8_t>(from[bit / 8 + 8]);
      word |= uint64_t{ninth} << 1 << (63 - shift);
    }
    return word & kMask;
  };
  size_t i = 0;
  for (; i + 8 <= n; i += 8, bytes += kWidth) {
    for (size_t k = 0; k < 8; ++k) values[i + k] = one(bytes, k);
  }
  for (size_t k = 0; i + k < n; ++k) values[i + k] = one(bytes, k);
}

using Unpacker = void (*)(const char*, uint64_t*, size_t);

template <int... kWidths>
constexpr std::array<Unpacker, sizeof...(kWidths)> MakeUnpackers(
    std::integer_sequence<int, kWidths...>) {
  return {&UnpackWidth<kWidths>...};
}
constexpr auto kUnpackers =
    MakeUnpackers(std::make_integer_sequence<int, 65>());

// `slack` bytes behind the packed ones may be read. A view that ends sooner is
// copied first.
void UnpackWithSlack(std::string_view packed, size_t slack, int width,
                     uint64_t* values, size_t n) {
  if (width == 0) {
    std::fill_n(values, n, 0);
    return;
  }
  if (slack >= kOverread) {
    kUnpackers[width](packed.data(), values, n);
    return;
  }
  char copy[kResidualBlock * 8 + kOverread];
  std::memcpy(copy, packed.data(), packed.size());
  std::memset(copy + packed.size(), 0, kOverread);
  kUnpackers[width](copy, values, n);
}

std::string_view Take(std::string_view& bytes, size_t size) {
  const std::string_view taken = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return taken;
}

// Adds the high bits of the exceptions. False: missing or impossible bytes.
bool Patch(std::string_view& rest, int width, size_t n,
           std::array<uint64_t, kResidualBlock>& high,
           std::string_view& positions) {
  if (rest.size() < 2) return false;
  const size_t count = static_cast<uint8_t>(rest[0]);
  const int high_width = static_cast<uint8_t>(rest[1]);
  rest.remove_prefix(2);
  if (count == 0 || count > n || high_width == 0 || width + high_width > 64) {
    return false;
  }
  const size_t packed_bytes = PackedBytes(count, high_width);
  if (rest.size() < count + packed_bytes) return false;
  positions = Take(rest, count);
  for (char position : positions) {
    if (static_cast<uint8_t>(position) >= n) return false;
  }
  const std::string_view packed = Take(rest, packed_bytes);
  UnpackWithSlack(packed, rest.size(), high_width, high.data(), count);
  return true;
}

}  // namespace

void AppendResiduals(std::span<const int64_t> values, std::string& out) {
  uint64_t base = 0;
  for (size_t i = 0; i < values.size(); i += kResidualBlock) {
    AppendBlock(values.subspan(i, std::min(kResidualBlock, values.size() - i)),
                base, out);
  }
}

uint64_t EstimateResidualBits(std::span<const int64_t> values) {
  int64_t a = values.front();
  const int64_t b = values[values.size() / 2];
  int64_t c = values.back();
  if (a > c) std::swap(a, c);
  const auto middle = static_cast<uint64_t>(std::clamp(b, a, c));
  uint64_t bits = 0;
  for (int64_t value : values) {
    bits += std::bit_width(base::ZigzagEncode(
        static_cast<int64_t>(static_cast<uint64_t>(value) - middle)));
  }
  return bits;
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

  std::array<uint64_t, kResidualBlock> high;
  std::string_view positions;
  if ((w & kHasExceptions) != 0 && !Patch(rest_, width, n, high, positions)) {
    return false;
  }
  if (rest_.size() < PackedBytes(n, width)) return false;
  const std::string_view packed = Take(rest_, PackedBytes(n, width));
  auto* low = reinterpret_cast<uint64_t*>(values.data());
  UnpackWithSlack(packed, rest_.size(), width, low, n);
  for (size_t i = 0; i < positions.size(); ++i) {
    low[static_cast<uint8_t>(positions[i])] |= high[i] << width;
  }
  const uint64_t base = base_;
  if ((w & kZigzag) != 0) {
    for (size_t i = 0; i < n; ++i) {
      low[i] = base + static_cast<uint64_t>(base::ZigzagDecode(low[i]));
    }
  } else {
    for (size_t i = 0; i < n; ++i) low[i] += base;
  }
  return true;
}

}  // namespace varve::encoding

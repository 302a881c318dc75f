// The value column of a chunk:
//
//   chunk  := h:u8 body            h = scheme (low 2 bits) | scale << 2
//   scheme 0 constant: scale <= 14: m:zigzag; scale 15: bits:u64
//   scheme 1 decimal (m / 10^scale), 2 ordered bits; 3 is reserved:
//     f:u8 [exceptions] [shift:u8 m0:zigzag] [first:zigzag] residual blocks
//     f = delta 1 | exceptions 4 | shift 8; every other bit is reserved
//     exceptions := count:varint (gap:varint kind:u8 [bits:u64])*
//     gap counts the regular values since the exception before.
//
// With `shift`, what is stored of x is (x - m0) >> shift. With delta, `first`
// is the first of these and the blocks hold the n - 1 differences; else the
// blocks hold all n.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/encoding/decimal.h"
#include "lib/encoding/residual_blocks.h"
#include "lib/encoding/sample_chunk.h"

namespace varve::encoding {
namespace {

constexpr int kConstant = 0;
constexpr int kDecimal = 1;
constexpr int kOrdered = 2;
constexpr int kRawScale = 15;

constexpr uint8_t kDelta = 1;
constexpr uint8_t kHasExceptions = 4;
constexpr uint8_t kHasShift = 8;

// Values outside the integers, one byte each; the last kind carries its bits.
constexpr std::array<uint64_t, 7> kSpecialBits = {
    0x7ff0000000000002,  // staleness marker
    0x7ff0000000000000,  // +Inf
    0xfff0000000000000,  // -Inf
    0x8000000000000000,  // -0
    0x7ff8000000000001,  // the NaN of Prometheus
    0x7ff8000000000000,  // the NaN of most hardware
    0xfff8000000000000,  // the NaN of x86 arithmetic
};
constexpr uint8_t kRawKind = kSpecialBits.size();

// How many values tell the scale, and how long the windows are that tell the
// predictor: BtrBlocks (SIGMOD 2023) found small samples spread out enough.
constexpr size_t kScaleProbes = 12;
constexpr size_t kPredictorWindows = 4;
constexpr size_t kPredictorWindow = 64;
// A shift costs up to two bytes more than it saves on shorter columns.
constexpr size_t kShiftSamplesMin = 16;
// One value in 50 may be stored raw before decimals stop paying.
constexpr size_t kMisfitShare = 50;
// Chunks for which a predictor holds: choosing it takes a third of the time.
constexpr uint8_t kHintedChunks = 8;

struct Exception {
  size_t index;
  uint8_t kind;
};

struct Column {
  int scheme = kDecimal;
  int scale = 0;
  std::vector<int64_t> ints;
  std::vector<Exception> exceptions;
};

uint8_t KindOf(double value) {
  const auto found = std::find(kSpecialBits.begin(), kSpecialBits.end(),
                               std::bit_cast<uint64_t>(value));
  return static_cast<uint8_t>(found - kSpecialBits.begin());
}

// Integers that sort as the floats do; its own inverse.
uint64_t OrderedBits(uint64_t bits) {
  return bits ^ (-(bits >> 63) & 0x7fffffffffffffff);
}

bool AllSame(std::span<const double> values) {
  const auto first = std::bit_cast<uint64_t>(values[0]);
  for (double value : values) {
    if (std::bit_cast<uint64_t>(value) != first) return false;
  }
  return true;
}

void AppendConstant(double value, std::string& out) {
  Decimal decimal;
  if (SmallestDecimal(value, decimal)) {
    out.push_back(static_cast<char>(kConstant | decimal.scale << 2));
    base::PutVarint(out, base::ZigzagEncode(decimal.mantissa));
  } else {
    out.push_back(static_cast<char>(kConstant | kRawScale << 2));
    base::PutFixedLe(out, std::bit_cast<uint64_t>(value));
  }
}

// The scale that fits a few values spread over the column, or -1.
int ProbeScale(std::span<const double> values) {
  int scale = 0;
  size_t misfits = 0;
  const size_t probes = std::min(values.size(), kScaleProbes);
  for (size_t i = 0; i < probes; ++i) {
    const double value = values[values.size() * i / probes];
    Decimal decimal;
    if (SmallestDecimal(value, decimal)) {
      scale = std::max(scale, decimal.scale);
    } else if (KindOf(value) == kRawKind) {
      ++misfits;
    }
  }
  return misfits > 1 ? -1 : scale;
}

// Fills `ints`; says how many values do not fit the scale.
size_t ToMantissas(std::span<const double> values, int scale,
                   std::vector<int64_t>& ints) {
  const double power = kPowersOfTen[scale];
  const size_t n = values.size();
  ints.resize(n);
  uint64_t misfits = 0;
  for (size_t i = 0; i < n; ++i) {
    const int64_t mantissa = NearestMantissa(values[i], power);
    ints[i] = mantissa;
    misfits += Fits(values[i], mantissa, power) ? 0 : 1;
  }
  return misfits;
}

// The scale grows to what the misfits need, once. False: too many do not fit.
bool MakeDecimal(std::span<const double> values, const ValueHints& hints,
                 Column& column) {
  const bool hinted = hints.age > 0 && hints.scheme == kDecimal;
  column.scale = hinted ? std::min<int>(hints.scale, kScaleMax)
                        : ProbeScale(values);
  if (column.scale < 0) return false;
  size_t misfits = ToMantissas(values, column.scale, column.ints);
  if (misfits == 0) return true;

  int scale = column.scale;
  for (size_t i = 0; i < values.size(); ++i) {
    Decimal decimal;
    if (!Fits(values[i], column.ints[i], kPowersOfTen[column.scale]) &&
        SmallestDecimal(values[i], decimal)) {
      scale = std::max(scale, decimal.scale);
    }
  }
  if (scale != column.scale) {
    const size_t before = misfits;
    std::vector<int64_t> ints;
    misfits = ToMantissas(values, scale, ints);
    if (misfits < before) {
      column.scale = scale;
      column.ints = std::move(ints);
    }
  }
  size_t raw = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (Fits(values[i], column.ints[i], kPowersOfTen[column.scale])) continue;
    column.exceptions.push_back({i, KindOf(values[i])});
    raw += column.exceptions.back().kind == kRawKind ? 1 : 0;
  }
  return raw * kMisfitShare <= values.size();
}

void MakeOrdered(std::span<const double> values, Column& column) {
  column.scheme = kOrdered;
  column.scale = 0;
  column.exceptions.clear();
  column.ints.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    column.ints[i] =
        static_cast<int64_t>(OrderedBits(std::bit_cast<uint64_t>(values[i])));
    if (const uint8_t kind = KindOf(values[i]); kind != kRawKind) {
      column.exceptions.push_back({i, kind});
    }
  }
}

// Exceptions repeat their neighbour, which costs the blocks nothing.
void FillExceptions(Column& column) {
  size_t next = 0;
  while (next < column.exceptions.size() &&
         column.exceptions[next].index == next) {
    ++next;
  }
  const bool any_regular = next < column.ints.size();
  int64_t last = any_regular ? column.ints[next] : 0;
  auto exception = column.exceptions.begin();
  for (size_t i = 0; exception != column.exceptions.end(); ++i) {
    if (exception->index == i) {
      column.ints[i] = last;
      ++exception;
    } else {
      last = column.ints[i];
    }
  }
}

void AppendExceptions(std::span<const double> values, const Column& column,
                      std::string& out) {
  base::PutVarint(out, column.exceptions.size());
  size_t next = 0;
  for (const Exception& exception : column.exceptions) {
    base::PutVarint(out, exception.index - next);
    out.push_back(static_cast<char>(exception.kind));
    if (exception.kind == kRawKind) {
      base::PutFixedLe(out, std::bit_cast<uint64_t>(values[exception.index]));
    }
    next = exception.index + 1;
  }
}

// Zero bits below every difference to the first value.
int CommonShift(std::span<const int64_t> ints) {
  if (ints.size() < kShiftSamplesMin) return 0;
  const auto first = static_cast<uint64_t>(ints[0]);
  uint64_t any = 0;
  for (int64_t value : ints) any |= static_cast<uint64_t>(value) - first;
  return any == 0 ? 0 : std::countr_zero(any);
}

void ShiftInts(int shift, std::span<int64_t> ints) {
  const auto first = static_cast<uint64_t>(ints[0]);
  for (int64_t& value : ints) {
    value = static_cast<int64_t>(static_cast<uint64_t>(value) - first) >> shift;
  }
}

int64_t Difference(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) -
                              static_cast<uint64_t>(b));
}

bool DeltaIsCheaper(std::span<const int64_t> ints) {
  const size_t length = std::min(ints.size() - 1, kPredictorWindow);
  const size_t room = ints.size() - 1 - length;
  const size_t windows =
      std::min(kPredictorWindows, 1 + room / (2 * kPredictorWindow));
  uint64_t plain_bits = 0;
  uint64_t delta_bits = 0;
  std::array<int64_t, kPredictorWindow> deltas;
  for (size_t w = 0; w < windows; ++w) {
    const size_t begin = windows == 1 ? 0 : room * w / (windows - 1);
    for (size_t i = 0; i < length; ++i) {
      deltas[i] = Difference(ints[begin + i + 1], ints[begin + i]);
    }
    plain_bits += EstimateResidualBits(ints.subspan(begin, length));
    delta_bits += EstimateResidualBits({deltas.data(), length});
  }
  return delta_bits < plain_bits;
}

absl::Status Broken(std::string_view what) {
  return base::DataLoss("value chunk: ", what);
}

absl::Status DecodeConstant(int scale, base::ByteReader reader,
                            std::span<double> values) {
  double value = 0;
  if (scale <= kScaleMax) {
    value = FromDecimal(reader.Zigzag(), kPowersOfTen[scale]);
  } else {
    value = std::bit_cast<double>(reader.FixedLe<uint64_t>());
  }
  if (scale > kRawScale || !reader.AtEnd()) return Broken("bad constant");
  std::fill(values.begin(), values.end(), value);
  return absl::OkStatus();
}

// Walks the exceptions; with `values` not null, writes them. False: missing or
// impossible bytes.
bool WalkExceptions(base::ByteReader& reader, size_t n, double* values) {
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
    if (values != nullptr) values[index] = std::bit_cast<double>(bits);
    // One past the last value would make n - index above wrap around.
    if (index + 1 == n && i + 1 < count) return false;
  }
  return reader.ok();
}

// What turns stored integers back into floats.
struct Transform {
  int scheme = kDecimal;
  double power_of_ten = 1;
  int shift = 0;
  uint64_t m0 = 0;
};

void ToFloats(const Transform& how, std::span<int64_t> ints, double* out) {
  const size_t n = ints.size();
  if (how.shift != 0) {
    for (size_t i = 0; i < n; ++i) {
      ints[i] = static_cast<int64_t>(
          how.m0 + (static_cast<uint64_t>(ints[i]) << how.shift));
    }
  }
  if (how.scheme == kOrdered) {
    for (size_t i = 0; i < n; ++i) {
      out[i] =
          std::bit_cast<double>(OrderedBits(static_cast<uint64_t>(ints[i])));
    }
  } else if (how.power_of_ten == 1) {
    // Dividing by 1 changes nothing and is most of the cost.
    for (size_t i = 0; i < n; ++i) out[i] = FromDecimal(ints[i], 1);
  } else {
    const double power = how.power_of_ten;
    for (size_t i = 0; i < n; ++i) out[i] = FromDecimal(ints[i], power);
  }
}

absl::Status DecodeBlocks(const Transform& how, bool delta,
                          base::ByteReader reader, std::span<double> values) {
  std::array<int64_t, kResidualBlock> ints;
  uint64_t last = 0;
  size_t done = 0;
  if (delta) {
    last = static_cast<uint64_t>(reader.Zigzag());
    ints[0] = static_cast<int64_t>(last);
    ToFloats(how, {ints.data(), 1}, values.data());
    done = 1;
  }
  if (!reader.ok()) return Broken("cut in its head");
  ResidualReader blocks(reader.rest());
  while (done < values.size()) {
    const size_t n = std::min(kResidualBlock, values.size() - done);
    const std::span<int64_t> block(ints.data(), n);
    if (!blocks.NextBlock(block)) return Broken("bad residual block");
    if (delta) {
      for (int64_t& value : block) {
        last += static_cast<uint64_t>(value);
        value = static_cast<int64_t>(last);
      }
    }
    ToFloats(how, block, values.data() + done);
    done += n;
  }
  if (!blocks.rest().empty()) return Broken("surplus bytes");
  return absl::OkStatus();
}

}  // namespace

void EncodeValues(std::span<const double> values, ValueHints& hints,
                  std::string& out) {
  if (values.empty()) return;
  if (AllSame(values)) {
    AppendConstant(values[0], out);
    return;
  }
  Column column;
  if (hints.age >= kHintedChunks) hints = {};
  if (!MakeDecimal(values, hints, column)) MakeOrdered(values, column);
  FillExceptions(column);
  const int shift = CommonShift(column.ints);
  const int64_t m0 = column.ints[0];
  if (shift > 0) ShiftInts(shift, column.ints);
  const bool known = hints.age > 0 && hints.scheme == column.scheme;
  const bool delta =
      known ? hints.predictor != 0 : DeltaIsCheaper(column.ints);
  hints = {.age = static_cast<uint8_t>(known ? hints.age + 1 : 1),
           .scheme = static_cast<uint8_t>(column.scheme),
           .scale = static_cast<uint8_t>(column.scale),
           .predictor = delta};

  out.push_back(static_cast<char>(column.scheme | column.scale << 2));
  out.push_back(static_cast<char>(
      (delta ? kDelta : 0) | (column.exceptions.empty() ? 0 : kHasExceptions) |
      (shift > 0 ? kHasShift : 0)));
  if (!column.exceptions.empty()) AppendExceptions(values, column, out);
  if (shift > 0) {
    out.push_back(static_cast<char>(shift));
    base::PutVarint(out, base::ZigzagEncode(m0));
  }
  if (!delta) {
    AppendResiduals(column.ints, out);
    return;
  }
  base::PutVarint(out, base::ZigzagEncode(column.ints[0]));
  for (size_t i = column.ints.size() - 1; i > 0; --i) {
    column.ints[i] = Difference(column.ints[i], column.ints[i - 1]);
  }
  AppendResiduals(std::span<const int64_t>(column.ints).subspan(1), out);
}

absl::Status DecodeValues(std::string_view src, std::span<double> values) {
  if (values.empty()) {
    return src.empty() ? absl::OkStatus() : Broken("bytes of no values");
  }
  base::ByteReader reader(src);
  const auto h = reader.FixedLe<uint8_t>();
  if (!reader.ok()) return Broken("no bytes");
  const int scheme = h & 3;
  const int scale = h >> 2;
  if (scheme == kConstant) return DecodeConstant(scale, reader, values);
  if (scheme > kOrdered || scale > kScaleMax) return Broken("unknown scheme");

  const auto f = reader.FixedLe<uint8_t>();
  if (!reader.ok() || (f & ~(kDelta | kHasExceptions | kHasShift)) != 0) {
    return Broken("unknown flags");
  }
  base::ByteReader exceptions = reader;
  if ((f & kHasExceptions) != 0 &&
      !WalkExceptions(reader, values.size(), nullptr)) {
    return Broken("bad exceptions");
  }
  Transform how;
  how.scheme = scheme;
  how.power_of_ten = kPowersOfTen[scale];
  if ((f & kHasShift) != 0) {
    how.shift = reader.FixedLe<uint8_t>();
    how.m0 = static_cast<uint64_t>(reader.Zigzag());
    if (!reader.ok() || how.shift == 0 || how.shift > 63) {
      return Broken("bad shift");
    }
  }
  RETURN_IF_ERROR(DecodeBlocks(how, (f & kDelta) != 0, reader, values));
  if ((f & kHasExceptions) != 0) {
    WalkExceptions(exceptions, values.size(), values.data());
  }
  return absl::OkStatus();
}

}  // namespace varve::encoding

// Value columns: floats to bytes. Bytes: value_chunk.h.
//
// The search for the best scheme, scale and predictor costs several times what
// writing does, so that a series' hints keep its result for a few chunks.
#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <vector>

#include "lib/base/byte_coding.h"
#include "lib/encoding/decimal.h"
#include "lib/encoding/residual_blocks.h"
#include "lib/encoding/sample_chunk.h"
#include "lib/encoding/value_chunk.h"

namespace varve::encoding {
namespace {

// How many values tell the scale of a decimal and of a near decimal.
constexpr size_t kScaleProbes = 12;
constexpr size_t kUlpProbes = 16;
// Windows that tell the predictor of a long column: BtrBlocks (SIGMOD 2023)
// found small samples spread out enough. Columns of no more than four windows,
// nearly all, are tried wholly.
constexpr size_t kWindows = 4;
constexpr size_t kWindow = 64;
// A shift costs up to two bytes more than it saves on shorter columns.
constexpr size_t kShiftSamplesMin = 16;
// One value in 50 may be stored raw before decimals stop paying.
constexpr size_t kMisfitShare = 50;
// Chunks for which hints hold.
constexpr uint8_t kHintedChunks = 8;

struct Exception {
  size_t index;
  uint8_t kind;
};

uint8_t KindOf(double value) {
  const auto found = std::find(kSpecialBits.begin(), kSpecialBits.end(),
                               std::bit_cast<uint64_t>(value));
  return static_cast<uint8_t>(found - kSpecialBits.begin());
}

size_t VarintBytes(int64_t value) {
  return (std::bit_width(base::ZigzagEncode(value) | 1) + 6) / 7;
}

int64_t Difference(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) -
                              static_cast<uint64_t>(b));
}

// Columns of integers, on the stack for chunks of usual length.
class Workspace {
 public:
  static constexpr size_t kColumns = 3;
  explicit Workspace(size_t n) : n_(n) {
    if (n > kInline) heap_ = std::make_unique<int64_t[]>(n * kColumns);
  }
  std::span<int64_t> column(size_t i) {
    return {(heap_ ? heap_.get() : inline_.data()) + i * n_, n_};
  }

 private:
  static constexpr size_t kInline = 512;
  size_t n_;
  std::unique_ptr<int64_t[]> heap_;
  std::array<int64_t, kInline * kColumns> inline_;
};

// REQUIRES: two values or more, of different bits.
class ColumnEncoder {
 public:
  ColumnEncoder(std::span<const double> values, const ColumnKernels& kernels,
                Workspace& workspace)
      : values_(values),
        kernels_(kernels),
        ints_(workspace.column(0)),
        ulps_(workspace.column(1)),
        residuals_(workspace.column(2)) {}

  // False: the hints do not fit these values.
  bool TryHints(const ValueHints& hints);
  // Finds the best way there is.
  void Search();
  void Append(std::string& out);
  ValueHints Hints(uint8_t age) const {
    return {.age = age,
            .scheme = static_cast<uint8_t>(scheme_),
            .scale = static_cast<uint8_t>(scale_),
            .predictor = static_cast<uint8_t>(predictor_)};
  }

 private:
  // Each fills the column; false: too many values do not fit it.
  bool MakeDecimal(int scale);
  bool MakeNearDecimal(int scale);
  void MakeOrdered();

  int ProbeDecimal() const;
  int ProbeNearDecimal() const;
  int LargestScaleOfMisfits() const;
  bool FitsAt(size_t i) const;
  bool CollectMisfits();
  void FillExceptions(std::span<int64_t> column) const;
  void Finish();
  // Chooses the predictor; says how many bytes its residuals take.
  size_t ChoosePredictor();
  size_t PredictorBytes(int predictor);
  std::span<const int64_t> Residuals(std::span<const int64_t> ints,
                                     int predictor);
  void AppendExceptions(std::string& out) const;

  const std::span<const double> values_;
  const ColumnKernels& kernels_;
  const std::span<int64_t> ints_;
  const std::span<int64_t> ulps_;
  const std::span<int64_t> residuals_;
  int scheme_ = kDecimal;
  int scale_ = 0;
  int predictor_ = kPredictNothing;
  int shift_ = 0;
  int64_t m0_ = 0;
  std::vector<Exception> exceptions_;
};

bool ColumnEncoder::TryHints(const ValueHints& hints) {
  if (hints.scale > kScaleMax || hints.predictor > kPredictDelta2) return false;
  if (hints.predictor == kPredictDelta2 && values_.size() < 3) return false;
  switch (hints.scheme) {
    case kDecimal:
      if (!MakeDecimal(hints.scale)) return false;
      break;
    case kNearDecimal:
      if (!MakeNearDecimal(hints.scale)) return false;
      break;
    case kOrdered:
      MakeOrdered();
      break;
    default:
      return false;
  }
  predictor_ = hints.predictor;
  return true;
}

void ColumnEncoder::Search() {
  const int scale = ProbeDecimal();
  if (scale >= 0 && MakeDecimal(scale)) {
    ChoosePredictor();
    return;
  }
  const int near_scale = ProbeNearDecimal();
  size_t near_bytes = 0;
  if (near_scale >= 0 && MakeNearDecimal(near_scale)) {
    near_bytes = ResidualBytes(ulps_, kernels_) + ChoosePredictor();
  }
  const int near_predictor = predictor_;
  MakeOrdered();
  const size_t ordered_bytes = ChoosePredictor();
  // Near enough to some decimal is every float, at a large enough scale.
  if (near_bytes > 0 && near_bytes < ordered_bytes) {
    MakeNearDecimal(near_scale);
    predictor_ = near_predictor;
  }
}

// The scale that fits a few values spread over the column, or -1.
int ColumnEncoder::ProbeDecimal() const {
  int scale = 0;
  size_t misfits = 0;
  const size_t probes = std::min(values_.size(), kScaleProbes);
  for (size_t i = 0; i < probes; ++i) {
    const double value = values_[values_.size() * i / probes];
    Decimal decimal;
    if (SmallestDecimal(value, decimal)) {
      scale = std::max(scale, decimal.scale);
    } else if (KindOf(value) == kRawKind) {
      ++misfits;
    }
  }
  return misfits > 1 ? -1 : scale;
}

// The smallest scale from which a few values are a few units away, or -1.
int ColumnEncoder::ProbeNearDecimal() const {
  std::array<double, kUlpProbes> probes;
  std::array<int64_t, kUlpProbes> mantissas;
  std::array<int64_t, kUlpProbes> ulps;
  size_t count = 0;
  const size_t steps = std::min(values_.size(), kUlpProbes);
  for (size_t i = 0; i < steps; ++i) {
    const double value = values_[values_.size() * i / steps];
    if (KindOf(value) == kRawKind) probes[count++] = value;
  }
  for (int scale = 0; scale <= kScaleMax; ++scale) {
    if (kernels_.to_ulps(probes.data(), count, scale, mantissas.data(),
                         ulps.data()) <= count / kUlpProbes) {
      return scale;
    }
  }
  return -1;
}

bool ColumnEncoder::FitsAt(size_t i) const {
  if (scheme_ == kDecimal) {
    return Fits(values_[i], ints_[i], kPowersOfTen[scale_]);
  }
  const auto in_range = [](int64_t value, int64_t max) {
    return static_cast<uint64_t>(value) + static_cast<uint64_t>(max) <=
           2 * static_cast<uint64_t>(max);
  };
  return in_range(ints_[i], kMantissaMax) && in_range(ulps_[i], kUlpsMax);
}

int ColumnEncoder::LargestScaleOfMisfits() const {
  int scale = scale_;
  for (size_t i = 0; i < values_.size(); ++i) {
    Decimal decimal;
    if (!FitsAt(i) && SmallestDecimal(values_[i], decimal)) {
      scale = std::max(scale, decimal.scale);
    }
  }
  return scale;
}

// False: too many of them have no byte of their own.
bool ColumnEncoder::CollectMisfits() {
  size_t raw = 0;
  for (size_t i = 0; i < values_.size(); ++i) {
    if (FitsAt(i)) continue;
    exceptions_.push_back({i, KindOf(values_[i])});
    raw += exceptions_.back().kind == kRawKind ? 1 : 0;
  }
  return raw * kMisfitShare <= values_.size();
}

// The scale grows once, to what the misfits need.
bool ColumnEncoder::MakeDecimal(int scale) {
  scheme_ = kDecimal;
  scale_ = scale;
  exceptions_.clear();
  const auto convert = [this] {
    return kernels_.to_mantissas(values_.data(), values_.size(), scale_,
                                 ints_.data());
  };
  size_t misfits = convert();
  if (misfits > 0) {
    const int larger = LargestScaleOfMisfits();
    if (larger > scale) {
      const size_t before = misfits;
      scale_ = larger;
      misfits = convert();
      if (misfits >= before) {
        scale_ = scale;
        misfits = convert();
      }
    }
    if (misfits > 0 && !CollectMisfits()) return false;
  }
  Finish();
  return true;
}

bool ColumnEncoder::MakeNearDecimal(int scale) {
  scheme_ = kNearDecimal;
  scale_ = scale;
  exceptions_.clear();
  const size_t misfits =
      kernels_.to_ulps(values_.data(), values_.size(), scale_, ints_.data(),
                       ulps_.data());
  if (misfits > 0 && !CollectMisfits()) return false;
  if (misfits > 0) FillExceptions(ulps_);
  Finish();
  return true;
}

void ColumnEncoder::MakeOrdered() {
  scheme_ = kOrdered;
  scale_ = 0;
  exceptions_.clear();
  const size_t specials =
      kernels_.to_ordered(values_.data(), values_.size(), ints_.data());
  for (size_t i = 0; specials > 0 && i < values_.size(); ++i) {
    const uint8_t kind = KindOf(values_[i]);
    if (kind != kRawKind) exceptions_.push_back({i, kind});
  }
  Finish();
}

// Exceptions repeat their neighbour, which costs the blocks nothing.
void ColumnEncoder::FillExceptions(std::span<int64_t> column) const {
  size_t next = 0;
  while (next < exceptions_.size() && exceptions_[next].index == next) ++next;
  const bool any_regular = next < column.size();
  int64_t last = any_regular ? column[next] : 0;
  auto exception = exceptions_.begin();
  for (size_t i = 0; exception != exceptions_.end(); ++i) {
    if (exception->index == i) {
      column[i] = last;
      ++exception;
    } else {
      last = column[i];
    }
  }
}

// What all schemes do to their integers before they are predicted.
void ColumnEncoder::Finish() {
  if (!exceptions_.empty()) FillExceptions(ints_);
  shift_ = 0;
  if (ints_.size() < kShiftSamplesMin) return;
  const uint64_t any = kernels_.difference_bits(ints_.data(), ints_.size());
  if (any == 0 || any % 2 == 1) return;
  shift_ = std::countr_zero(any);
  m0_ = ints_[0];
  kernels_.shift_down(ints_.data(), ints_.size(), shift_);
}

// Gives `ints` itself or a part of residuals_.
std::span<const int64_t> ColumnEncoder::Residuals(std::span<const int64_t> ints,
                                                  int predictor) {
  if (predictor == kPredictNothing) return ints;
  const size_t n = ints.size();
  kernels_.differences(ints.data(), n, residuals_.data());
  if (predictor == kPredictDelta) return residuals_.first(n - 1);
  kernels_.differences(residuals_.data(), n - 1, residuals_.data());
  return residuals_.first(n - 2);
}

size_t ColumnEncoder::PredictorBytes(int predictor) {
  size_t bytes = 0;
  if (predictor >= kPredictDelta) bytes += VarintBytes(ints_[0]);
  if (predictor >= kPredictDelta2) bytes += VarintBytes(Difference(ints_[1], ints_[0]));
  const size_t n = ints_.size();
  if (n <= kWindows * kWindow) {
    return bytes + ResidualBytes(Residuals(ints_, predictor), kernels_);
  }
  size_t sampled = 0;
  for (size_t w = 0; w < kWindows; ++w) {
    const size_t begin = (n - kWindow) * w / (kWindows - 1);
    sampled += ResidualBytes(
        Residuals(ints_.subspan(begin, kWindow), predictor), kernels_);
  }
  return bytes + sampled * n / (kWindows * kWindow);
}

size_t ColumnEncoder::ChoosePredictor() {
  size_t best = PredictorBytes(kPredictNothing);
  predictor_ = kPredictNothing;
  const int last = ints_.size() < 3 ? kPredictDelta : kPredictDelta2;
  for (int predictor = kPredictDelta; predictor <= last; ++predictor) {
    const size_t bytes = PredictorBytes(predictor);
    if (bytes >= best) continue;
    best = bytes;
    predictor_ = predictor;
  }
  return best;
}

void ColumnEncoder::AppendExceptions(std::string& out) const {
  base::PutVarint(out, exceptions_.size());
  size_t next = 0;
  for (const Exception& exception : exceptions_) {
    base::PutVarint(out, exception.index - next);
    out.push_back(static_cast<char>(exception.kind));
    if (exception.kind == kRawKind) {
      base::PutFixedLe(out, std::bit_cast<uint64_t>(values_[exception.index]));
    }
    next = exception.index + 1;
  }
}

void ColumnEncoder::Append(std::string& out) {
  out.push_back(static_cast<char>(scheme_ | scale_ << kScaleShift));
  out.push_back(static_cast<char>(predictor_ |
                                  (exceptions_.empty() ? 0 : kHasExceptions) |
                                  (shift_ > 0 ? kHasShift : 0)));
  if (!exceptions_.empty()) AppendExceptions(out);
  if (shift_ > 0) {
    out.push_back(static_cast<char>(shift_));
    base::PutVarint(out, base::ZigzagEncode(m0_));
  }
  if (scheme_ == kNearDecimal) AppendResiduals(ulps_, out, kernels_);
  const std::span<const int64_t> residuals = Residuals(ints_, predictor_);
  if (predictor_ >= kPredictDelta) {
    base::PutVarint(out, base::ZigzagEncode(ints_[0]));
  }
  if (predictor_ == kPredictDelta2) {
    base::PutVarint(out, base::ZigzagEncode(Difference(ints_[1], ints_[0])));
  }
  AppendResiduals(residuals, out, kernels_);
}

void AppendConstant(double value, std::string& out) {
  Decimal decimal;
  if (SmallestDecimal(value, decimal)) {
    out.push_back(static_cast<char>(kConstant | decimal.scale << kScaleShift));
    base::PutVarint(out, base::ZigzagEncode(decimal.mantissa));
  } else {
    out.push_back(static_cast<char>(kConstant | kRawScale << kScaleShift));
    base::PutFixedLe(out, std::bit_cast<uint64_t>(value));
  }
}

}  // namespace

void EncodeValues(std::span<const double> values, ValueHints& hints,
                  std::string& out, const ColumnKernels& kernels) {
  if (values.empty()) return;
  if (kernels.same_bits(values.data(), values.size())) {
    AppendConstant(values[0], out);
    return;
  }
  Workspace workspace(values.size());
  ColumnEncoder encoder(values, kernels, workspace);
  if (hints.age > 0 && hints.age < kHintedChunks && encoder.TryHints(hints)) {
    hints = encoder.Hints(static_cast<uint8_t>(hints.age + 1));
  } else {
    encoder.Search();
    hints = encoder.Hints(1);
  }
  encoder.Append(out);
}

ValueHints HintsOf(std::string_view chunk) {
  if (chunk.size() < 2) return {};
  const auto h = static_cast<uint8_t>(chunk[0]);
  const auto f = static_cast<uint8_t>(chunk[1]);
  if ((h & kSchemeMask) == kConstant) return {};
  return {.age = 1,
          .scheme = static_cast<uint8_t>(h & kSchemeMask),
          .scale = static_cast<uint8_t>(h >> kScaleShift),
          .predictor = static_cast<uint8_t>(f & kPredictorMask)};
}

}  // namespace varve::encoding

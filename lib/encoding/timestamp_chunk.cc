// The timestamp column of a chunk:
//
//   column := form:u8 first:zigzag span:varint body      span = last - first
//   form 0 regular: no body; every step is span / (n - 1), exactly
//   form 1 grid:    step:varint, residual blocks of t[i] - (first + i * step)
//   form 2 delta:   residual blocks of t[i] - t[i - 1]
//   both for i = 1..n-1
//
// Scrape tickers do not drift, so that distances to a grid are smaller than
// distances to the sample before: 0.48 against 0.72 bytes a timestamp on
// jittered scrapes. Gaps break the grid; then deltas are cheaper.
#include <algorithm>
#include <array>
#include <vector>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/encoding/chunk_part.h"
#include "lib/encoding/residual_blocks.h"
#include "lib/encoding/sample_chunk.h"

namespace varve::encoding {
namespace {

constexpr uint8_t kRegular = 0;
constexpr uint8_t kGrid = 1;
constexpr uint8_t kDelta = 2;

// So many steps tell the usual one.
constexpr size_t kStepProbes = 33;

absl::Status Broken(std::string_view what) {
  return base::DataLoss("timestamp column: ", what);
}

uint64_t Bits(int64_t timestamp_ms) {
  return static_cast<uint64_t>(timestamp_ms);
}

bool IsRegular(std::span<const int64_t> t, uint64_t& step) {
  step = t.size() > 1 ? Bits(t[1]) - Bits(t[0]) : 0;
  for (size_t i = 1; i < t.size(); ++i) {
    if (Bits(t[i]) - Bits(t[i - 1]) != step) return false;
  }
  return true;
}

// The median of a few steps spread over the column, sharpened to the mean of
// those near it: with jitter the median itself is off by a few milliseconds.
uint64_t UsualStep(std::span<const int64_t> t) {
  const size_t steps = t.size() - 1;
  const size_t probes = std::min(steps, kStepProbes);
  std::array<uint64_t, kStepProbes> some{};
  for (size_t i = 0; i < probes; ++i) {
    const size_t at = steps * i / probes;
    some[i] = Bits(t[at + 1]) - Bits(t[at]);
  }
  const auto middle = some.begin() + probes / 2;
  std::nth_element(some.begin(), middle, some.begin() + probes);
  const uint64_t median = *middle;
  const uint64_t mean = (Bits(t.back()) - Bits(t.front()) + steps / 2) / steps;
  // Without gaps the mean is exact to span / n.
  const uint64_t apart = median > mean ? median - mean : mean - median;
  return apart <= median / 16 ? mean : median;
}

void AppendBody(std::span<const int64_t> t, const ColumnKernels& kernels,
                std::string& out, uint8_t& form) {
  const size_t n = t.size() - 1;
  const uint64_t step = UsualStep(t);
  std::vector<int64_t> grid(n);
  std::vector<int64_t> delta(n);
  uint64_t expected = Bits(t[0]);
  for (size_t i = 0; i < n; ++i) {
    expected += step;
    grid[i] = static_cast<int64_t>(Bits(t[i + 1]) - expected);
    delta[i] = static_cast<int64_t>(Bits(t[i + 1]) - Bits(t[i]));
  }
  if (ResidualBytes(grid, kernels) <= ResidualBytes(delta, kernels)) {
    form = kGrid;
    base::PutVarint(out, step);
    AppendResiduals(grid, out, kernels);
  } else {
    form = kDelta;
    AppendResiduals(delta, out, kernels);
  }
}

absl::Status DecodeBody(uint8_t form, base::ByteReader reader,
                        const ColumnKernels& kernels, std::span<int64_t> t) {
  uint64_t step = 0;
  if (form == kGrid) {
    step = reader.Varint();
    if (!reader.ok()) return Broken("cut in its head");
  }
  ResidualReader blocks(reader.rest(), kernels);
  uint64_t last = Bits(t[0]);
  for (size_t i = 1; i < t.size(); i += kResidualBlock) {
    const std::span<int64_t> block =
        t.subspan(i, std::min(kResidualBlock, t.size() - i));
    if (form == kDelta) {
      if (!blocks.NextSums(block, last)) return Broken("bad residual block");
      continue;
    }
    if (!blocks.NextBlock(block)) return Broken("bad residual block");
    for (int64_t& value : block) {
      last += step;
      value = static_cast<int64_t>(last + Bits(value));
    }
  }
  if (!blocks.rest().empty()) return Broken("surplus bytes");
  return absl::OkStatus();
}

absl::Status ReadHead(base::ByteReader& reader, uint8_t& form,
                      int64_t& first_ms, int64_t& last_ms) {
  form = reader.FixedLe<uint8_t>();
  first_ms = reader.Zigzag();
  const uint64_t span = reader.Varint();
  last_ms = static_cast<int64_t>(Bits(first_ms) + span);
  if (!reader.ok() || form > kDelta) return Broken("bad head");
  if (last_ms < first_ms || Bits(last_ms) - Bits(first_ms) != span) {
    return Broken("impossible span");
  }
  return absl::OkStatus();
}

// False: the regular form cannot have so many samples.
bool RegularStep(const base::ByteReader& reader, uint64_t span, size_t samples,
                 uint64_t& step) {
  step = samples > 1 ? span / (samples - 1) : 0;
  return step * (samples - 1) == span && reader.AtEnd();
}

void FillRegular(uint64_t first, uint64_t step, std::span<int64_t> t) {
  uint64_t next = first;  // added up: multiplying keeps this from vector code
  for (int64_t& one : t) {
    one = static_cast<int64_t>(next);
    next += step;
  }
}

// How many samples of a regular run lie before `ms`.
size_t RegularBefore(int64_t first_ms, int64_t last_ms, uint64_t step,
                     size_t samples, int64_t ms) {
  if (ms <= first_ms) return 0;
  if (ms > last_ms) return samples;
  const uint64_t distance = Bits(ms) - Bits(first_ms);
  return static_cast<size_t>(distance / step + (distance % step != 0 ? 1 : 0));
}

}  // namespace

void EncodeTimestamps(std::span<const int64_t> timestamps_ms, std::string& out,
                      const ColumnKernels& kernels) {
  if (timestamps_ms.empty()) return;
  const size_t begin = out.size();
  out.push_back(kRegular);
  base::PutVarint(out, base::ZigzagEncode(timestamps_ms.front()));
  base::PutVarint(out,
                  Bits(timestamps_ms.back()) - Bits(timestamps_ms.front()));
  uint64_t step = 0;
  if (IsRegular(timestamps_ms, step)) return;
  uint8_t form = kRegular;
  AppendBody(timestamps_ms, kernels, out, form);
  out[begin] = static_cast<char>(form);
}

absl::Status DecodeTimestampBounds(std::string_view src, int64_t& first_ms,
                                   int64_t& last_ms) {
  base::ByteReader reader(src);
  uint8_t form = 0;
  return ReadHead(reader, form, first_ms, last_ms);
}

absl::Status DecodeTimestamps(std::string_view src,
                              std::span<int64_t> timestamps_ms,
                              const ColumnKernels& kernels) {
  const size_t n = timestamps_ms.size();
  if (n == 0) return src.empty() ? absl::OkStatus() : Broken("nothing in it");
  base::ByteReader reader(src);
  uint8_t form = 0;
  int64_t first_ms = 0;
  int64_t last_ms = 0;
  RETURN_IF_ERROR(ReadHead(reader, form, first_ms, last_ms));
  const uint64_t span = Bits(last_ms) - Bits(first_ms);
  timestamps_ms[0] = first_ms;
  if (form == kRegular) {
    uint64_t step = 0;
    if (!RegularStep(reader, span, n, step)) return Broken("bad regular form");
    FillRegular(Bits(first_ms), step, timestamps_ms);
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(DecodeBody(form, reader, kernels, timestamps_ms));
  bool falls = timestamps_ms[n - 1] != last_ms;
  for (size_t i = 1; i < n; ++i) {
    falls |= timestamps_ms[i] < timestamps_ms[i - 1];
  }
  if (falls) return Broken("timestamps fall or miss their end");
  return absl::OkStatus();
}

absl::Status AppendTimestampsInside(std::string_view src, size_t samples,
                                    int64_t start_ms, int64_t end_ms,
                                    std::vector<int64_t>& timestamps_ms,
                                    size_t& begin) {
  begin = 0;
  if (samples == 0 || end_ms < start_ms) return absl::OkStatus();
  base::ByteReader reader(src);
  uint8_t form = 0;
  int64_t first_ms = 0;
  int64_t last_ms = 0;
  RETURN_IF_ERROR(ReadHead(reader, form, first_ms, last_ms));
  const size_t before = timestamps_ms.size();
  if (form == kRegular) {
    uint64_t step = 0;
    if (!RegularStep(reader, Bits(last_ms) - Bits(first_ms), samples, step)) {
      return Broken("bad regular form");
    }
    begin = RegularBefore(first_ms, last_ms, step, samples, start_ms);
    const size_t end =
        end_ms >= last_ms
            ? samples
            : RegularBefore(first_ms, last_ms, step, samples, end_ms + 1);
    timestamps_ms.resize(before + (end - begin));
    FillRegular(Bits(first_ms) + begin * step, step,
                std::span(timestamps_ms).subspan(before));
    return absl::OkStatus();
  }
  timestamps_ms.resize(before + samples);
  absl::Status status =
      DecodeTimestamps(src, std::span(timestamps_ms).subspan(before));
  if (!status.ok()) {
    timestamps_ms.resize(before);
    return status;
  }
  const auto from = timestamps_ms.begin() + static_cast<ptrdiff_t>(before);
  const auto low = std::lower_bound(from, timestamps_ms.end(), start_ms);
  timestamps_ms.erase(std::upper_bound(low, timestamps_ms.end(), end_ms),
                      timestamps_ms.end());
  begin = static_cast<size_t>(low - from);
  timestamps_ms.erase(from, low);
  return absl::OkStatus();
}

}  // namespace varve::encoding

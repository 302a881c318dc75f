#include "lib/encoding/histogram_chunk.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "lib/base/status.h"
#include "lib/encoding/residual_blocks.h"
#include "lib/encoding/sample_chunk.h"

namespace varve::encoding {
namespace {

using model::Histogram;
using model::HistogramLayout;

// Beside the buckets: count and zero count.
constexpr size_t kExtraRows = 2;

absl::Status Broken(std::string_view what) {
  return base::DataLoss("histogram chunk: ", what);
}

size_t RowsOf(const HistogramLayout& layout) {
  return kExtraRows + layout.buckets();
}

// What one histogram takes in memory, in units of a count.
size_t CostOf(const HistogramLayout& layout) {
  return RowsOf(layout) + layout.positive.size() + layout.negative.size() +
         layout.custom_bounds.size();
}

// Successive histograms of one layout.
struct Run {
  uint32_t layout = 0;
  uint32_t begin = 0;
  uint32_t length = 0;
};

void AppendZigzag(std::string& out, uint64_t value) {
  base::PutVarint(out, base::ZigzagEncode(static_cast<int64_t>(value)));
}

// The value of row `row` of integer counts, as it is kept.
uint64_t RowValue(const Histogram& histogram, size_t row) {
  if (row >= kExtraRows) return histogram.buckets[row - kExtraRows];
  if (row == 1) return histogram.zero_count;
  uint64_t sum = histogram.zero_count;
  for (const uint64_t bucket : histogram.buckets) sum += bucket;
  return histogram.count - sum;
}

void EncodeIntegerRun(std::span<const Histogram> run, std::string& out) {
  const size_t rows = RowsOf(run[0].layout);
  std::vector<int64_t> rest;
  rest.reserve(rows * (run.size() - 1));
  uint64_t bucket_before = 0;
  for (size_t row = 0; row < rows; ++row) {
    uint64_t last = RowValue(run[0], row);
    AppendZigzag(out, row < kExtraRows ? last : last - bucket_before);
    if (row >= kExtraRows) bucket_before = last;
    for (const Histogram& histogram : run.subspan(1)) {
      const uint64_t value = RowValue(histogram, row);
      rest.push_back(static_cast<int64_t>(value - last));
      last = value;
    }
  }
  AppendResiduals(rest, out);
}

void EncodeFloatRun(std::span<const Histogram> run, std::string& out) {
  const size_t rows = RowsOf(run[0].layout);
  std::vector<double> values(run.size());
  std::string column;
  for (size_t row = 0; row < rows; ++row) {
    for (size_t i = 0; i < run.size(); ++i) {
      const Histogram& histogram = run[i];
      values[i] = std::bit_cast<double>(
          row == 0   ? histogram.count
          : row == 1 ? histogram.zero_count
                     : histogram.buckets[row - kExtraRows]);
    }
    column.clear();
    EncodeValues(values, column);
    base::PutLengthPrefixed(out, column);
  }
}

absl::Status DecodeIntegerRun(std::string_view bytes,
                              std::span<Histogram> run) {
  const size_t rows = RowsOf(run[0].layout);
  base::ByteReader reader(bytes);
  if (rows > bytes.size()) return Broken("a run is cut");
  std::vector<uint64_t> last(rows);
  uint64_t bucket_before = 0;
  for (size_t row = 0; row < rows; ++row) {
    last[row] = static_cast<uint64_t>(reader.Zigzag());
    if (row >= kExtraRows) last[row] = bucket_before += last[row];
  }
  if (!reader.ok()) return Broken("a run is cut in its first row");
  const size_t rest = rows * (run.size() - 1);
  std::vector<int64_t> differences(rest);
  ResidualReader blocks(reader.rest());
  for (size_t at = 0; at < rest; at += kResidualBlock) {
    if (!blocks.NextBlock(std::span(differences)
                              .subspan(at, std::min(kResidualBlock,
                                                    rest - at)))) {
      return Broken("bad residual block");
    }
  }
  if (!blocks.rest().empty()) return Broken("surplus bytes of a run");
  for (size_t i = 0; i < run.size(); ++i) {
    Histogram& histogram = run[i];
    histogram.buckets.resize(rows - kExtraRows);
    uint64_t sum = 0;
    for (size_t row = 0; row < rows; ++row) {
      if (i > 0) {
        last[row] += static_cast<uint64_t>(
            differences[row * (run.size() - 1) + i - 1]);
      }
      if (row > 0) sum += last[row];
      if (row >= kExtraRows) histogram.buckets[row - kExtraRows] = last[row];
    }
    histogram.count = last[0] + sum;
    histogram.zero_count = last[1];
  }
  return absl::OkStatus();
}

absl::Status DecodeFloatRun(std::string_view bytes, std::span<Histogram> run) {
  const size_t rows = RowsOf(run[0].layout);
  base::ByteReader reader(bytes);
  if (rows > bytes.size()) return Broken("a run is cut");
  std::vector<double> values(run.size());
  for (Histogram& histogram : run) {
    histogram.buckets.resize(rows - kExtraRows);
  }
  for (size_t row = 0; row < rows; ++row) {
    const std::string_view column = reader.LengthPrefixed();
    if (!reader.ok()) return Broken("a run is cut in a column");
    RETURN_IF_ERROR(DecodeValues(column, values));
    for (size_t i = 0; i < run.size(); ++i) {
      const auto bits = std::bit_cast<uint64_t>(values[i]);
      if (row == 0) {
        run[i].count = bits;
      } else if (row == 1) {
        run[i].zero_count = bits;
      } else {
        run[i].buckets[row - kExtraRows] = bits;
      }
    }
  }
  return reader.AtEnd() ? absl::OkStatus() : Broken("surplus bytes of a run");
}

// The distinct layouts and the runs that use them.
void FindRuns(std::span<const Histogram> histograms,
              std::vector<const HistogramLayout*>& layouts,
              std::vector<Run>& runs) {
  for (size_t i = 0; i < histograms.size(); ++i) {
    const HistogramLayout& layout = histograms[i].layout;
    if (!runs.empty() && *layouts[runs.back().layout] == layout) {
      ++runs.back().length;
      continue;
    }
    const auto known =
        std::find_if(layouts.begin(), layouts.end(),
                     [&layout](const auto* one) { return *one == layout; });
    const auto index = static_cast<uint32_t>(known - layouts.begin());
    if (known == layouts.end()) layouts.push_back(&layout);
    runs.push_back({index, static_cast<uint32_t>(i), 1});
  }
}

void AppendResets(std::span<const Histogram> histograms, std::string& out) {
  for (size_t i = 0; i < histograms.size();) {
    size_t end = i + 1;
    while (end < histograms.size() &&
           histograms[end].reset == histograms[i].reset) {
      ++end;
    }
    base::PutVarint(out, uint64_t{end - i} << 2 |
                             static_cast<uint64_t>(histograms[i].reset));
    i = end;
  }
}

absl::Status ReadRuns(base::ByteReader& reader,
                      const std::vector<HistogramLayout>& layouts,
                      std::span<Histogram> histograms,
                      std::vector<Run>& runs) {
  const size_t n = histograms.size();
  size_t counts = 0;
  for (size_t i = 0; i < n;) {
    const uint64_t layout = reader.Varint();
    const uint64_t length = reader.Varint();
    if (!reader.ok() || layout >= layouts.size() || length == 0 ||
        length > n - i) {
      return Broken("bad runs");
    }
    counts += CostOf(layouts[layout]) * length;
    // What is one histogram may be as large as it likes.
    if (n > 1 && counts > kHistogramChunkCounts) {
      return Broken("too many counts");
    }
    runs.push_back({static_cast<uint32_t>(layout), static_cast<uint32_t>(i),
                    static_cast<uint32_t>(length)});
    i += length;
  }
  return absl::OkStatus();
}

absl::Status ReadResets(base::ByteReader& reader,
                        std::span<Histogram> histograms) {
  for (size_t i = 0; i < histograms.size();) {
    const uint64_t token = reader.Varint();
    const uint64_t length = token >> 2;
    if (!reader.ok() || length == 0 || length > histograms.size() - i) {
      return Broken("bad resets");
    }
    for (const size_t end = i + length; i < end; ++i) {
      histograms[i].reset = static_cast<model::CounterReset>(token & 3);
    }
  }
  return absl::OkStatus();
}

absl::Status ReadSums(base::ByteReader& reader,
                      std::span<Histogram> histograms) {
  std::vector<double> sums(histograms.size());
  const std::string_view column = reader.LengthPrefixed();
  if (!reader.ok()) return Broken("cut in its sums");
  RETURN_IF_ERROR(DecodeValues(column, sums));
  for (size_t i = 0; i < sums.size(); ++i) histograms[i].sum = sums[i];
  return absl::OkStatus();
}

}  // namespace

size_t HistogramRunLength(std::span<const Histogram> histograms,
                          size_t samples_max) {
  size_t counts = 0;
  size_t n = 0;
  for (; n < std::min(histograms.size(), samples_max); ++n) {
    counts += CostOf(histograms[n].layout);
    if (n > 0 && counts > kHistogramChunkCounts) break;
  }
  return n;
}

void EncodeHistograms(std::span<const Histogram> histograms,
                      std::string& out) {
  std::vector<const HistogramLayout*> layouts;
  std::vector<Run> runs;
  FindRuns(histograms, layouts, runs);
  std::string part;
  base::PutVarint(out, layouts.size());
  for (const HistogramLayout* layout : layouts) {
    part.clear();
    model::AppendLayoutBytes(part, *layout);
    base::PutLengthPrefixed(out, part);
  }
  for (const Run& run : runs) {
    base::PutVarint(out, run.layout);
    base::PutVarint(out, run.length);
  }
  AppendResets(histograms, out);
  std::vector<double> sums;
  sums.reserve(histograms.size());
  for (const Histogram& histogram : histograms) sums.push_back(histogram.sum);
  part.clear();
  EncodeValues(sums, part);
  base::PutLengthPrefixed(out, part);
  for (const Run& run : runs) {
    part.clear();
    const auto of_run = histograms.subspan(run.begin, run.length);
    if (layouts[run.layout]->float_counts) {
      EncodeFloatRun(of_run, part);
    } else {
      EncodeIntegerRun(of_run, part);
    }
    base::PutLengthPrefixed(out, part);
  }
}

absl::Status DecodeHistograms(std::string_view src,
                              std::span<Histogram> histograms) {
  base::ByteReader reader(src);
  const uint64_t count = reader.Varint();
  if (!reader.ok() || count > histograms.size() || count > src.size()) {
    return Broken("bad number of layouts");
  }
  std::vector<HistogramLayout> layouts(count);
  for (HistogramLayout& layout : layouts) {
    base::ByteReader bytes(reader.LengthPrefixed());
    RETURN_IF_ERROR(model::ReadLayout(bytes, layout));
    if (!bytes.AtEnd()) return Broken("surplus bytes of a layout");
  }
  std::vector<Run> runs;
  RETURN_IF_ERROR(ReadRuns(reader, layouts, histograms, runs));
  RETURN_IF_ERROR(ReadResets(reader, histograms));
  RETURN_IF_ERROR(ReadSums(reader, histograms));
  for (const Run& run : runs) {
    const HistogramLayout& layout = layouts[run.layout];
    const auto of_run = histograms.subspan(run.begin, run.length);
    const std::string_view bytes = reader.LengthPrefixed();
    if (!reader.ok()) return Broken("cut in a run");
    for (Histogram& histogram : of_run) histogram.layout = layout;
    RETURN_IF_ERROR(layout.float_counts ? DecodeFloatRun(bytes, of_run)
                                        : DecodeIntegerRun(bytes, of_run));
  }
  return reader.AtEnd() ? absl::OkStatus() : Broken("surplus bytes");
}

void AppendHistogramColumns(const model::HistogramColumns& columns,
                            std::string& out) {
  const std::span<const Histogram> all = columns.histograms;
  const std::span<const int64_t> times = columns.timestamps_ms;
  std::string part;
  for (size_t i = 0; i < all.size();) {
    const size_t n = HistogramRunLength(all.subspan(i), kChunkSamplesMax);
    base::PutVarint(out, n);
    part.clear();
    EncodeTimestamps(times.subspan(i, n), part);
    base::PutLengthPrefixed(out, part);
    part.clear();
    EncodeHistograms(all.subspan(i, n), part);
    base::PutLengthPrefixed(out, part);
    i += n;
  }
  base::PutVarint(out, 0);
}

absl::Status ReadHistogramColumns(base::ByteReader& reader, size_t counts_max,
                                  model::HistogramColumns& columns) {
  size_t counts = 0;
  while (true) {
    const uint64_t n = reader.Varint();
    if (!reader.ok()) return Broken("cut between chunks");
    if (n == 0) return absl::OkStatus();
    const std::string_view times = reader.LengthPrefixed();
    const std::string_view chunk = reader.LengthPrefixed();
    if (!reader.ok() || n > kChunkSamplesMax) return Broken("cut in a chunk");
    const size_t at = columns.size();
    columns.resize(at + n);
    const auto histograms = std::span(columns.histograms).subspan(at);
    RETURN_IF_ERROR(DecodeTimestamps(
        times, std::span(columns.timestamps_ms).subspan(at)));
    RETURN_IF_ERROR(DecodeHistograms(chunk, histograms));
    for (const Histogram& one : histograms) counts += CostOf(one.layout);
    if (counts > counts_max) {
      return base::ResourceExhausted("histograms of over ", counts_max,
                                     " counts");
    }
  }
}

}  // namespace varve::encoding

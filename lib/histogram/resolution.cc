#include "lib/histogram/resolution.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <span>
#include <utility>

namespace varve::histogram {
namespace {

bool SameBits(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

bool SameBits(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](double x, double y) { return SameBits(x, y); });
}

// The next span that has buckets, its offset counted from the end of the one
// before that has some. False behind the last.
bool NextSpan(std::span<const model::HistogramSpan> spans, size_t& at,
              int64_t& offset, uint32_t& length) {
  offset = 0;
  for (; at < spans.size(); ++at) {
    offset += spans[at].offset;
    if (spans[at].length == 0) continue;
    length = spans[at++].length;
    return true;
  }
  return false;
}

bool SameSpans(std::span<const model::HistogramSpan> a,
               std::span<const model::HistogramSpan> b) {
  size_t at_a = 0;
  size_t at_b = 0;
  while (true) {
    int64_t offset_a = 0;
    int64_t offset_b = 0;
    uint32_t length_a = 0;
    uint32_t length_b = 0;
    const bool more_a = NextSpan(a, at_a, offset_a, length_a);
    const bool more_b = NextSpan(b, at_b, offset_b, length_b);
    if (!more_a || !more_b) return more_a == more_b;
    if (offset_a != offset_b || length_a != length_b) return false;
  }
}

bool IsCompact(const FloatHistogram& h, Side side) {
  const auto& spans = SpansOf(h, side);
  const auto& counts = CountsOf(h, side);
  return std::find(counts.begin(), counts.end(), 0.0) == counts.end() &&
         std::none_of(spans.begin(), spans.end(),
                      [&](const model::HistogramSpan& span) {
                        return span.length == 0 ||
                               (span.offset <= 0 && &span != spans.data());
                      });
}

}  // namespace

LowerWalk::LowerWalk(const FloatHistogram& h, Side side, int32_t schema)
    : walk_(h, side), steps_(h.schema - schema), has_next_(walk_.Next()) {
  assert(steps_ >= 0 && (steps_ == 0 || !h.has_custom_bounds()));
}

bool LowerWalk::Next() {
  if (!has_next_) return false;
  index_ = IndexOfNext();
  count_ = 0;
  do {
    count_ += walk_.count();
    has_next_ = walk_.Next();
  } while (has_next_ && IndexOfNext() == index_);
  return true;
}

void SideBuilder::Append(int64_t index, double count) {
  if (!spans_.empty() && index == end_) {
    ++spans_.back().length;
  } else {
    spans_.push_back({static_cast<int32_t>(index - end_), 1});
  }
  counts_.push_back(count);
  end_ = index + 1;
}

void SideBuilder::MoveTo(FloatHistogram& h, Side side) {
  SpansOf(h, side) = std::move(spans_);
  CountsOf(h, side) = std::move(counts_);
}

void ReduceResolution(FloatHistogram& h, int32_t schema) {
  if (schema == h.schema) return;
  for (const Side side : kSides) {
    SideBuilder builder;
    for (LowerWalk walk(h, side, schema); walk.Next();) {
      builder.Append(walk.index(), walk.count());
    }
    builder.MoveTo(h, side);
  }
  h.schema = schema;
}

FloatHistogram CopyToSchema(const FloatHistogram& h, int32_t schema) {
  FloatHistogram copy = h;
  if (schema == h.schema) return copy;
  ReduceResolution(copy, schema);
  copy.reset = model::CounterReset::kUnknown;
  return copy;
}

void Compact(FloatHistogram& h) {
  for (const Side side : kSides) {
    if (IsCompact(h, side)) continue;
    SideBuilder builder;
    for (IndexWalk walk(h, side); walk.Next();) {
      if (walk.count() != 0) builder.Append(walk.index(), walk.count());
    }
    builder.MoveTo(h, side);
  }
}

bool SameHistogram(const FloatHistogram& a, const FloatHistogram& b) {
  return a.schema == b.schema && SameBits(a.count, b.count) &&
         SameBits(a.sum, b.sum) && a.zero_threshold == b.zero_threshold &&
         SameBits(a.zero_count, b.zero_count) &&
         (!a.has_custom_bounds() || a.custom_bounds == b.custom_bounds) &&
         SameBits(a.positive, b.positive) &&
         SameBits(a.negative, b.negative) &&
         SameSpans(a.positive_spans, b.positive_spans) &&
         SameSpans(a.negative_spans, b.negative_spans);
}

}  // namespace varve::histogram

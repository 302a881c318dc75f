#include "cmd/inspect/comparison.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <span>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "lib/base/strings.h"
#include "lib/model/sample.h"

namespace varve::inspect {
namespace {

// The samples of one timestamp, off the front of `samples`.
std::span<const TableSample> TakeMoment(std::span<const TableSample>& samples,
                                        int64_t timestamp_ms) {
  size_t count = 0;
  while (count < samples.size() &&
         samples[count].timestamp_ms == timestamp_ms) {
    ++count;
  }
  const auto taken = samples.first(count);
  samples = samples.subspan(count);
  return taken;
}

// What one side has and the other has not. Per moment, so of few samples.
void TakeEqualOut(std::span<const TableSample> all,
                  std::span<const TableSample> others,
                  std::vector<TableSample>& left) {
  left.clear();
  std::set_difference(all.begin(), all.end(), others.begin(), others.end(),
                      std::back_inserter(left));
}

// Walks two sorted columns; `found` gets each difference.
template <typename Found>
void ForEachDifference(std::span<const TableSample> a,
                       std::span<const TableSample> b, Found found) {
  std::vector<TableSample> left_a, left_b;
  while (!a.empty() || !b.empty()) {
    if (!a.empty() && !b.empty() && a.front() == b.front() &&
        (a.size() == 1 || a[1].timestamp_ms != a[0].timestamp_ms) &&
        (b.size() == 1 || b[1].timestamp_ms != b[0].timestamp_ms)) {
      a = a.subspan(1);
      b = b.subspan(1);
      continue;
    }
    const int64_t at_ms =
        std::min(a.empty() ? INT64_MAX : a.front().timestamp_ms,
                 b.empty() ? INT64_MAX : b.front().timestamp_ms);
    const auto moment_a = TakeMoment(a, at_ms);
    const auto moment_b = TakeMoment(b, at_ms);
    TakeEqualOut(moment_a, moment_b, left_a);
    TakeEqualOut(moment_b, moment_a, left_b);
    for (size_t i = 0; i < std::max(left_a.size(), left_b.size()); ++i) {
      DifferingSample one;
      if (i < left_a.size()) one.a = left_a[i];
      if (i < left_b.size()) one.b = left_b[i];
      found(one);
    }
  }
}

std::span<const TableSample> SamplesOf(const TableSeries* series) {
  if (series == nullptr) return {};
  return series->samples;
}

std::string ValueText(const std::optional<TableSample>& sample) {
  if (!sample) return "has none";
  if (sample->is_histogram) {
    return absl::StrFormat("histogram #%016x", sample->value);
  }
  const double value = std::bit_cast<double>(sample->value);
  if (model::IsStaleNan(value)) return "NaN or stale";
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  return std::string(text, end);
}

std::string LabelText(const std::string& canonical) {
  const auto labels = model::ParseCanonicalBytes(canonical);
  return labels.ok() ? labels->Text() : "(labels that do not parse)";
}

std::string TimeText(int64_t timestamp_ms) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ",
                          absl::FromUnixMillis(timestamp_ms),
                          absl::UTCTimeZone());
}

}  // namespace

void ComparisonCounts::Add(const ComparisonCounts& other) {
  series_a += other.series_a;
  series_b += other.series_b;
  series_only_a += other.series_only_a;
  series_only_b += other.series_only_b;
  series_differ += other.series_differ;
  samples_a += other.samples_a;
  samples_b += other.samples_b;
  samples_only_a += other.samples_only_a;
  samples_only_b += other.samples_only_b;
  samples_differ += other.samples_differ;
}

bool PartComparison::Add(const SampleTable& a, const SampleTable& b,
                         size_t series_max) {
  for (const auto& [hash, series] : a.series()) {
    const auto found = b.series().find(hash);
    AddSeries(hash, &series,
              found == b.series().end() ? nullptr : &found->second);
  }
  for (const auto& [hash, series] : b.series()) {
    if (!a.series().contains(hash)) AddSeries(hash, nullptr, &series);
  }
  return tallies_.size() <= series_max;
}

void PartComparison::AddSeries(const model::SeriesHash& hash,
                               const TableSeries* a, const TableSeries* b) {
  const auto samples_a = SamplesOf(a);
  const auto samples_b = SamplesOf(b);
  Tally& tally = tallies_[hash];
  tally.a += static_cast<int64_t>(samples_a.size());
  tally.b += static_cast<int64_t>(samples_b.size());
  counts_.samples_a += static_cast<int64_t>(samples_a.size());
  counts_.samples_b += static_cast<int64_t>(samples_b.size());
  if (std::ranges::equal(samples_a, samples_b)) return;
  tally.differs = true;
  DifferingSeries* example = nullptr;
  if (examples_.contains(hash) || examples_.size() < kExamplesMax) {
    example = &examples_[hash];
    example->labels = a != nullptr ? a->labels : b->labels;
  }
  ForEachDifference(samples_a, samples_b, [&](const DifferingSample& one) {
    int64_t ComparisonCounts::*count = &ComparisonCounts::samples_differ;
    int64_t DifferingSeries::*of_series = &DifferingSeries::differ;
    if (!one.b) {
      count = &ComparisonCounts::samples_only_a;
      of_series = &DifferingSeries::only_a;
    } else if (!one.a) {
      count = &ComparisonCounts::samples_only_b;
      of_series = &DifferingSeries::only_b;
    }
    ++(counts_.*count);
    if (example == nullptr) return;
    ++(example->*of_series);
    if (example->first.size() < samples_shown_) example->first.push_back(one);
  });
}

PartComparison::Kind PartComparison::KindOf(const Tally& tally) {
  if (tally.b == 0) return Kind::kOnlyA;
  return tally.a == 0 ? Kind::kOnlyB : Kind::kDiffer;
}

ComparisonCounts PartComparison::Counts() const {
  ComparisonCounts counts = counts_;
  for (const auto& [hash, tally] : tallies_) {
    if (tally.a > 0) ++counts.series_a;
    if (tally.b > 0) ++counts.series_b;
    if (!tally.differs) continue;
    switch (KindOf(tally)) {
      case Kind::kOnlyA:
        ++counts.series_only_a;
        break;
      case Kind::kOnlyB:
        ++counts.series_only_b;
        break;
      case Kind::kDiffer:
        ++counts.series_differ;
        break;
    }
  }
  return counts;
}

std::vector<DifferingSeries> PartComparison::Examples(Kind kind,
                                                      size_t count) const {
  std::vector<DifferingSeries> found;
  for (const auto& [hash, series] : examples_) {
    if (KindOf(tallies_.at(hash)) == kind) found.push_back(series);
  }
  std::ranges::sort(found, {}, &DifferingSeries::labels);
  if (found.size() > count) found.resize(count);
  return found;
}

std::string ExampleText(const DifferingSeries& series,
                        PartComparison::Kind kind) {
  const std::string labels = LabelText(series.labels);
  if (kind == PartComparison::Kind::kOnlyA) {
    return base::StrCat("only in A: ", labels, ": ", series.only_a,
                        " samples\n");
  }
  if (kind == PartComparison::Kind::kOnlyB) {
    return base::StrCat("only in B: ", labels, ": ", series.only_b,
                        " samples\n");
  }
  std::string text = base::StrCat(
      "differs: ", labels, ": ", series.only_a, " only in A, ", series.only_b,
      " only in B, ", series.differ, " of another value\n");
  for (const DifferingSample& one : series.first) {
    const int64_t at_ms = one.a ? one.a->timestamp_ms : one.b->timestamp_ms;
    base::StrAppend(&text, "  ", TimeText(at_ms), " A ", ValueText(one.a),
                    ", B ", ValueText(one.b), "\n");
  }
  return text;
}

}  // namespace varve::inspect

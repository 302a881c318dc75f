#include "lib/eval/vmrange.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "lib/base/strings.h"

namespace varve::eval {
namespace {

constexpr int kLowestExponent = -9;
constexpr int kHighestExponent = 18;
constexpr int kPerDecade = 18;
constexpr size_t kInner =
    static_cast<size_t>((kHighestExponent - kLowestExponent) * kPerDecade);

// The lowest, the inner ones, the highest.
std::vector<std::string> MakeTexts() {
  const double factor = std::pow(10, 1.0 / kPerDecade);
  double bound = std::pow(10, kLowestExponent);
  std::string begin = absl::StrFormat("%.3e", bound);
  std::vector<std::string> texts = {base::StrCat("0...", begin)};
  for (size_t i = 0; i < kInner; ++i) {
    bound *= factor;
    std::string end = absl::StrFormat("%.3e", bound);
    texts.push_back(base::StrCat(begin, "...", end));
    begin = std::move(end);
  }
  texts.push_back(base::StrCat(begin, "...+Inf"));
  return texts;
}

const std::vector<std::string>& Texts() {
  static const auto& texts = *new std::vector<std::string>(MakeTexts());
  return texts;
}

struct Range {
  std::string begin_text;
  std::string end_text;
  double begin = 0;
  double end = 0;
  EvalSeries series;  // without vmrange and le
};

std::optional<Range> ParseRange(std::string_view text) {
  constexpr std::string_view kDots = "...";
  const size_t dots = text.find(kDots);
  if (dots == std::string_view::npos) return std::nullopt;
  Range range;
  range.begin_text = std::string(text.substr(0, dots));
  range.end_text = std::string(text.substr(dots + kDots.size()));
  if (!absl::SimpleAtod(range.begin_text, &range.begin) ||
      !absl::SimpleAtod(range.end_text, &range.end)) {
    return std::nullopt;
  }
  return range;
}

bool HasCount(const EvalSeries& series) {
  return std::any_of(series.values.begin(), series.values.end(),
                     [](double value) { return value > 0; });
}

EvalSeries Bucket(const EvalSeries& like, const std::string& bound,
                  std::vector<double> counts) {
  EvalSeries bucket;
  bucket.labels = like.labels;
  bucket.labels.Set(kLeLabel, bound);
  bucket.drop_name = like.drop_name;
  bucket.values = std::move(counts);
  return bucket;
}

// One histogram's ranges to its buckets.
void Convert(std::vector<Range>& ranges, std::vector<EvalSeries>& out) {
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.end < b.end; });
  std::vector<double> counts(ranges[0].series.values.size(), 0);
  double covered = 0;
  const Range* last = nullptr;
  for (const Range& range : ranges) {
    if (!HasCount(range.series)) continue;
    if (range.begin > covered) {
      out.push_back(Bucket(range.series, range.begin_text, counts));
    }
    for (size_t step = 0; step < counts.size(); ++step) {
      const double count = range.series.values[step];
      if (count > 0) counts[step] += count;
    }
    if (range.end == covered) {  // written twice, with other digits
      out.back().values = counts;
    } else {
      out.push_back(Bucket(range.series, range.end_text, counts));
    }
    covered = range.end;
    last = &range;
  }
  if (last != nullptr && !std::isinf(covered)) {
    out.push_back(Bucket(last->series, "+Inf", std::move(counts)));
  }
}

}  // namespace

size_t VmrangeCount() { return kInner + 2; }

const std::string& VmrangeText(size_t range) { return Texts()[range]; }

std::optional<size_t> VmrangeOf(double value) {
  if (!(value >= 0)) return std::nullopt;
  const double place = (std::log10(value) - kLowestExponent) * kPerDecade;
  if (place <= 0) return 0;  // zero as well
  if (place > static_cast<double>(kInner)) return kInner + 1;
  // A bound belongs to the range below it.
  return static_cast<size_t>(std::ceil(place));
}

void VmrangeToLe(std::vector<EvalSeries>& series) {
  if (std::none_of(series.begin(), series.end(), [](const EvalSeries& s) {
        return s.labels.Has(kVmrangeLabel);
      })) {
    return;
  }
  std::vector<EvalSeries> out;
  absl::flat_hash_map<model::LabelSet, size_t> index;
  std::vector<std::vector<Range>> histograms;
  for (EvalSeries& s : series) {
    const std::string_view text = s.labels.Get(kVmrangeLabel);
    if (text.empty()) {
      out.push_back(std::move(s));
      continue;
    }
    std::optional<Range> range = ParseRange(text);
    if (!range) continue;
    s.labels.Remove(kVmrangeLabel);
    s.labels.Remove(kLeLabel);
    s.DropHistograms();
    const auto [it, is_new] = index.try_emplace(s.labels, histograms.size());
    if (is_new) histograms.emplace_back();
    range->series = std::move(s);
    histograms[it->second].push_back(*std::move(range));
  }
  for (std::vector<Range>& ranges : histograms) Convert(ranges, out);
  series = std::move(out);
}

}  // namespace varve::eval

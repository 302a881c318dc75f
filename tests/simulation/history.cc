#include "tests/simulation/history.h"

#include "absl/strings/numbers.h"
#include "lib/base/status.h"

namespace varve::simulation {

const std::vector<SeriesName>& AllSeries() {
  static const std::vector<SeriesName> all = [] {
    std::vector<SeriesName> names(kSeries);
    for (int i = 0; i < kSeries; ++i) {
      SeriesName& name = names[static_cast<size_t>(i)];
      model::AppendCanonicalBytes(
          name.labels, {{"__name__", "up"}, {"i", base::StrCat(i)}});
      name.slot = model::SlotOf(model::HashSeries({}, name.labels));
    }
    return names;
  }();
  return all;
}

int SeriesOf(const model::LabelSet& labels) {
  int i = -1;
  const std::string text(labels.Get("i"));
  if (!absl::SimpleAtoi(text, &i) || i < 0 || i >= kSeries) return -1;
  std::string canonical;
  model::AppendCanonicalBytes(canonical, labels);
  return canonical == AllSeries()[static_cast<size_t>(i)].labels ? i : -1;
}

int64_t History::Add(int series, int64_t at_ms) {
  if (!taken_.insert({series, at_ms}).second) return 0;
  samples_.push_back({.series = series, .at_ms = at_ms});
  return size();
}

std::string History::Text(int64_t number) const {
  const Sample& one = sample(number);
  return base::StrCat("sample ", number, " of series ", one.series, " at ",
                      one.at_ms, one.incomplete ? " (incomplete)" : "");
}

}  // namespace varve::simulation

#include "lib/query/cached_evaluation.h"

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "lib/eval/value.h"
#include "lib/promql/printer.h"

namespace varve::query {
namespace {

using Reads = std::vector<OutcomeCollector::Read>;

std::string KeyOf(const CachedEvaluation& cached,
                  const eval::EvalRequest& request) {
  const int64_t phase_ms = request.start_ms % request.step_ms;
  return base::StrCat(model::TenantText(cached.base.tenant), "|",
                      cached.base.tenant_name, "|",
                      request.step_ms, "|", phase_ms, "|", request.lookback_ms,
                      "|", request.subquery_step_ms, "|",
                      int{request.delayed_name_removal}, "|", cached.key, "|",
                      promql::ExprText(*request.expr));
}

// Nothing in the range can change but by a change that is counted.
bool IsSettled(const OutcomeCollector::Read& read) {
  return !read.histories.empty() &&
         std::ranges::all_of(read.histories, [&](const auto& history) {
           return history.settled.start_ms <= read.range.start_ms;
         });
}

model::TimeRange HullOf(const Reads& reads) {
  model::TimeRange hull = reads[0].range;
  for (const OutcomeCollector::Read& read : reads) {
    hull.start_ms = std::min(hull.start_ms, read.range.start_ms);
    hull.end_ms = std::max(hull.end_ms, read.range.end_ms);
  }
  return hull;
}

// Every read would be the same now: one read that stands for all of them.
// Else none.
Reads StillValid(const CachedEvaluation& cached, const Reads& reads) {
  OutcomeCollector::Read hull;
  hull.range = HullOf(reads);
  // The hull is told first: a change that comes while the others are told
  // makes it old, not the others.
  std::vector<model::TimeRange> ranges = {hull.range};
  for (const OutcomeCollector::Read& read : reads) ranges.push_back(read.range);
  auto now = cached.reader->Histories(cached.base, ranges);
  if (!now.ok()) return {};
  hull.histories = std::move((*now)[0]);
  if (!IsSettled(hull)) return {};
  for (size_t i = 0; i < reads.size(); ++i) {
    if (!std::ranges::equal((*now)[i + 1], reads[i].histories,
                            [](const auto& a, const auto& b) {
                              return a.SameAs(b);
                            })) {
      return {};
    }
  }
  return {std::move(hull)};
}

// Steps [from, from + count) of `source` go to `to`, from step `at` on.
void CopySteps(const eval::ResultSeries& source, size_t from, size_t count,
               size_t at, eval::ResultSeries& to) {
  std::copy_n(source.values.begin() + static_cast<ptrdiff_t>(from), count,
              to.values.begin() + static_cast<ptrdiff_t>(at));
  if (source.histograms.empty()) return;
  to.histograms.resize(to.values.size());
  std::copy_n(source.histograms.begin() + static_cast<ptrdiff_t>(from), count,
              to.histograms.begin() + static_cast<ptrdiff_t>(at));
}

eval::ResultSeries EmptySeries(const model::LabelSet& labels, size_t steps) {
  eval::ResultSeries series;
  series.labels = labels;
  series.values.assign(steps, eval::Absent());
  return series;
}

// Steps [from, from + head) of `first` followed by all `tail` of `second`; both
// sorted by labels. Series without a sample are left out.
std::vector<eval::ResultSeries> Join(
    const std::vector<eval::ResultSeries>& first, size_t from, size_t head,
    const std::vector<eval::ResultSeries>& second, size_t tail) {
  std::vector<eval::ResultSeries> joined;
  size_t a = 0;
  size_t b = 0;
  while (a < first.size() || b < second.size()) {
    const bool take_a = a < first.size() && (b == second.size() ||
                                             first[a].labels <=
                                                 second[b].labels);
    const bool take_b = b < second.size() && (a == first.size() ||
                                              second[b].labels <=
                                                  first[a].labels);
    eval::ResultSeries series = EmptySeries(
        take_a ? first[a].labels : second[b].labels, head + tail);
    if (take_a) CopySteps(first[a++], from, head, 0, series);
    if (take_b) CopySteps(second[b++], 0, tail, head, series);
    if (eval::AllNull(series.histograms)) series.histograms = {};
    if (series.histograms.empty() && eval::AllAbsent(series.values)) continue;
    joined.push_back(std::move(series));
  }
  return joined;
}

size_t StepsIn(int64_t start_ms, int64_t end_ms, int64_t step_ms) {
  return end_ms < start_ms
             ? 0
             : static_cast<size_t>((end_ms - start_ms) / step_ms + 1);
}

void AddOnce(const std::vector<std::string>& from,
             std::vector<std::string>& to) {
  for (const std::string& one : from) {
    if (std::ranges::find(to, one) == to.end()) to.push_back(one);
  }
}

// More steps than this are cut at the front: no dashboard shows them.
constexpr size_t kStepsKeptMax = 11'000;

// The last step that all of `reads` say is settled.
int64_t SettledMs(const CachedEvaluation& cached, const Reads& reads) {
  int64_t settled_ms = cached.settled_before_ms;
  for (const OutcomeCollector::Read& read : reads) {
    for (const cluster::NodeHistory& history : read.histories) {
      settled_ms = std::min(settled_ms, history.settled.end_ms);
    }
  }
  return settled_ms;
}

// Keeps the settled steps of `result`, the answer to `request`, behind those of
// `before`, which ends a step earlier; it may be null.
void Keep(const CachedEvaluation& cached, const eval::EvalRequest& request,
          const std::string& key, const CachedResult* before, Reads reads,
          const eval::EvalResult& result) {
  // An expression without selectors is evaluated sooner than found.
  if (reads.empty() || !result.warnings.empty() ||
      !std::ranges::all_of(reads, IsSettled)) {
    return;
  }
  const size_t added = StepsIn(
      request.start_ms,
      std::min(request.end_ms, SettledMs(cached, reads)), request.step_ms);
  const size_t had = before == nullptr ? 0 : before->count;
  if (had + added == 0) return;
  const size_t cut =
      std::min(had, had + added - std::min(had + added, kStepsKeptMax));
  auto kept = std::make_shared<CachedResult>();
  kept->start_ms = before == nullptr ? request.start_ms : before->At(cut);
  kept->step_ms = request.step_ms;
  kept->count = had - cut + added;
  static const std::vector<eval::ResultSeries> kNone;
  kept->series = Join(before == nullptr ? kNone : before->series, cut,
                      had - cut, result.series, added);
  kept->infos = result.infos;
  kept->text = request.text;
  kept->series_fetched = result.stats.series_fetched;
  if (before != nullptr) {
    AddOnce(before->infos, kept->infos);
    kept->series_fetched =
        std::max(kept->series_fetched, before->series_fetched);
  }
  kept->reads = std::move(reads);
  cached.cache->Put(key, std::move(kept));
}

absl::StatusOr<eval::EvalResult> EvaluateAll(const CachedEvaluation& cached,
                                             const eval::EvalRequest& request,
                                             const OutcomeCollector& outcomes,
                                             const std::string& key) {
  ASSIGN_OR_RETURN(eval::EvalResult result, eval::Evaluate(request));
  if (!outcomes.is_partial() && outcomes.all_ended()) {
    Keep(cached, request, key, nullptr, outcomes.reads(), result);
  }
  return result;
}

// The steps of `request` from `kept`, which has some of them and holds true by
// `reads`, and from the nodes.
absl::StatusOr<eval::EvalResult> EvaluateRest(
    const CachedEvaluation& cached, const eval::EvalRequest& request,
    const OutcomeCollector& outcomes, const std::string& key,
    const CachedResult& kept, Reads reads, CacheUse& use) {
  const size_t from =
      StepsIn(kept.start_ms, request.start_ms - 1, request.step_ms);
  const size_t wanted =
      StepsIn(request.start_ms, request.end_ms, request.step_ms);
  const size_t head = std::min(wanted, kept.count - from);
  eval::EvalResult result;
  result.type = promql::ValueType::kMatrix;
  use = head == wanted ? CacheUse::kFull : CacheUse::kPart;
  if (use == CacheUse::kPart) {
    eval::EvalRequest rest = request;
    rest.start_ms = kept.end_ms() + request.step_ms;
    ASSIGN_OR_RETURN(result, eval::Evaluate(rest));
    if (!outcomes.is_partial() && outcomes.all_ended()) {
      const Reads more = outcomes.reads();
      reads.insert(reads.end(), more.begin(), more.end());
      Keep(cached, rest, key, &kept, std::move(reads), result);
    }
  }
  result.series =
      Join(kept.series, from, head, result.series, wanted - head);
  AddOnce(kept.infos, result.infos);
  result.stats.series_fetched =
      std::max(result.stats.series_fetched, kept.series_fetched);
  return result;
}

}  // namespace

absl::StatusOr<eval::EvalResult> EvaluateCached(
    const CachedEvaluation& cached, const eval::EvalRequest& request,
    const OutcomeCollector& outcomes, CacheUse& use) {
  use = CacheUse::kMiss;
  const std::string key = KeyOf(cached, request);
  const CachedResultPtr kept = cached.cache->Find(key);
  if (kept == nullptr || request.start_ms < kept->start_ms ||
      request.start_ms > kept->end_ms() ||
      (!kept->infos.empty() && kept->text != request.text)) {
    return EvaluateAll(cached, request, outcomes, key);
  }
  Reads reads = StillValid(cached, kept->reads);
  if (reads.empty()) {
    cached.cache->Erase(key);
    return EvaluateAll(cached, request, outcomes, key);
  }
  return EvaluateRest(cached, request, outcomes, key, *kept, std::move(reads),
                      use);
}

}  // namespace varve::query

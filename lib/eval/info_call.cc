// info(): series with the labels of info metrics of the same instance and job.
//
// Source:  prometheus/prometheus promql/info.go (3.5).
#include <re2/re2.h>

#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/status.h"
#include "lib/eval/column_stream.h"
#include "lib/eval/families.h"
#include "lib/eval/text.h"
#include "lib/eval/timing.h"

namespace varve::eval {
namespace {

using CompiledMatchers = std::vector<model::CompiledMatcher>;

constexpr std::array<const char*, 2> kIdentifyingLabels = {"instance", "job"};

// What the second argument asks for.
struct InfoSelector {
  model::Matchers names;  // of __name__
  model::Matchers data;   // of other labels
  CompiledMatchers compiled_names;
  CompiledMatchers compiled_data;

  // Only the labels that are asked for, or all.
  bool Takes(const std::string& label) const {
    if (label == model::kMetricName) return false;
    if (data.empty()) return true;
    for (const model::Matcher& matcher : data) {
      if (matcher.name == label) return true;
    }
    return false;
  }
  // A series without any info series is left out.
  bool NeedsInfo() const {
    for (const model::CompiledMatcher& matcher : compiled_data) {
      if (!matcher.Matches("")) return true;
    }
    return false;
  }
  // Info series themselves stay as they are.
  bool IsInfo(const model::LabelSet& labels) const {
    if (compiled_names.empty()) return false;
    for (const model::CompiledMatcher& matcher : compiled_names) {
      if (!matcher.Matches(labels.Get(model::kMetricName))) return false;
    }
    return true;
  }
};

model::Matcher TargetInfo() {
  return {model::MatchType::kEqual, std::string(model::kMetricName),
          "target_info"};
}

absl::StatusOr<InfoSelector> SelectorOf(const promql::Call& call) {
  InfoSelector selector;
  if (call.args.size() < 2) {
    selector.names = {TargetInfo()};
  } else {
    const auto& labels =
        static_cast<const promql::VectorSelector&>(Unwrap(*call.args[1]));
    for (const model::Matcher& matcher : labels.matchers) {
      (matcher.name == model::kMetricName ? selector.names : selector.data)
          .push_back(matcher);
    }
  }
  for (const auto& [from, to] :
       {std::pair(&selector.names, &selector.compiled_names),
        std::pair(&selector.data, &selector.compiled_data)}) {
    for (const model::Matcher& matcher : *from) {
      ASSIGN_OR_RETURN(model::CompiledMatcher compiled,
                       model::CompiledMatcher::Make(matcher));
      to->push_back(std::move(compiled));
    }
  }
  return selector;
}

// The matchers of the info series that may belong to any of `base`; none if
// no series has an identifying label.
model::Matchers InfoMatchers(const InfoSelector& selector,
                             const std::vector<EvalSeries>& base) {
  model::Matchers matchers;
  for (const char* label : kIdentifyingLabels) {
    std::set<std::string> values;
    for (const EvalSeries& series : base) {
      if (selector.IsInfo(series.labels)) continue;
      const std::string_view value = series.labels.Get(label);
      if (!value.empty()) values.emplace(value);
    }
    if (values.empty()) continue;
    std::string regex;
    for (const std::string& value : values) {
      if (!regex.empty()) regex += "|";
      regex += RE2::QuoteMeta(value);
    }
    matchers.push_back({model::MatchType::kRegex, label, std::move(regex)});
  }
  if (matchers.empty()) return matchers;
  matchers.insert(matchers.end(), selector.data.begin(), selector.data.end());
  if (selector.names.empty()) {
    matchers.push_back(TargetInfo());
  } else {
    matchers.insert(matchers.end(), selector.names.begin(),
                    selector.names.end());
  }
  return matchers;
}

absl::StatusOr<Value> ReadInfo(Evaluation& ev, const model::Matchers& matchers,
                               rollup::Function function,
                               const StepRange& steps) {
  promql::VectorSelector selector;
  selector.matchers = matchers;
  RollupPlan plan;
  plan.selector = &selector;
  plan.function = function;
  ASSIGN_OR_RETURN(plan.windows, WindowsOf(ev, selector.time,
                                           ev.request().lookback_ms, steps));
  return CollectColumns(ev, plan);
}

std::string Identity(const model::LabelSet& labels) {
  std::string identity;
  for (const char* label : kIdentifyingLabels) {
    identity += Quoted(labels.Get(label));
  }
  return identity;
}

// The info series of one identity: by metric name.
using InfoSeries = std::map<std::string, std::vector<const EvalSeries*>>;

class InfoJoin {
 public:
  InfoJoin(Evaluation& ev, const InfoSelector& selector,
           const model::Matchers& matchers, const StepRange& steps)
      : ev_(ev), selector_(selector), matchers_(matchers), steps_(steps) {}

  absl::Status Read() {
    if (matchers_.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(
        info_, ReadInfo(ev_, matchers_, rollup::Function::kDefault, steps_));
    for (const EvalSeries& series : info_.series) {
      if (!series.histograms.empty()) {
        return base::InvalidArgument("info sample should be float");
      }
      by_identity_[Identity(series.labels)]
                  [std::string(series.labels.Get(model::kMetricName))]
                      .push_back(&series);
    }
    return absl::OkStatus();
  }

  // Appends what becomes of one series: as many as it has label sets over time.
  absl::Status Join(EvalSeries& base, std::vector<EvalSeries>& out) {
    static const InfoSeries kNone;
    const auto found = by_identity_.find(Identity(base.labels));
    const InfoSeries& infos =
        found == by_identity_.end() ? kNone : found->second;
    std::map<std::vector<const EvalSeries*>, size_t> results;
    for (size_t step = 0; step < steps_.count; ++step) {
      if (!base.HasSample(step)) continue;
      std::vector<const EvalSeries*> chosen;
      for (const auto& [name, candidates] : infos) {
        ASSIGN_OR_RETURN(const EvalSeries* one, Choose(candidates, step));
        if (one != nullptr) chosen.push_back(one);
      }
      if (chosen.empty() && selector_.NeedsInfo()) continue;
      const auto [it, is_new] = results.try_emplace(chosen, out.size());
      if (is_new) {
        EvalSeries series;
        ASSIGN_OR_RETURN(series.labels, LabelsOf(base.labels, chosen));
        series.drop_name = base.drop_name;
        series.values.assign(steps_.count, Absent());
        out.push_back(std::move(series));
      }
      EvalSeries& into = out[it->second];
      into.values[step] = base.values[step];
      if (base.HasHistogram(step)) {
        into.SetHistogram(step, base.histograms[step]);
      }
    }
    return absl::OkStatus();
  }

 private:
  // The one with a sample; of several that with the latest.
  absl::StatusOr<const EvalSeries*> Choose(
      const std::vector<const EvalSeries*>& candidates, size_t step) {
    const EvalSeries* best = nullptr;
    for (const EvalSeries* one : candidates) {
      if (IsAbsent(one->values[step])) continue;
      if (best == nullptr) {
        best = one;
        continue;
      }
      ASSIGN_OR_RETURN(const double best_s, SampleTime(*best, step));
      ASSIGN_OR_RETURN(const double one_s, SampleTime(*one, step));
      if (best_s == one_s) {
        const int64_t at_ms = std::llround(one_s * 1000);
        return base::InvalidArgument(
            "found duplicate series for info metric: existing ",
            LabelsText(best->labels), " @ ", at_ms, ", new ",
            LabelsText(one->labels), " @ ", at_ms);
      }
      if (one_s > best_s) best = one;
    }
    return best;
  }

  // When the sample at a step was taken; asked for seldom, so read then.
  absl::StatusOr<double> SampleTime(const EvalSeries& series, size_t step) {
    if (!times_read_) {
      ASSIGN_OR_RETURN(
          Value times,
          ReadInfo(ev_, matchers_, rollup::Function::kTsOfDefault, steps_));
      for (EvalSeries& one : times.series) {
        times_[std::move(one.labels)] = std::move(one.values);
      }
      times_read_ = true;
    }
    const auto found = times_.find(series.labels);
    return found == times_.end() ? Absent() : found->second[step];
  }

  absl::StatusOr<model::LabelSet> LabelsOf(
      const model::LabelSet& base,
      const std::vector<const EvalSeries*>& chosen) const {
    model::LabelSet added;
    for (const EvalSeries* info : chosen) {
      for (const model::Label& label : info->labels) {
        if (!selector_.Takes(label.name)) continue;
        const std::string_view before = added.Get(label.name);
        if (!before.empty() && before != label.value) {
          return base::InvalidArgument("conflicting label: ", label.name);
        }
        if (!base.Has(label.name)) added.Set(label.name, label.value);
      }
    }
    model::LabelSet labels = base;
    for (const model::Label& label : added) labels.Set(label.name, label.value);
    return labels;
  }

  Evaluation& ev_;
  const InfoSelector& selector_;
  const model::Matchers& matchers_;
  const StepRange& steps_;
  Value info_;
  absl::flat_hash_map<std::string, InfoSeries> by_identity_;
  bool times_read_ = false;
  absl::flat_hash_map<model::LabelSet, std::vector<double>> times_;
};

absl::StatusOr<Value> InfoCall(Evaluation& ev, const promql::Call& call,
                               const StepRange& steps) {
  ASSIGN_OR_RETURN(Value input, ev.Eval(*call.args[0], steps));
  ASSIGN_OR_RETURN(const InfoSelector selector, SelectorOf(call));
  const model::Matchers matchers = InfoMatchers(selector, input.series);
  InfoJoin join(ev, selector, matchers, steps);
  RETURN_IF_ERROR(join.Read());
  Value value;
  for (EvalSeries& series : input.series) {
    if (selector.IsInfo(series.labels)) {
      value.series.push_back(std::move(series));
    } else {
      RETURN_IF_ERROR(join.Join(series, value.series));
    }
  }
  RETURN_IF_ERROR(MergeSameLabels(value.series));
  SortByLabels(value.series);
  RETURN_IF_ERROR(ev.Charge(value.charge, value.series));
  return value;
}

}  // namespace

CallFamily FindInfoCall(std::string_view name) {
  return name == "info" ? InfoCall : nullptr;
}

}  // namespace varve::eval

#include "lib/graphite/evaluate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "lib/base/status.h"
#include "lib/graphite/functions.h"
#include "lib/graphite/path_pattern.h"
#include "lib/model/time_range.h"

namespace varve::graphite {
namespace {

// Of parameters that stand for a number of things.
constexpr double kCountMax = 1'000'000;

absl::StatusOr<SeriesList> FetchNamed(const model::Matchers& matchers,
                                      const Target& target,
                                      const EvaluateOptions& options,
                                      Host& host) {
  if (options.grid.points() > static_cast<size_t>(options.points_max)) {
    return base::ResourceExhausted(
        "the time range has ", options.grid.points(),
        " points per series; the maximum is ", options.points_max,
        "; shorten it, or raise -search.graphiteMaxPointsPerSeries or "
        "-search.graphiteStorageStep");
  }
  RETURN_IF_ERROR(host.CheckAlive());
  ASSIGN_OR_RETURN(SeriesList found, host.Fetch(matchers, options.grid));
  const std::string path = TargetText(target);
  for (Series& series : found) {
    size_t bytes = path.size() + series.name.size();
    for (const auto& [tag, value] : series.tags) {
      bytes += tag.size() + value.size();
    }
    RETURN_IF_ERROR(host.Charge(static_cast<int64_t>(bytes)));
    series.path = path;
    series.x_files_factor = options.x_files_factor;
  }
  return found;
}

absl::StatusOr<SeriesList> FetchPath(const Target& target,
                                     const EvaluateOptions& options,
                                     Host& host) {
  model::Matcher matcher;
  matcher.name = model::kMetricName;
  if (target.text.find_first_of("*?[]{}") == target.text.npos) {
    matcher.type = model::MatchType::kEqual;
    matcher.value = target.text;
  } else {
    ASSIGN_OR_RETURN(const PathPattern pattern,
                     PathPattern::Parse(target.text));
    matcher.type = model::MatchType::kRegex;
    matcher.value = pattern.leaf_regex();
  }
  return FetchNamed({matcher}, target, options, host);
}

absl::StatusOr<SeriesList> FetchByTag(const Target& target,
                                      const EvaluateOptions& options,
                                      Host& host) {
  model::Matchers matchers;
  for (const Target& argument : target.arguments) {
    if (argument.kind != Target::Kind::kText) {
      return base::InvalidArgument(
          "seriesByTag takes tag expressions in quotes, not ",
          TargetText(argument));
    }
    ASSIGN_OR_RETURN(model::Matcher matcher,
                     ParseTagExpression(argument.text));
    matchers.push_back(std::move(matcher));
  }
  if (matchers.empty()) {
    return base::InvalidArgument("seriesByTag needs a tag expression");
  }
  return FetchNamed(matchers, target, options, host);
}

}  // namespace

const std::vector<const FunctionInfo*>& Functions() {
  static const auto* const all = [] {
    static const std::vector<FunctionInfo> by_tag = {
        {"seriesByTag", "Special", "The series whose tags match.",
         {{"tagExpressions", ParameterType::kText, true, true}}, nullptr}};
    auto* const list = new std::vector<const FunctionInfo*>();
    for (const auto* family :
         {&by_tag, &CombineFunctions(), &GroupFunctions(),
          &TransformFunctions(), &WindowFunctions(), &NameFunctions(),
          &PickFunctions()}) {
      for (const FunctionInfo& one : *family) list->push_back(&one);
    }
    std::ranges::sort(*list, {}, [](const FunctionInfo* one) {
      return std::string_view(one->name);
    });
    return list;
  }();
  return *all;
}

const FunctionInfo* FindFunction(std::string_view name) {
  const auto& all = Functions();
  const auto found = std::ranges::lower_bound(
      all, name, {},
      [](const FunctionInfo* one) { return std::string_view(one->name); });
  return found != all.end() && (*found)->name == name ? *found : nullptr;
}

absl::StatusOr<SeriesList> Evaluate(const Target& target,
                                    const EvaluateOptions& options,
                                    Host& host) {
  if (target.kind == Target::Kind::kPath) {
    return FetchPath(target, options, host);
  }
  if (target.kind != Target::Kind::kCall) {
    return base::InvalidArgument("expected a path or a call, not ",
                                 TargetText(target));
  }
  const FunctionInfo* const function = FindFunction(target.text);
  if (function == nullptr) {
    return base::InvalidArgument("unknown function \"", target.text,
                                 "\"; /functions lists those there are");
  }
  if (function->run == nullptr) return FetchByTag(target, options, host);
  Call call(target, options, host);
  RETURN_IF_ERROR(call.Bind(*function));
  auto made = function->run(call);
  RETURN_IF_ERROR(host.CheckAlive());
  return made;
}

absl::Status Call::Bind(const FunctionInfo& function) {
  function_ = &function;
  const std::vector<Parameter>& parameters = function.parameters;
  bound_.resize(parameters.size());
  size_t at = 0;
  for (const Target& argument : target_.arguments) {
    size_t to = at;
    if (!argument.keyword.empty()) {
      to = static_cast<size_t>(
          std::ranges::find(parameters, argument.keyword,
                            [](const Parameter& one) {
                              return std::string(one.name);
                            }) -
          parameters.begin());
    } else if (at < parameters.size() && !parameters[at].multiple) {
      ++at;
    }
    if (to >= parameters.size()) {
      return base::InvalidArgument(
          function.name, " has no parameter for ",
          argument.keyword.empty() ? TargetText(argument) : argument.keyword);
    }
    if (!parameters[to].multiple && !bound_[to].empty()) {
      return base::InvalidArgument(function.name, " has got `",
                                   parameters[to].name, "` twice");
    }
    bound_[to].push_back(&argument);
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].required && bound_[i].empty()) {
      return base::InvalidArgument(function.name, " lacks its argument `",
                                   parameters[i].name, "`");
    }
  }
  return absl::OkStatus();
}

const std::vector<const Target*>& Call::All(std::string_view parameter) const {
  static const std::vector<const Target*> none;
  for (size_t i = 0; i < bound_.size(); ++i) {
    if (function_->parameters[i].name == parameter) return bound_[i];
  }
  return none;
}

const Target* Call::Argument(std::string_view parameter) const {
  const auto& all = All(parameter);
  if (all.empty() || all[0]->kind == Target::Kind::kNone) return nullptr;
  return all[0];
}

bool Call::Has(std::string_view parameter) const {
  return Argument(parameter) != nullptr;
}

absl::Status Call::Bad(std::string_view parameter, std::string_view why) const {
  const Target* const argument = Argument(parameter);
  return base::InvalidArgument(
      name(), ": `", parameter, "` ",
      argument == nullptr ? "" : base::StrCat("is ", TargetText(*argument),
                                              "; "),
      why);
}

absl::StatusOr<SeriesList> Call::Series(std::string_view parameter,
                                        int64_t earlier_ms, int64_t later_ms) {
  EvaluateOptions options = options_;
  Grid& grid = options.grid;
  if (__builtin_sub_overflow(grid.start_ms, earlier_ms, &grid.start_ms) ||
      __builtin_add_overflow(grid.end_ms, later_ms, &grid.end_ms) ||
      grid.start_ms < 0 || grid.start_ms > model::kTimestampMaxMs ||
      grid.end_ms > model::kTimestampMaxMs) {
    return base::InvalidArgument(
        name(), " reads times before 1970 or after the last there can be");
  }
  SeriesList all;
  for (const Target* const argument : All(parameter)) {
    ASSIGN_OR_RETURN(SeriesList some, Evaluate(*argument, options, host_));
    std::ranges::move(some, std::back_inserter(all));
  }
  return all;
}

absl::StatusOr<double> Call::NumberOr(std::string_view parameter,
                                      double otherwise) const {
  const Target* const argument = Argument(parameter);
  if (argument == nullptr) return otherwise;
  if (argument->kind != Target::Kind::kNumber) {
    return Bad(parameter, "expected a number");
  }
  return argument->number;
}

absl::StatusOr<double> Call::Number(std::string_view parameter) const {
  if (!Has(parameter)) return Bad(parameter, "expected a number");
  return NumberOr(parameter, 0);
}

absl::StatusOr<size_t> Call::CountOr(std::string_view parameter,
                                     size_t otherwise) const {
  ASSIGN_OR_RETURN(const double number,
                   NumberOr(parameter, static_cast<double>(otherwise)));
  if (!(number >= 0 && number <= kCountMax && number == std::floor(number))) {
    return Bad(parameter, "expected a whole number from 0 to 1000000");
  }
  return static_cast<size_t>(number);
}

absl::StatusOr<std::string> Call::TextOr(std::string_view parameter,
                                         std::string_view otherwise) const {
  const Target* const argument = Argument(parameter);
  if (argument == nullptr) return std::string(otherwise);
  if (argument->kind != Target::Kind::kText) {
    return Bad(parameter, "expected a text in quotes");
  }
  return argument->text;
}

absl::StatusOr<std::string> Call::Text(std::string_view parameter) const {
  if (!Has(parameter)) return Bad(parameter, "expected a text in quotes");
  return TextOr(parameter, "");
}

absl::StatusOr<bool> Call::BoolOr(std::string_view parameter,
                                  bool otherwise) const {
  const Target* const argument = Argument(parameter);
  if (argument == nullptr) return otherwise;
  if (argument->kind != Target::Kind::kBool) {
    return Bad(parameter, "expected true or false");
  }
  return argument->number != 0;
}

absl::StatusOr<Aggregation> Call::AggregationOr(std::string_view parameter,
                                                Aggregation otherwise) const {
  if (!Has(parameter)) return otherwise;
  ASSIGN_OR_RETURN(const std::string name, Text(parameter));
  const auto how = ParseAggregation(name);
  if (!how) {
    return Bad(parameter,
               "expected average, avg_zero, count, diff, first, last, max, "
               "median, min, multiply, range, stddev or sum");
  }
  return *how;
}

}  // namespace varve::graphite

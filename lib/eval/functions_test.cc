#include "lib/promql/functions.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/eval/evaluator.h"
#include "lib/eval/vector_source.h"
#include "lib/promql/metricsql_functions.h"
#include "lib/promql/parser.h"

namespace varve::eval {
namespace {

using promql::FunctionInfo;
using promql::ValueType;

VectorSource& Source() {
  static VectorSource* source = [] {
    auto* made = new VectorSource(/*batch_series=*/2);
    SeriesData series;
    series.labels = {{"__name__", "m"}, {"le", "1"}};
    for (int i = 0; i <= 30; ++i) series.samples.push_back(i * 10'000, i);
    made->Add(std::move(series));
    return made;
  }();
  return *source;
}

// A call with arguments of the types it is declared with.
std::string CallText(const FunctionInfo& info, std::string_view matrix) {
  if (info.name == "info") return "info(m, {le=\"1\"})";  // matchers alone
  const size_t count = info.arguments.size() + info.tail.size();
  std::string text = base::StrCat(info.name, "(");
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) text += ", ";
    switch (info.ArgumentType(i, count)) {
      case ValueType::kVector:
        text += "m";
        break;
      case ValueType::kMatrix:
        text += matrix;
        break;
      case ValueType::kScalar:
        text += "0.5";
        break;
      case ValueType::kString:
        text += "\"min_over_time\"";
        break;
    }
  }
  return text + ")";
}

bool TakesMatrix(const FunctionInfo& info) {
  const size_t count = info.arguments.size() + info.tail.size();
  for (size_t i = 0; i < count; ++i) {
    if (info.ArgumentType(i, count) == ValueType::kMatrix) return true;
  }
  return false;
}

// Whether the text is one of the language; its evaluation may have an error,
// but not that nobody knows how to do it.
bool Evaluates(const std::string& text, promql::Dialect dialect) {
  const auto expr = promql::ParseExpr(text);
  if (!expr.ok()) return false;
  EvalRequest request;
  request.expr = expr->get();
  request.start_ms = 200'000;
  request.end_ms = 260'000;
  request.step_ms = 20'000;
  request.source = &Source();
  request.dialect = dialect;
  const absl::Status status = Evaluate(request).status();
  CAPTURE(text, status.ToString());
  CHECK_FALSE(absl::IsUnimplemented(status));
  CHECK_FALSE(absl::IsInternal(status));
  return true;
}

TEST_CASE("every function of the language is evaluated", "[eval]") {
  std::vector<FunctionInfo> all;
  for (const auto functions :
       {promql::PrometheusFunctions(), promql::MetricsqlFunctions()}) {
    all.insert(all.end(), functions.begin(), functions.end());
  }
  CHECK(all.size() > 200);
  for (const FunctionInfo& info : all) {
    for (const auto dialect :
         {promql::Dialect::kPromql, promql::Dialect::kMetricsql}) {
      CAPTURE(info.name);
      CHECK(Evaluates(CallText(info, "m[1m]"), dialect));
      if (!TakesMatrix(info)) continue;
      for (const char* matrix :
           {"(m[1m])", "((m))[1m:20s]", "(m[1m:20s])", "m[1m] offset 5s",
            "(sum(m))[1m:20s] offset 5s", "(m + 1)[1m:] @ end()", "m",
            "(m)", "m offset 5s", "sum(m)", "sum(m) offset 5s", "1", "time()",
            "(m[1m]) offset 5s", "(m offset 5s)[1m:20s] @ start()",
            "\"text\"", "(m, m)", "union(m[1m], m[1m])"}) {
        Evaluates(CallText(info, matrix), dialect);
      }
    }
  }
}

}  // namespace
}  // namespace varve::eval

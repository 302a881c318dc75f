#include "lib/promql/parser.h"

#include <utility>

#include "lib/base/status.h"
#include "lib/promql/grammar.h"
#include "lib/promql/type_check.h"

namespace varve::promql {

absl::StatusOr<ExprPtr> ParseExpr(std::string_view text, Dialect dialect) {
  ASSIGN_OR_RETURN(ExprPtr expr, Grammar(text, dialect).ParseQuery());
  RETURN_IF_ERROR(CheckTypes(text, dialect, expr));
  return expr;
}

absl::StatusOr<std::vector<model::Matchers>> ParseSelectorGroups(
    std::string_view text, bool allow_match_all) {
  ASSIGN_OR_RETURN(ExprPtr expr,
                   Grammar(text, Dialect::kPromql).ParseOnlySelector());
  if (!allow_match_all) {
    RETURN_IF_ERROR(CheckTypes(text, Dialect::kPromql, expr));
  }
  return static_cast<const VectorSelector&>(*expr).MatcherGroups();
}

absl::StatusOr<model::Matchers> ParseSelector(std::string_view text,
                                              bool allow_match_all) {
  ASSIGN_OR_RETURN(std::vector<model::Matchers> groups,
                   ParseSelectorGroups(text, allow_match_all));
  if (groups.size() > 1) {
    return base::InvalidArgument("`or` is not supported in ", text);
  }
  return std::move(groups[0]);
}

}  // namespace varve::promql

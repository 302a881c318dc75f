// Queries as texts and trees: /api/v1/format_query, /api/v1/parse_query,
// /prettify-query and /expand-with-exprs. None of them reads data.
#include "lib/base/status.h"
#include "lib/promql/parser.h"
#include "lib/promql/printer.h"
#include "lib/query/json.h"
#include "lib/query/select_api.h"
#include "lib/query/syntax_json.h"

namespace varve::query {
namespace {

constexpr std::string_view kJson = "application/json";

void Send(http::ResponseWriter& writer, std::string_view member,
          std::string_view text, std::string_view status) {
  std::string out =
      base::StrCat("{\"status\":\"", status, "\",\"", member, "\":");
  AppendJsonString(out, text);
  out += "}";
  writer.Send(200, kJson, out);
}

}  // namespace

// By the rules of the request's dialect, as it would be evaluated.
absl::StatusOr<promql::ExprPtr> SelectApi::ParseArgument(
    const Context& context) const {
  const std::string_view query = context.request.Argument("query");
  RETURN_IF_ERROR(CheckQueryLength(query));
  eval::EvalRequest request;
  RETURN_IF_ERROR(ReadDialect(context.request, options_.dialect, request));
  return promql::ParseExpr(query, request.dialect);
}

absl::Status SelectApi::FormatQuery(Context& context) {
  ASSIGN_OR_RETURN(const promql::ExprPtr expr, ParseArgument(context));
  Send(context.writer, "data", promql::PrettyText(*expr), "success");
  return absl::OkStatus();
}

absl::Status SelectApi::ParseQuery(Context& context) {
  ASSIGN_OR_RETURN(const promql::ExprPtr expr, ParseArgument(context));
  std::string out = "{\"status\":\"success\",\"data\":";
  AppendSyntaxJson(out, *expr);
  out += "}";
  context.writer.Send(200, kJson, out);
  return absl::OkStatus();
}

// These two answer 200 also for a query with an error: forms show the text.
absl::Status SelectApi::PrettifyQuery(Context& context) {
  const auto expr = ParseArgument(context);
  if (expr.ok()) {
    const auto with_templates =
        promql::TemplatesText(context.request.Argument("query"));
    Send(context.writer, "query",
         with_templates ? *with_templates : promql::PrettyText(**expr),
         "success");
  } else {
    Send(context.writer, "msg", base::Message(expr.status()), "error");
  }
  return absl::OkStatus();
}

absl::Status SelectApi::ExpandWithExprs(Context& context) {
  const auto expr = ParseArgument(context);
  if (expr.ok()) {
    Send(context.writer, "expr", promql::ExprText(**expr), "success");
  } else {
    Send(context.writer, "error",
         base::StrCat("Cannot parse query: ", base::Message(expr.status())),
         "error");
  }
  return absl::OkStatus();
}

}  // namespace varve::query

// Any text is a query or an error, in both dialects; a query's canonical text
// is a query again and prints the same, on one line and on several.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/base/status.h"
#include "lib/promql/duration.h"
#include "lib/promql/parser.h"
#include "lib/promql/printer.h"
#include "tests/fuzz/seeds.h"

namespace {

using namespace varve::promql;

// `text`, which was printed for `query`, is `printed` once parsed and printed.
void CheckPrintsAs(std::string_view query, const std::string& text,
                   const std::string& printed, Dialect dialect) {
  const auto again = ParseExpr(text, dialect);
  if (again.ok() && ExprText(**again) == printed) return;
  std::fprintf(stderr, "query %.*s\ntext  %s\ngives %s\n",
               static_cast<int>(query.size()), query.data(), text.c_str(),
               again.ok()
                   ? ExprText(**again).c_str()
                   : std::string(varve::base::Message(again.status())).c_str());
  std::abort();
}

void CheckText(std::string_view text, Dialect dialect) {
  const auto expr = ParseExpr(text, dialect);
  if (!expr.ok()) return;
  const std::string printed = ExprText(**expr);
  CheckPrintsAs(text, printed, printed, dialect);
  CheckPrintsAs(text, PrettyText(**expr), printed, dialect);
  if (const auto with = TemplatesText(text)) {
    CheckPrintsAs(text, *with, printed, dialect);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)ParseSelectorGroups(text, true);
  (void)ParseDurationMs(text);
  CheckText(text, Dialect::kPromql);
  CheckText(text, Dialect::kMetricsql);
  return 0;
}

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  for (const std::string_view text :
       {"sum by (x) (rate(a{b=~\"c.*\",d!='e'}[5m:1m] @ start() offset -1h))",
        "a > bool on(x) group_left(y) fill(0) topk(5, {\"f.g\", "
        "\"\\xff\"=\"`\"})",
        "m[max(step(), 0x1F)] offset (-2 ^ 2)", "-1_0.5e3 ^ 017 % NaN",
        "a\\-b{c\\x2dd=\"e\"} @ (time() - 60) == (1, max_of(2, 3))",
        "with (f = {a=\"b\"}, w = 1.5h, x(q) = -q) x(m{f or c=\"d\"+\"e\"}[w])",
        "sum(a, b) by (x) limit 5 default (rate(m) + 8Ki) keep_metric_names",
        "a * on(x) group_left(*) prefix \"p\" (b, c) if rate(m[5i] "
        "smoothed)"}) {
    add(text.data(), text.size());
  }
}

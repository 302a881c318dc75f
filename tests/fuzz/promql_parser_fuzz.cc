// Any text is a query or an error; a query's canonical text is a query again
// and prints the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/promql/duration.h"
#include "lib/promql/parser.h"
#include "lib/promql/printer.h"
#include "tests/fuzz/seeds.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace varve::promql;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)ParseSelector(text, true);
  (void)ParseDurationMs(text);
  const auto expr = ParseExpr(text);
  if (!expr.ok()) return 0;
  const std::string printed = ExprText(**expr);
  const auto again = ParseExpr(printed);
  if (!again.ok() || ExprText(**again) != printed) std::abort();
  return 0;
}

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  for (const std::string_view text :
       {"sum by (x) (rate(a{b=~\"c.*\",d!='e'}[5m:1m] @ start() offset -1h))",
        "a > bool on(x) group_left(y) fill(0) topk(5, {\"f.g\", "
        "\"\\xff\"=\"`\"})",
        "m[max(step(), 0x1F)] offset (-2 ^ 2)", "-1_0.5e3 ^ 017 % NaN"}) {
    add(text.data(), text.size());
  }
}

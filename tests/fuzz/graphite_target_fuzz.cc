// Any text is a target or an error; a target prints as a text that parses to
// one that prints the same. Times and patterns of any text are read as well.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/graphite/path_pattern.h"
#include "lib/graphite/target.h"
#include "lib/graphite/time_text.h"
#include "tests/fuzz/seeds.h"

using namespace varve::graphite;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)ParseTimeMs(text, 1'795'178'096'000);
  (void)ParseIntervalMs(text);
  (void)PathPattern::Parse(text);
  (void)FirstPath(text);
  const auto target = ParseTarget(text);
  if (!target.ok()) return 0;
  const std::string printed = TargetText(*target);
  const auto again = ParseTarget(printed);
  // Quotes take more room once printed.
  if (!again.ok() && printed.size() > kTargetBytesMax) return 0;
  if (again.ok() && TargetText(*again) == printed) return 0;
  std::fprintf(stderr, "target %.*s prints as %s\n", static_cast<int>(size),
               text.data(), printed.c_str());
  std::abort();
}

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  for (const std::string_view text :
       {"aliasByNode(scale(a.*.b{c,d}.[0-9],factor=0.1), 1,-2)",
        "a.b|sumSeries()|alias('x\\'y')", "a=b|f()",
        "seriesByTag('a=b','c!=~d.*')", "f(true,None,-1.5e3,\"q, (\")",
        "12:34_20261120", "-1h30min"}) {
    add(text.data(), text.size());
  }
}

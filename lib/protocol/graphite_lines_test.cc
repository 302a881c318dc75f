#include "lib/protocol/graphite_lines.h"

#include <catch2/catch.hpp>

#include "lib/protocol/read_lines.h"

namespace varve::protocol {
namespace {

ReadResult Read(std::string_view text, const GraphiteOptions& options = {}) {
  return ReadAll(GraphiteLinesReader(text, options, 1'700'000'123'456, 1'000));
}

TEST_CASE("graphite: paths, tags and timestamps are read", "[protocol]") {
  // The second line is the example of "Graphite Tag Support".
  const ReadResult r = Read(
      "test.bash.stats 42 1700000000\n"
      "disk.used;datacenter=dc1;rack=a1;server=web01 1.5e3 1700000001\r\n"
      "a\t1  1700000002.9 \nb;z=1;A=2;c=;d;z=3 -Inf 1700000003");
  CHECK(r.rows ==
        Rows{"test.bash.stats 1700000000000 42",
             "disk.used{datacenter=\"dc1\", rack=\"a1\", server=\"web01\"} "
             "1700000001000 1500",
             "a 1700000002000 1", "b{A=\"2\", z=\"3\"} 1700000003000 -inf"});
  CHECK(r.bad == 0);
}

TEST_CASE("graphite: no timestamp, 0 and -1 are now, in whole seconds",
          "[protocol]") {
  CHECK(Read("a 1\nb 2 0\nc 3 -1\n d  4 ").rows ==
        Rows{"a 1700000123000 1", "b 1700000123000 2",
             "c 1700000123000 3", "d 1700000123000 4"});
  CHECK(Read("a 1 119\nb 2", {.trim_ms = 60'000}).rows ==
        Rows{"a 60000 1", "b 1700000100000 2"});
}

TEST_CASE("graphite: names are sanitized when asked for", "[protocol]") {
  const std::string_view text = "a..b/c-d:e_f.é;k-1=v/2 1 7";
  CHECK(Read(text).rows == Rows{"a..b/c-d:e_f.é{k-1=\"v/2\"} 7000 1"});
  CHECK(Read(text, {.sanitize = true}).rows ==
        Rows{"a.b_c_d:e_f.__{k-1=\"v/2\"} 7000 1"});
}

TEST_CASE("graphite: bad lines are skipped and counted", "[protocol]") {
  const ReadResult r = Read(
      "a\nb x\nc 1 soon\nd 1 2 3\n;t=v 1 2\ne 1 1e300\nf 1 nan\n\n" +
      std::string(1'001, 'x') + "\ng 1 2");
  CHECK(r.rows == Rows{"g 2000 1"});
  CHECK(r.bad == 8);
  CHECK(r.error == "line 1: no value");
}

}  // namespace
}  // namespace varve::protocol

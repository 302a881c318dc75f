#include "lib/protocol/opentsdb_lines.h"

#include <catch2/catch.hpp>

#include "lib/protocol/read_lines.h"

namespace varve::protocol {
namespace {

ReadResult Read(std::string_view text, int64_t trim_ms = 1'000) {
  return ReadAll(OpenTsdbLinesReader(text, trim_ms, 1'700'000'123'456, 1'000));
}

TEST_CASE("opentsdb: put lines are read, in seconds and milliseconds",
          "[protocol]") {
  // The first line is the example of the documentation.
  const ReadResult r = Read(
      "put sys.cpu.user 1356998400 42.5 host=webserver01 cpu=0\n"
      "put a 1356998400123 1\r\n  put  b  0  2  t=  =x \n\n"
      "put c 4294967295 3 z=1 A=2");
  CHECK(r.rows ==
        Rows{"sys.cpu.user{cpu=\"0\", host=\"webserver01\"} 1356998400000 42.5",
             "a 1356998400123 1", "b 1700000123000 2",
             "c{A=\"2\", z=\"1\"} 4294967295000 3"});
  CHECK(r.bad == 0);
  CHECK(Read("put a 119 1", 60'000).rows == Rows{"a 60000 1"});
}

TEST_CASE("opentsdb: other commands and bad lines are skipped and counted",
          "[protocol]") {
  const ReadResult r = Read(
      "version\nput\nput a\nput a 1\nput a x 1\nput a 1 x\nput a 1 2 tag\n"
      "putt a 1 2\nput a 1e300 2\nput a 1 2");
  CHECK(r.rows == Rows{"a 1000 2"});
  CHECK(r.bad == 9);
  CHECK(r.error == "line 1: the command is not put");
}

}  // namespace
}  // namespace varve::protocol

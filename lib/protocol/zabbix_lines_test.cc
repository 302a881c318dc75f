#include "lib/protocol/zabbix_lines.h"

#include <catch2/catch.hpp>

#include "lib/protocol/read_lines.h"

namespace varve::protocol {
namespace {

// After the example of Zabbix' manual.
constexpr std::string_view kLine =
    R"({"host":{"host":"Host B","name":"Host B visible"},)"
    R"("groups":["Group X","Group Y"],"item_tags":[{"tag":"foo","value":"1"},)"
    R"({"tag":"foo","value":"2"},{"tag":"empty","value":""}],"itemid":3,)"
    R"("name":"Latency","clock":1519304285,"ns":123456789,"value":0.5,)"
    R"("type":0})";

ReadResult Read(std::string_view text, const ZabbixOptions& options = {}) {
  return ReadAll(ZabbixLinesReader(text, options));
}

TEST_CASE("zabbix: an item's value is a row with its host and tags",
          "[protocol]") {
  CHECK(Read(kLine).rows ==
        Rows{"Latency{host=\"Host B\", hostname=\"Host B visible\", "
             "tag_foo=\"2\"} 1519304285123 0.5"});
  CHECK(Read(kLine, {.groups_value = "1",
                     .empty_tags_value = "none",
                     .duplicate_separator = ","})
            .rows ==
        Rows{"Latency{group_Group X=\"1\", group_Group Y=\"1\", "
             "host=\"Host B\", hostname=\"Host B visible\", "
             "tag_empty=\"none\", tag_foo=\"1,2\"} 1519304285123 0.5"});
}

TEST_CASE("zabbix: bad lines and texts are skipped and counted",
          "[protocol]") {
  const auto changed = [](std::string_view from, std::string_view to) {
    std::string line(kLine);
    line.replace(line.find(from), from.size(), to);
    return line + "\n";
  };
  std::string text = changed("\"type\":0", "\"type\":1");
  text += changed("\"type\":0", "\"typ\":0");
  text += changed("0.5", "\"x\"");
  text += changed("1519304285", "null");
  text += changed("\"ns\"", "\"n\"");
  text += changed("\"item_tags\"", "\"tags\"");
  text += changed("\"Host B\"", "\"\"");
  text += changed("Latency", "");
  text += "{\n[]\n\n7\n";
  text += changed("\"type\":0", "\"type\":3");
  const ReadResult r = Read(text);
  CHECK(r.rows.size() == 1);
  CHECK(r.bad == 11);
  CHECK(r.error == "line 1: the type is not numeric");
}

}  // namespace
}  // namespace varve::protocol

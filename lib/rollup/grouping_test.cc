#include "lib/rollup/grouping.h"

#include <catch2/catch.hpp>

namespace varve::rollup {
namespace {

std::string Canonical(const model::LabelSet& labels) {
  std::string bytes;
  model::AppendCanonicalBytes(bytes, labels);
  return bytes;
}

TEST_CASE("a group's key is its labels, from sets as from bytes", "[rollup]") {
  const model::LabelSet series({{"__name__", "up"},
                                {"__type__", "gauge"},
                                {"instance", "a"},
                                {"job", "x"}});
  struct Case {
    bool without;
    std::vector<std::string> names;
    bool without_metadata;
    model::LabelSet group;
  };
  const Case cases[] = {
      {false, {}, false, {}},
      {false, {"job", "absent"}, false, model::LabelSet({{"job", "x"}})},
      {false,
       {"job", "__name__"},
       false,
       model::LabelSet({{"__name__", "up"}, {"job", "x"}})},
      {false, {"job", "__name__"}, true, model::LabelSet({{"job", "x"}})},
      {true,
       {"job"},
       false,
       model::LabelSet({{"__type__", "gauge"}, {"instance", "a"}})},
      {true, {"job"}, true, model::LabelSet({{"instance", "a"}})},
      {true, {}, true, model::LabelSet({{"instance", "a"}, {"job", "x"}})},
  };
  for (const Case& one : cases) {
    const Grouping grouping(one.without, one.names);
    CHECK(grouping.Labels(series, one.without_metadata) == one.group);
    std::string key = "old";
    grouping.Key(series, one.without_metadata, key);
    CHECK(key == Canonical(one.group));
    std::string of_bytes = "old";
    CHECK(grouping.Key(Canonical(series), one.without_metadata, of_bytes));
    CHECK(of_bytes == key);
  }
}

TEST_CASE("bytes that are no labels have no group", "[rollup]") {
  const std::string bytes = Canonical(model::LabelSet({{"job", "x"}}));
  std::string key;
  CHECK_FALSE(Grouping(true, {}).Key(
      std::string_view(bytes).substr(0, bytes.size() - 1), false, key));
}

}  // namespace
}  // namespace varve::rollup

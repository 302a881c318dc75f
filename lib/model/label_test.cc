#include "lib/model/label.h"

#include <catch2/catch.hpp>

namespace varve::model {
namespace {

TEST_CASE("a label set sorts, drops empty values, keeps the last repeat",
          "[model]") {
  const LabelSet set(std::vector<Label>{
      {"job", "a"}, {"__name__", "up"}, {"gone", ""}, {"job", "b"}});
  CHECK(set.size() == 2);
  CHECK(set.Get("job") == "b");
  CHECK(set.Get("gone").empty());
  CHECK(set.Text() == "up{job=\"b\"}");
}

TEST_CASE("setting an empty value removes a label", "[model]") {
  LabelSet set{{"a", "1"}, {"c", "3"}};
  set.Set("b", "2");
  CHECK(set == LabelSet{{"a", "1"}, {"b", "2"}, {"c", "3"}});
  set.Remove("a");
  set.Remove("absent");
  CHECK(set == LabelSet{{"b", "2"}, {"c", "3"}});
}

TEST_CASE("canonical bytes come back as the same set", "[model]") {
  const LabelSet set{{"__name__", "3fooµ¥"}, {"b", std::string(300, 'x')}};
  std::string bytes;
  AppendCanonicalBytes(bytes, set);
  CHECK(*ParseCanonicalBytes(bytes) == set);
  CHECK(ParseCanonicalBytes("")->empty());
}

TEST_CASE("canonical bytes cut within a label are data loss", "[model]") {
  std::string bytes;
  AppendCanonicalBytes(bytes, LabelSet{{"ab", "cd"}, {"ef", "gh"}});
  for (size_t keep = 1; keep < bytes.size(); ++keep) {
    if (keep == 6) continue;  // the first label alone is a set
    CAPTURE(keep);
    CHECK(absl::IsDataLoss(
        ParseCanonicalBytes(std::string_view(bytes).substr(0, keep)).status()));
  }
}

TEST_CASE("unsorted or repeated labels are data loss", "[model]") {
  std::string bytes;
  AppendCanonicalBytes(bytes, LabelSet{{"b", "1"}});
  AppendCanonicalBytes(bytes, LabelSet{{"a", "1"}});
  CHECK(absl::IsDataLoss(ParseCanonicalBytes(bytes).status()));
}

TEST_CASE("series hashes differ by tenant and are fixed for ever", "[model]") {
  std::string bytes;
  AppendCanonicalBytes(bytes, LabelSet{{"__name__", "up"}});
  const SeriesHash one = HashSeries(TenantId::Numeric(1, 0), bytes);
  CHECK(one != HashSeries(TenantId::Numeric(2, 0), bytes));
  CHECK(one == HashSeries(TenantId::Numeric(1, 0), bytes));
  CHECK(SlotOf(one) == one.high >> 48);
}

}  // namespace
}  // namespace varve::model

// What the index answers: series of matchers, names, values, counts.
#include <map>
#include <random>
#include <set>

#include "lib/base/strings.h"
#include "storage/index/test_index.h"

namespace varve::storage {
namespace {

using model::LabelSet;
using model::MatchType;
using model::TenantId;

TEST_CASE("status counts what the matchers and days leave", "[index]") {
  TestIndex store;
  for (int i = 0; i < 5; ++i) {
    Define(*store.index, {{"__name__", "up"}, {"i", std::to_string(i)}});
    if (i == 2) REQUIRE(store.index->Flush().ok());
  }
  Define(*store.index, {{"__name__", "down"}, {"j", "x"}, {"k", "y"}});
  const auto status = store.index->CardinalityOf(
      {.tenant = kTenant, .focus_label = "j", .top_n = 2});
  REQUIRE(status.ok());
  CHECK(status->total_series == 6);
  CHECK(status->total_label_value_pairs == 13);
  const auto text = [](const std::vector<IndexCount>& counts) {
    std::string out;
    for (const IndexCount& count : counts) {
      out += count.name + ":" + std::to_string(count.count) + " ";
    }
    return out;
  };
  CHECK(text(status->series_count_by_metric_name) == "up:5 down:1 ");
  CHECK(text(status->series_count_by_label_name) == "__name__:6 i:5 ");
  CHECK(text(status->series_count_by_focus_label_value) == "x:1 ");
  CHECK(text(status->series_count_by_label_value_pair) ==
        "__name__=up:5 __name__=down:1 ");
  CHECK(text(status->label_value_count_by_label_name) == "i:5 __name__:2 ");
  const std::vector<model::Matchers> some = {
      {{MatchType::kRegex, "i", "[01]"}}};
  CHECK(store.index->CardinalityOf({.tenant = kTenant, .groups = some})
            ->total_series == 2);
}

TEST_CASE("digests and counts by slot add up to the whole", "[index]") {
  TestIndex store;
  for (int i = 0; i < 300; ++i) {
    Define(*store.index, {{"__name__", "up"}, {"i", std::to_string(i)}});
    if (i == 200) REQUIRE(store.index->Flush().ok());
  }
  const auto digests = store.index->SlotDigests({.tenant = kTenant});
  REQUIRE(digests.ok());
  uint64_t total = 0;
  model::SlotSet even;
  int64_t in_even = 0;
  for (const IndexSlotDigest& one : *digests) {
    total += one.count;
    if (one.slot % 2 != 0) continue;
    even.Add(one.slot);
    in_even += one.count;
  }
  CHECK(total == 300);
  const auto counted = store.index->CardinalityOf(
      {.tenant = kTenant, .slots = &even, .value_hashes = true});
  REQUIRE(counted.ok());
  CHECK(counted->total_series == in_even);
  for (const auto& [label, values] : counted->value_hashes) {
    CHECK(values.size() == static_cast<size_t>(label == "i" ? in_even : 1));
  }
}

TEST_CASE("ids of some slots are kept, known or not", "[index]") {
  TestIndex store;
  model::SlotSet even;
  std::vector<uint64_t> in_even;
  const auto define = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      const LabelSet labels{{"__name__", "up"}, {"i", std::to_string(i)}};
      const uint64_t id = Define(*store.index, labels).id;
      const uint16_t slot = model::SlotOf(Definition(kTenant, labels).hash);
      if (slot % 2 != 0) continue;
      even.Add(slot);
      in_even.push_back(id);
    }
  };
  const auto kept = [&] {
    std::vector<uint64_t> ids = SelectIds(*store.index, {});
    REQUIRE(store.index->KeepSlots(kTenant, even, ids).ok());
    return ids;
  };
  // Under another tenant no id has labels to read: what is kept was known.
  const auto kept_unread = [&] {
    std::vector<uint64_t> ids = SelectIds(*store.index, {});
    REQUIRE(store.index->KeepSlots(kOther, even, ids).ok());
    return ids;
  };
  define(0, 200);
  CHECK(kept_unread().empty());
  CHECK(kept() == in_even);
  CHECK(kept_unread() == in_even);
  REQUIRE(store.index->Flush().ok());
  define(200, 300);
  CHECK(kept() == in_even);
  CHECK(kept() == in_even);
  CHECK(kept_unread() == in_even);
  std::vector<uint64_t> ids = SelectIds(*store.index, {});
  REQUIRE(store.index->KeepSlots(kTenant, model::SlotSet(), ids).ok());
  CHECK(ids.empty());
}

// The oracle: matchers on label sets, one by one.
bool Matches(const std::vector<model::Matchers>& groups,
             const LabelSet& labels) {
  if (groups.empty()) return true;
  for (const model::Matchers& matchers : groups) {
    bool all = true;
    for (const model::Matcher& matcher : matchers) {
      all = all && model::CompiledMatcher::Make(matcher)->Matches(
                       labels.Get(matcher.name));
    }
    if (all) return true;
  }
  return false;
}

LabelSet RandomLabels(std::mt19937& random) {
  LabelSet labels;
  while (labels.empty()) {
    if (random() % 8) {
      labels.Set("__name__", "m" + std::to_string(random() % 4));
    }
    if (random() % 2) labels.Set("a", std::to_string(random() % 12));
    if (random() % 2) labels.Set("b", "x" + std::to_string(random() % 3));
    if (random() % 4 == 0) labels.Set("c", "only");
    if (random() % 3 == 0) labels.Set("id", std::to_string(random() % 1000));
  }
  return labels;
}

model::Matcher RandomMatcher(std::mt19937& random) {
  static const std::vector<std::string> kNames = {
      "__name__", "a", "b", "c", "id", "absent", ""};
  static const std::vector<std::string> kValues = {"",   "m1",   "1",
                                                   "x2", "only", "nothing"};
  static const std::vector<std::string> kRegexes = {
      "",   ".*",  ".+",  "m1|m2", "1|2|3",  "1.*",    "x[01]", "(m0|m3)",
      "1?", "x.+", "m1|", "o.*|1", "[^1].*", "(1|2).", "only",  "1*"};
  model::Matcher matcher;
  matcher.type = static_cast<MatchType>(random() % 4);
  matcher.name = kNames[random() % kNames.size()];
  matcher.value = matcher.is_regex() ? kRegexes[random() % kRegexes.size()]
                                     : kValues[random() % kValues.size()];
  return matcher;
}

TEST_CASE("selecting agrees with matching every series", "[index]") {
  const uint32_t seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  TestIndex store;
  std::map<uint64_t, LabelSet> all;
  std::map<uint64_t, std::set<int32_t>> days;
  for (int i = 0; i < 3000; ++i) {
    const LabelSet labels = RandomLabels(random);
    const uint64_t id = Define(*store.index, labels).id;
    all[id] = labels;
    Define(*store.index, labels, kOther);
    const int32_t day = 10 + static_cast<int32_t>(random() % 4);
    store.index->MarkActive(kTenant, day, {&id, 1});
    days[id].insert(day);
    // More shards than are kept apart, some memory at the end.
    if (i % 250 == 249 && i < 2900) REQUIRE(store.index->Flush().ok());
  }
  for (int query = 0; query < 300; ++query) {
    std::vector<model::Matchers> groups(random() % 3);
    for (model::Matchers& matchers : groups) {
      for (size_t n = random() % 4; n > 0; --n) {
        matchers.push_back(RandomMatcher(random));
      }
    }
    DayRange range;
    if (random() % 2) {
      range.first = 9 + static_cast<int32_t>(random() % 6);
      range.last = range.first + static_cast<int32_t>(random() % 3);
    }
    std::vector<uint64_t> expected;
    std::set<std::string> names, values;
    for (const auto& [id, labels] : all) {
      const auto active = days[id].lower_bound(range.first);
      if (active == days[id].end() || *active > range.last) continue;
      if (!Matches(groups, labels)) continue;
      expected.push_back(id);
      for (const model::Label& label : labels) {
        names.insert(label.name);
        if (label.name == "a") values.insert(label.value);
      }
    }
    std::string text;
    for (const auto& matchers : groups) {
      for (const auto& matcher : matchers) text += matcher.Text() + ",";
      text += " or ";
    }
    CAPTURE(text, range.first, range.last);
    CHECK(SelectIds(*store.index, groups, range) == expected);
    CHECK(*store.index->LabelNames(kTenant, groups, range, 0) ==
          std::vector<std::string>(names.begin(), names.end()));
    CHECK(*store.index->LabelValues(kTenant, groups, range, "a", 0) ==
          std::vector<std::string>(values.begin(), values.end()));
    if (query % 100 == 50) REQUIRE(store.index->Flush().ok());  // folds
  }
  const auto texts = LabelsOf(*store.index, SelectIds(*store.index, {}));
  REQUIRE(texts.size() == all.size());
  for (const auto& [id, labels] : all) CHECK(texts.at(id) == labels.Text());
}

TEST_CASE("a large flush through tables is as a small one", "[index]") {
  TestIndex store;
  constexpr int kSeries = 25'000;
  const auto labels_of = [](int i) {
    return LabelSet{{"__name__", base::StrCat("m", i % 50)},
                    {"i", base::StrCat(i)},
                    {"z", base::StrCat(i % 3)}};
  };
  // Small flushes before and after, so that pages and shards meet.
  std::vector<uint64_t> ids;
  for (int i = 0; i < kSeries; ++i) {
    const TenantId& tenant = i % 5 == 0 ? kOther : kTenant;
    const uint64_t id = Define(*store.index, labels_of(i), tenant).id;
    store.index->MarkActive(tenant, 5, {&id, 1});
    ids.push_back(id);
    if (i == 99 || i == 20'000 || i == kSeries - 1) {
      REQUIRE(store.index->Flush().ok());
    }
  }
  for (int round = 0; round < 2; ++round) {
    CHECK(store.index->stats().series == kSeries);
    CHECK(SelectIds(*store.index, {}, {5, 5}, kOther).size() == kSeries / 5);
    const auto one = SelectIds(*store.index,
                               {{{MatchType::kRegex, "__name__", "m7|m8"},
                                 {MatchType::kNotEqual, "z", "1"}}},
                               {5, 5});
    size_t expected = 0;
    for (int i = 0; i < kSeries; ++i) {
      expected += i % 5 != 0 && (i % 50 == 7 || i % 50 == 8) && i % 3 != 1;
    }
    CHECK(one.size() == expected);
    const auto texts = LabelsOf(*store.index, ids);
    CHECK(texts.size() == kSeries - kSeries / 5);
    for (int i = 1; i < kSeries; i += 501) {
      if (i % 5 != 0) CHECK(texts.at(ids[i]) == labels_of(i).Text());
    }
    CHECK_FALSE(Define(*store.index, labels_of(12'345), kOther).is_new);
    store.Reopen();
  }
}

}  // namespace
}  // namespace varve::storage

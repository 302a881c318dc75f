#include "storage/index/index.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "lib/base/strings.h"
#include "storage/index/matcher_algebra.h"
#include "tests/support/temp_dir.h"

namespace varve::storage {
namespace {

using model::LabelSet;
using model::MatchType;
using model::Refusal;
using model::TenantId;

const TenantId kTenant = TenantId::Numeric(1, 0);
const TenantId kOther = TenantId::Numeric(1, 1);

// An index on a directory; Reopen is a restart without a flush.
struct Store {
  explicit Store(const std::string& path) : path(path) { Reopen(); }
  void Reopen() {
    index.reset();
    db.reset();
    KvOptions options;
    options.path = path;
    options.cache = std::make_shared<KvCache>(1 << 20);
    options.family_options = Index::FamilyOptions;
    options.families = Index::FamilyNames();
    auto opened = KvDb::Open(options);
    REQUIRE(opened.ok());
    db = *std::move(opened);
    auto made = Index::Open(*db, {});
    REQUIRE(made.ok());
    index = *std::move(made);
  }
  const std::string path;
  std::unique_ptr<KvDb> db;
  std::unique_ptr<Index> index;
};

struct Definition {
  Definition(const TenantId& tenant, const LabelSet& labels) : tenant(tenant) {
    model::AppendCanonicalBytes(canonical, labels);
    hash = model::HashSeries(tenant, canonical);
  }
  IndexDefinition view() const { return {tenant, hash, canonical}; }
  TenantId tenant;
  std::string canonical;
  model::SeriesHash hash;
};

IndexDefined Define(Index& index, const LabelSet& labels,
                    const TenantId& tenant = kTenant) {
  const Definition definition(tenant, labels);
  const IndexDefinition view = definition.view();
  std::vector<IndexDefined> defined;
  const absl::Status status = index.FindOrCreate({&view, 1}, defined);
  INFO(status.ToString());
  REQUIRE(status.ok());
  return defined[0];
}

std::vector<uint64_t> SelectIds(const Index& index,
                                std::vector<model::Matchers> groups,
                                DayRange days = {},
                                const TenantId& tenant = kTenant) {
  const auto ids = index.Select(tenant, groups, days);
  REQUIRE(ids.ok());
  return *ids;
}

std::map<uint64_t, std::string> LabelsOf(const Index& index,
                                         const std::vector<uint64_t>& ids,
                                         const TenantId& tenant = kTenant) {
  std::map<uint64_t, std::string> texts;
  REQUIRE(index
              .ForEachSeries(tenant, ids,
                             [&](const IndexSeries& series) {
                               CHECK(ids[series.position] == series.id);
                               texts[series.id] = model::ParseCanonicalBytes(
                                                      series.labels)
                                                      ->Text();
                             })
              .ok());
  return texts;
}

TEST_CASE("a series keeps its id over calls, flushes and restarts",
          "[index]") {
  const tests::TempDir dir;
  Store store(dir.File("index"));
  const LabelSet up{{"__name__", "up"}, {"job", "a"}};
  const LabelSet down{{"__name__", "down"}, {"job", "a"}};
  const IndexDefined first = Define(*store.index, up);
  CHECK(first.is_new);
  CHECK(first.id == 1);
  const IndexDefined second = Define(*store.index, down);
  CHECK(second.id == 2);
  CHECK(second.metric_id != first.metric_id);
  CHECK_FALSE(Define(*store.index, up).is_new);
  const IndexDefined other = Define(*store.index, up, kOther);
  CHECK(other.is_new);
  CHECK(other.id == 3);
  REQUIRE(store.index->Flush().ok());
  CHECK(Define(*store.index, up).id == first.id);
  const uint64_t epoch = store.index->ref_epoch();
  store.Reopen();
  CHECK(store.index->ref_epoch() == epoch);
  const IndexDefined again = Define(*store.index, up);
  CHECK(again.id == first.id);
  CHECK(again.metric_id == first.metric_id);
  CHECK_FALSE(again.is_new);
  CHECK(LabelsOf(*store.index, {1, 2, 3, 4, 99}) ==
        std::map<uint64_t, std::string>{{1, up.Text()}, {2, down.Text()}});
  CHECK(store.index->stats().series == 3);
  REQUIRE(store.index->RenewRefEpoch().ok());
  CHECK(store.index->ref_epoch() != epoch);
}

TEST_CASE("an id is never given twice, even when nothing was flushed",
          "[index]") {
  const tests::TempDir dir;
  Store store(dir.File("index"));
  const uint64_t lost = Define(*store.index, {{"a", "1"}}).id;
  store.Reopen();
  CHECK(Define(*store.index, {{"a", "2"}}).id > lost);
}

TEST_CASE("definitions from the log come back with their ids", "[index]") {
  const tests::TempDir dir;
  Store store(dir.File("index"));
  const Definition flushed(kTenant, {{"__name__", "m"}, {"a", "1"}});
  const Definition logged(kTenant, {{"__name__", "m"}, {"a", "2"}});
  const Definition late(kTenant, {{"__name__", "n"}, {"a", "3"}});
  REQUIRE(store.index->Restore(10, flushed.view()).ok());
  REQUIRE(store.index->Flush().ok());
  store.Reopen();
  // The log still has what was flushed; one definition comes out of order.
  for (int round = 0; round < 2; ++round) {
    REQUIRE(store.index->Restore(10, flushed.view()).ok());
    REQUIRE(store.index->Restore(100'000, logged.view()).ok());
    REQUIRE(store.index->Restore(50, late.view()).ok());
  }
  CHECK(SelectIds(*store.index, {}) ==
        std::vector<uint64_t>{10, 50, 100'000});
  CHECK(SelectIds(*store.index, {{{MatchType::kEqual, "__name__", "m"}}}) ==
        std::vector<uint64_t>{10, 100'000});
  CHECK(LabelsOf(*store.index, {10, 50, 100'000}).size() == 3);
  CHECK(Define(*store.index, {{"b", "1"}}).id == 100'001);
  REQUIRE(store.index->Flush().ok());
  CHECK(LabelsOf(*store.index, {100'000, 50, 10, 100'001}).size() == 4);
  CHECK(absl::IsDataLoss(store.index->Restore(0, late.view()).status()));
}

TEST_CASE("one hash with two label sets is refused, wherever it is known",
          "[index]") {
  const tests::TempDir dir;
  Store store(dir.File("index"));
  const Definition known(kTenant, {{"a", "1"}});
  Definition liar(kTenant, {{"a", "2"}});
  liar.hash = known.hash;
  const Definition fresh(kTenant, {{"a", "3"}});
  std::vector<IndexDefined> defined;
  const std::vector<IndexDefinition> together = {fresh.view(), known.view(),
                                                 liar.view()};
  for (int round = 0; round < 3; ++round) {  // new, in memory, flushed
    REQUIRE(store.index->FindOrCreate(together, defined).ok());
    CHECK(defined[0].refused == Refusal::kNone);
    CHECK(defined[1].id == 2);
    CHECK(defined[2].refused == Refusal::kHashCollision);
    CHECK(defined[2].id == 0);
    CHECK(SelectIds(*store.index, {}).size() == 2);
    if (round > 0) REQUIRE(store.index->Flush().ok());
  }
  CHECK(store.index->stats().hash_collisions == 3);
}

TEST_CASE("bad labels create nothing", "[index]") {
  const tests::TempDir dir;
  Store store(dir.File("index"));
  const Definition good(kTenant, {{"a", "1"}});
  const IndexDefinition bad{kTenant, {1, 2}, std::string_view("\x01" "a", 2)};
  std::vector<IndexDefined> defined;
  const std::vector<IndexDefinition> both = {good.view(), bad};
  REQUIRE(store.index->FindOrCreate(both, defined).ok());
  CHECK(defined[0].id == 1);
  CHECK(defined[1].refused == Refusal::kInvalidLabels);
  CHECK(SelectIds(*store.index, {}).size() == 1);
}

TEST_CASE("what is not admitted is not created, and the known comes first",
          "[index]") {
  const tests::TempDir dir;
  Store store(dir.File("index"));
  const Definition one(kTenant, {{"a", "1"}});
  const Definition two(kTenant, {{"a", "2"}});
  Define(*store.index, {{"a", "1"}});
  const std::vector<IndexDefinition> all = {two.view(), two.view(), one.view()};
  std::vector<std::pair<size_t, uint64_t>> asked;
  std::vector<IndexDefined> defined;
  REQUIRE(store.index
              ->FindOrCreate(all, defined,
                             [&](size_t i, uint64_t id) {
                               asked.emplace_back(i, id);
                               return Refusal::kHourlyLimit;
                             })
              .ok());
  CHECK(asked == std::vector<std::pair<size_t, uint64_t>>{{2, 1}, {0, 0}});
  for (const IndexDefined& each : defined) {
    CHECK(each.refused == Refusal::kHourlyLimit);
  }
  CHECK(SelectIds(*store.index, {}).size() == 1);
}

TEST_CASE("the same definition twice in one call is one series", "[index]") {
  const tests::TempDir dir;
  Store store(dir.File("index"));
  const Definition one(kTenant, {{"a", "1"}});
  const std::vector<IndexDefinition> twice = {one.view(), one.view()};
  std::vector<IndexDefined> defined;
  REQUIRE(store.index->FindOrCreate(twice, defined).ok());
  CHECK(defined[0].id == defined[1].id);
  CHECK(defined[0].is_new);
  CHECK_FALSE(defined[1].is_new);
}

TEST_CASE("days decide who is active, until they are dropped", "[index]") {
  const tests::TempDir dir;
  Store store(dir.File("index"));
  const uint64_t a = Define(*store.index, {{"n", "a"}}).id;
  const uint64_t b = Define(*store.index, {{"n", "b"}}).id;
  const uint64_t c = Define(*store.index, {{"n", "c"}}, kOther).id;
  const std::vector<uint64_t> both = {a, b};
  store.index->MarkActive(kTenant, 100, {&a, 1});
  store.index->MarkActive(kTenant, 101, both);
  store.index->MarkActive(kOther, 101, {&c, 1});
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    CHECK(SelectIds(*store.index, {}, {100, 100}) == std::vector{a});
    CHECK(SelectIds(*store.index, {}, {100, 101}) == both);
    CHECK(SelectIds(*store.index, {}, {102, 200}).empty());
    CHECK(SelectIds(*store.index, {{{MatchType::kEqual, "n", "b"}}},
                    {100, 100}).empty());
    CHECK(*store.index->Tenants({100, 100}) == std::vector{kTenant});
    CHECK(*store.index->Tenants({100, 101}) ==
          std::vector{kTenant, kOther});
    CHECK(store.index->Tenants({1, 99})->empty());
    CHECK(*store.index->LabelValues(kTenant, {}, {100, 100}, "n", 0) ==
          std::vector<std::string>{"a"});
    if (round == 0) REQUIRE(store.index->Flush().ok());
    if (round == 1) {
      store.index->MarkActive(kTenant, 100, {&a, 1});
      REQUIRE(store.index->Flush().ok());
      store.Reopen();
    }
  }
  REQUIRE(store.index->DropDaysBefore(101).ok());
  CHECK(SelectIds(*store.index, {}, {100, 100}).empty());
  CHECK(SelectIds(*store.index, {}, {100, 101}) == both);
  CHECK(store.index->Tenants({0, 100})->empty());
  store.Reopen();
  CHECK(SelectIds(*store.index, {}, {100, 100}).empty());
}

TEST_CASE("status counts what the matchers and days leave", "[index]") {
  const tests::TempDir dir;
  Store store(dir.File("index"));
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
  CHECK(store.index
            ->CardinalityOf({.tenant = kTenant, .groups = some})
            ->total_series == 2);
}

TEST_CASE("digests and counts by slot add up to the whole", "[index]") {
  const tests::TempDir dir;
  Store store(dir.File("index"));
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
    CHECK(values.size() ==
          static_cast<size_t>(label == "i" ? in_even : 1));
  }
}

TEST_CASE("a regular expression's literals and prefix", "[index]") {
  using Literals = std::vector<std::string>;
  CHECK(RegexLiterals("a|b\\.c|") == Literals{"a", "b.c", ""});
  CHECK(RegexLiterals("(a|b)") == Literals{"a", "b"});
  CHECK(RegexLiterals("") == Literals{""});
  for (const char* regex : {"a.b", "a\\d", "(a)|(b)", "(?i)a", "a+", "\\Qa\\E",
                            "(a\\)", "[ab]", "a\\"}) {
    CAPTURE(regex);
    CHECK_FALSE(RegexLiterals(regex).has_value());
  }
  CHECK(RegexPrefix("abc.*") == "abc");
  CHECK(RegexPrefix("abc*") == "ab");
  CHECK(RegexPrefix("ab\xc3\xa4?x") == "ab");
  CHECK(RegexPrefix("abc+") == "abc");
  CHECK(RegexPrefix("a\\.b(c|d)") == "a.b");
  CHECK(RegexPrefix("abc|d") == "");
  CHECK(RegexPrefix("a[|]b|c") == "");
  CHECK(RegexPrefix("(?i)abc") == "");
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
  static const std::vector<std::string> kNames = {"__name__", "a", "b", "c",
                                                  "id", "absent", ""};
  static const std::vector<std::string> kValues = {
      "", "m1", "1", "x2", "only", "nothing"};
  static const std::vector<std::string> kRegexes = {
      "", ".*", ".+", "m1|m2", "1|2|3", "1.*", "x[01]", "(m0|m3)", "1?",
      "x.+", "m1|", "o.*|1", "[^1].*", "(1|2).", "only", "1*"};
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
  const tests::TempDir dir;
  Store store(dir.File("index"));
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
  const tests::TempDir dir;
  Store store(dir.File("index"));
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

TEST_CASE("series marked inactive are gone until they are marked again",
          "[index]") {
  const tests::TempDir dir;
  Store store(dir.File("index"));
  std::vector<uint64_t> ids;
  for (int i = 0; i < 40; ++i) {
    const Definition definition(kTenant,
                                LabelSet{{"__name__", "m"},
                                         {"i", std::to_string(i)}});
    const IndexDefinition view = definition.view();
    std::vector<IndexDefined> defined;
    REQUIRE(store.index->FindOrCreate({&view, 1}, defined).ok());
    ids.push_back(defined[0].id);
  }
  const auto active = [&](int32_t first, int32_t last) {
    return *store.index->Select(kTenant, {}, {first, last});
  };
  for (const int32_t day : {3, 4, 5}) {
    store.index->MarkActive(kTenant, day, ids);
  }
  const std::vector<uint64_t> gone(ids.begin(), ids.begin() + 20);
  const std::vector<uint64_t> left(ids.begin() + 20, ids.end());
  const std::vector<uint64_t> back(ids.begin(), ids.begin() + 1);
  SECTION("before a flush") {}
  SECTION("after a flush") { REQUIRE(store.index->Flush().ok()); }
  CHECK(*store.index->ActiveDays(kTenant, {4, 9}, gone) ==
        std::vector<int32_t>{4, 5});
  REQUIRE(store.index->MarkInactive(kTenant, {4, 5}, gone).ok());
  CHECK(*store.index->ActiveDays(kTenant, {}, gone) ==
        std::vector<int32_t>{3});
  for (int pass = 0; pass < 3; ++pass) {
    CAPTURE(pass);
    CHECK(active(3, 3) == ids);
    CHECK(active(4, 4) == left);
    CHECK(active(4, 9) == left);
    CHECK(active(3, 9) == ids);
    CHECK(store.index->LabelValues(kTenant, {}, {4, 4}, "i", 0)->size() == 20);
    if (pass == 0) REQUIRE(store.index->Flush().ok());
    if (pass == 1) store.Reopen();
  }
  store.index->MarkActive(kTenant, 5, back);
  std::vector<uint64_t> with_back = left;
  with_back.insert(with_back.begin(), back[0]);
  for (int pass = 0; pass < 2; ++pass) {
    CHECK(active(4, 4) == left);
    CHECK(active(5, 5) == with_back);
    REQUIRE(store.index->Flush().ok());
  }
  REQUIRE(store.index->MarkInactive(kTenant, {}, ids).ok());
  for (int pass = 0; pass < 2; ++pass) {
    CHECK(active(0, 9).empty());
    CHECK(store.index->Tenants({0, 9})->empty());
    REQUIRE(store.index->Flush().ok());
  }
  store.index->MarkActive(kTenant, 4, back);
  CHECK(active(0, 9) == back);
  CHECK(store.index->Tenants({0, 9})->size() == 1);
}

TEST_CASE("definitions, reads and flushes at once lose nothing", "[index]") {
  const tests::TempDir dir;
  Store store(dir.File("index"));
  constexpr int kThreads = 3;
  constexpr int kSeries = 1500;
  std::atomic<bool> stop{false};
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kSeries; ++i) {
        // Every series is defined by two threads.
        const LabelSet labels{{"__name__", "m" + std::to_string(i % 7)},
                              {"i", std::to_string(i)},
                              {"t", std::to_string(t / 2)}};
        const Definition definition(kTenant, labels);
        const IndexDefinition view = definition.view();
        std::vector<IndexDefined> defined;
        if (!store.index->FindOrCreate({&view, 1}, defined).ok()) ++failures;
        store.index->MarkActive(kTenant, 1, {&defined[0].id, 1});
        const model::Matchers matchers = {
            {MatchType::kEqual, "i", std::to_string(i)},
            {MatchType::kEqual, "t", std::to_string(t / 2)}};
        const auto ids =
            store.index->Select(kTenant, {&matchers, 1}, {1, 1});
        if (!ids.ok() || *ids != std::vector{defined[0].id}) ++failures;
        int seen = 0;
        const std::vector<uint64_t> one = {defined[0].id};
        const absl::Status status = store.index->ForEachSeries(
            kTenant, one, [&](const IndexSeries& series) {
              seen += series.labels == view.labels;
            });
        if (!status.ok() || seen != 1) ++failures;
      }
    });
  }
  std::thread flusher([&] {
    while (!stop) {
      if (!store.index->Flush().ok()) ++failures;
      std::this_thread::yield();
    }
  });
  for (std::thread& thread : threads) thread.join();
  stop = true;
  flusher.join();
  CHECK(failures == 0);
  CHECK(SelectIds(*store.index, {}).size() == 2 * kSeries);
  CHECK(store.index->stats().series == 2 * kSeries);
}

TEST_CASE("a series counts once while it is flushed", "[index]") {
  const tests::TempDir dir;
  Store store(dir.File("index"));
  std::atomic<bool> stop{false};
  std::atomic<int> defined{0};
  std::thread flusher([&] {
    while (!stop) CHECK(store.index->Flush().ok());
  });
  std::thread reader([&] {
    while (!stop) {
      const int before = defined;
      const auto counted = store.index->CardinalityOf({.tenant = kTenant});
      const int after = defined + 1;
      CHECK(counted->total_series >= before);
      CHECK(counted->total_series <= after);
    }
  });
  for (int i = 0; i < 400; ++i) {
    Define(*store.index, {{"i", std::to_string(i)}});
    ++defined;
  }
  stop = true;
  flusher.join();
  reader.join();
}

TEST_CASE("forgotten series are gone with all they had, others stay",
          "[index]") {
  const tests::TempDir dir;
  Store store(dir.File("index"));
  std::vector<uint64_t> old_ids;
  for (int i = 0; i < 200; ++i) {
    const uint64_t id =
        Define(*store.index, {{"__name__", i % 2 ? "new" : "old"},
                              {i % 2 ? "kept" : "gone", std::to_string(i)},
                              {"both", "1"}})
            .id;
    if (i % 2 == 0) old_ids.push_back(id);
    store.index->MarkActive(kTenant, i % 2 ? 11 : 10, std::span(&id, 1));
    if (i == 100) REQUIRE(store.index->Flush().ok());
  }
  REQUIRE(store.index->Flush().ok());
  CHECK(store.index->FindUnused()->empty());
  REQUIRE(store.index->DropDaysBefore(11).ok());
  const auto unused = store.index->FindUnused();
  REQUIRE(unused->size() == 1);
  CHECK(unused->at(0).ids == old_ids);
  // One comes back to life in time.
  store.index->MarkActive(kTenant, 12, std::span(&old_ids[3], 1));
  auto leaving = store.index->BeginForget(kTenant, old_ids);
  CHECK(leaving.size() == 99);
  const LabelSet old0{{"__name__", "old"}, {"gone", "0"}, {"both", "1"}};
  CHECK(Define(*store.index, old0).id == 201);  // before it is on disk
  CHECK(SelectIds(*store.index, {}).size() == 102);
  REQUIRE(store.index->Forget(kTenant, leaving).ok());
  for (int round = 0; round < 2; ++round) {
    CHECK(SelectIds(*store.index, {}).size() == 102);
    CHECK(SelectIds(*store.index, {{{MatchType::kEqual, "both", "1"}}})
              .size() == 102);
    CHECK(LabelsOf(*store.index, old_ids).size() == 1);
    CHECK(store.index->LabelValues(kTenant, {}, {}, "gone", 0)->size() == 2);
    CHECK(store.index->stats().series == 102);
    CHECK(Define(*store.index, old0).id == 201);
    REQUIRE(store.index->Flush().ok());
    store.Reopen();
  }
  const uint64_t last[] = {201, old_ids[3]};
  REQUIRE(store.index->DropDaysBefore(13).ok());
  CHECK(store.index->FindUnused()->at(0).ids.size() == 102);
  leaving = store.index->BeginForget(kTenant, last);
  std::sort(leaving.begin(), leaving.end());
  REQUIRE(store.index->Forget(kTenant, leaving).ok());
  CHECK(*store.index->LabelNames(kTenant, {}, {}, 0) ==
        std::vector<std::string>{"__name__", "both", "kept"});
  CHECK(*store.index->LabelValues(kTenant, {}, {}, "__name__", 0) ==
        std::vector<std::string>{"new"});
}

}  // namespace
}  // namespace varve::storage

// Which series are active on which days, and what becomes of those of no day.
#include <algorithm>

#include "storage/index/test_index.h"

namespace varve::storage {
namespace {

using model::LabelSet;
using model::MatchType;

TEST_CASE("days decide who is active, until they are dropped", "[index]") {
  TestIndex store;
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
    CHECK(SelectIds(*store.index, {{{MatchType::kEqual, "n", "b"}}}, {100, 100})
              .empty());
    CHECK(*store.index->Tenants({100, 100}) == std::vector{kTenant});
    CHECK(*store.index->Tenants({100, 101}) == std::vector{kTenant, kOther});
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

TEST_CASE("series marked inactive are gone until they are marked again",
          "[index]") {
  TestIndex store;
  std::vector<uint64_t> ids;
  for (int i = 0; i < 40; ++i) {
    const Definition definition(
        kTenant, LabelSet{{"__name__", "m"}, {"i", std::to_string(i)}});
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
  CHECK(*store.index->ActiveDays(kTenant, {}, gone) == std::vector<int32_t>{3});
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

TEST_CASE("forgotten series are gone with all they had, others stay",
          "[index]") {
  TestIndex store;
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
    CHECK(
        SelectIds(*store.index, {{{MatchType::kEqual, "both", "1"}}}).size() ==
        102);
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

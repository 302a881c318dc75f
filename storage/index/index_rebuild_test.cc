// Each family of the index lost, alone and together with others.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>

#include "storage/index/index.h"
#include "storage/index/index_repair.h"
#include "storage/index/test_index.h"

namespace varve::storage {
namespace {

using model::LabelSet;
using model::TenantId;

constexpr int kSeries = 300;
constexpr int32_t kDay = 20'777;

struct Store {
  explicit Store(const std::string& path) {
    db = OpenIndexDb(path);
    REQUIRE(RepairIndexMeta(*db).ok());
    auto made = Index::Open(*db, {});
    REQUIRE(made.ok());
    index = *std::move(made);
  }

  // The id, or nothing while the index must not say.
  std::optional<uint64_t> Define(const TenantId& tenant, int i) {
    std::string canonical;
    model::AppendCanonicalBytes(
        canonical, LabelSet{{"__name__", "m" + std::to_string(i % 7)},
                            {"job", "a"},
                            {"series", std::to_string(i)}});
    const IndexDefinition one = {
        tenant, model::HashSeries(tenant, canonical), canonical};
    std::vector<IndexDefined> defined;
    const absl::Status status = index->FindOrCreate({&one, 1}, defined);
    if (absl::IsUnavailable(status)) return std::nullopt;
    INFO(status);
    REQUIRE(status.ok());
    return defined[0].id;
  }

  // In three flushes, so that pages and postings have several parts.
  void Fill() {
    for (int i = 0; i < kSeries; ++i) {
      const uint64_t id = *Define(kTenant, i);
      index->MarkActive(kTenant, kDay + i % 2, std::span(&id, 1));
      const uint64_t other = *Define(kOther, i);
      index->MarkActive(kOther, kDay, std::span(&other, 1));
      if (i % 100 == 99) REQUIRE(index->Flush().ok());
    }
  }

  void Lose(std::string_view family) {
    KvBatch batch;
    batch.DeleteRange(*db->Find(family), "", std::string(16, '\xff'));
    REQUIRE(db->Write(batch, true).ok());
    REQUIRE(db->AddLoss({.family = std::string(family), .first = {},
                         .last = {}, .file = "000001.sst"})
                .ok());
  }

  // One tenant's rows of it.
  void LoseOf(const TenantId& tenant, std::string_view family) {
    const KvFamilyRef of = db->Find(family);
    KvBatch batch;
    const auto it = db->Scan(of, {});
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      if (model::TenantFromKey(it->key()) == tenant) {
        batch.Delete(*of, it->key());
      }
    }
    REQUIRE(db->Write(batch, true).ok());
    REQUIRE(db->AddLoss({.family = std::string(family), .first = {},
                         .last = {}, .file = "000001.sst"})
                .ok());
  }

  // What the blocks would tell. `steps` is how often it goes on.
  absl::StatusOr<std::vector<KvLoss>> Rebuild(
      const std::vector<uint64_t>& ids, const std::vector<uint64_t>& others,
      int steps = INT32_MAX) {
    const auto visit_blocks = [&](const DayRange&, const auto& visit) {
      for (size_t i = 0; i < ids.size(); ++i) {
        visit(kTenant, kDay + static_cast<int32_t>(i) % 2, ids[i]);
        visit(kOther, kDay, others[i]);
      }
      return absl::OkStatus();
    };
    const auto take_gone = [&](std::span<const IndexTenantIds> told) {
      for (const IndexTenantIds& one : told) gone.push_back(one);
      return absl::OkStatus();
    };
    const auto go_on = [&] {
      return --steps >= 0 ? absl::OkStatus()
                          : absl::UnavailableError("stopping");
    };
    return index->Rebuild({.visit_blocks = visit_blocks,
                           .take_gone = take_gone,
                           .go_on = go_on});
  }

  std::vector<uint64_t> Select(const TenantId& tenant, const char* name,
                               const char* value, DayRange days = {}) {
    model::Matchers matchers;
    if (*name != '\0') {
      matchers.push_back({.type = model::MatchType::kEqual,
                          .name = name,
                          .value = value});
    }
    const std::vector<model::Matchers> groups = {matchers};
    const auto ids = index->Select(tenant, groups, days);
    REQUIRE(ids.ok());
    return *ids;
  }

  // Everything that reads can ask for, as text.
  std::string Everything() {
    std::string text;
    for (const TenantId& tenant : {kTenant, kOther}) {
      for (const char* value : {"m0", "m6"}) {
        for (const uint64_t id : Select(tenant, "__name__", value)) {
          text += std::to_string(id) + ",";
        }
      }
      for (const int32_t day : {kDay, kDay + 1}) {
        text += " day " + std::to_string(
            Select(tenant, "job", "a", {day, day}).size());
      }
      REQUIRE(index
                  ->ForEachSeries(tenant, Select(tenant, "job", "a"),
                                  [&](const IndexSeries& series) {
                                    text += std::to_string(series.metric_id);
                                    text.append(series.labels);
                                  })
                  .ok());
      const auto names = index->LabelNames(tenant, {}, {}, 0);
      REQUIRE(names.ok());
      for (const std::string& name : *names) text += name;
      const auto values = index->LabelValues(tenant, {}, {}, "series", 0);
      REQUIRE(values.ok());
      for (const std::string& value : *values) text += value + ",";
      const auto counts = index->CardinalityOf({.tenant = tenant, .groups = {},
                                                .days = {}, .focus_label = {}});
      REQUIRE(counts.ok());
      text += std::to_string(counts->total_series) + "/" +
              std::to_string(counts->total_label_value_pairs);
    }
    return text + " " + std::to_string(index->stats().series);
  }

  std::unique_ptr<KvDb> db;
  std::unique_ptr<Index> index;
  std::vector<IndexTenantIds> gone;  // what rebuilds told
};

TEST_CASE("a lost family of the index is made again of the others",
          "[index]") {
  for (const std::string lost : {"series", "hash", "post", "names", "metrics",
                                 "active", "meta", "hash post names metrics",
                                 "post active"}) {
    CAPTURE(lost);
    const tests::TempDir dir;
    std::string want;
    std::vector<uint64_t> ids;
    std::vector<uint64_t> others;
    uint64_t epoch = 0;
    {
      Store store(dir.File("index"));
      store.Fill();
      for (int i = 0; i < kSeries; ++i) {
        ids.push_back(*store.Define(kTenant, i));
        others.push_back(*store.Define(kOther, i));
      }
      want = store.Everything();
      epoch = store.index->ref_epoch();
      for (size_t begin = 0; begin < lost.size();) {
        const size_t end = std::min(lost.find(' ', begin), lost.size());
        store.Lose(lost.substr(begin, end - begin));
        begin = end + 1;
      }
      const bool hashed = lost.find("hash") != std::string::npos;
      if (hashed) CHECK_FALSE(store.Define(kTenant, 7));  // not a second id
      const auto rebuilt = store.Rebuild(ids, others);
      REQUIRE(rebuilt.ok());
      CHECK(store.gone.empty());
      REQUIRE(store.db->ForgetLosses(*rebuilt).ok());
      CHECK(store.db->Losses().empty());
      CHECK(store.Everything() == want);
    }
    Store store(dir.File("index"));
    CHECK(store.Everything() == want);
    CHECK(store.index->ref_epoch() == epoch);
    for (int i = 0; i < kSeries; ++i) {
      CHECK(*store.Define(kTenant, i) == ids[i]);
    }
    // New ones get new ids, and their postings write over no others.
    const auto fresh = store.Define(kTenant, kSeries);
    REQUIRE(fresh);
    CHECK(*fresh > others.back());
    REQUIRE(store.index->Flush().ok());
    CHECK(store.Select(kTenant, "job", "a").size() == kSeries + 1);
  }
}

std::set<std::string> TablesIn(const std::string& dir) {
  std::set<std::string> tables;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    if (entry.path().extension() == ".sst") tables.insert(entry.path());
  }
  return tables;
}

// The rows of `meta` as they are now, in a table; its file's name.
std::string MetaTable(Store& store, const std::string& dir) {
  const std::set<std::string> before = TablesIn(dir);
  REQUIRE(store.db->Flush(*store.db->Find("meta")).ok());
  for (const std::string& table : TablesIn(dir)) {
    if (!before.contains(table)) return table;
  }
  FAIL("no table");
  return {};
}

void DamageFirstBlock(const std::string& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4);
  file.write("\xff\xff\xff\xff", 4);
  REQUIRE(file.good());
}

TEST_CASE("ids are not given twice when a start meets damaged counters",
          "[index]") {
  // An older table of the counters is left, or none.
  for (const bool older : {false, true}) {
    CAPTURE(older);
    const tests::TempDir dir;
    const std::string path = dir.File("index");
    std::string table;
    uint64_t last = 0;
    {
      Store store(path);
      const uint64_t first = *store.Define(kTenant, kSeries);
      store.index->MarkActive(kTenant, kDay, std::span(&first, 1));
      REQUIRE(store.index->Flush().ok());
      if (older) (void)MetaTable(store, path);
      store.Fill();
      last = *store.Define(kOther, kSeries - 1);
      table = MetaTable(store, path);
    }
    DamageFirstBlock(table);
    Store store(path);
    REQUIRE_FALSE(store.db->Losses().empty());
    const auto fresh = store.Define(kTenant, kSeries + 1);
    REQUIRE(fresh);
    CHECK(*fresh > last);
    REQUIRE(store.index->Flush().ok());
    // Nor are postings of old series written over, nor the pages.
    CHECK(store.Select(kTenant, "job", "a").size() == kSeries + 2);
    std::set<uint32_t> metrics;
    REQUIRE(store.index
                ->ForEachSeries(kTenant, store.Select(kTenant, "job", "a"),
                                [&](const IndexSeries& series) {
                                  metrics.insert(series.metric_id);
                                })
                .ok());
    CHECK(metrics.size() == 7);
    const auto rebuilt = store.Rebuild({}, {});
    REQUIRE(rebuilt.ok());
    REQUIRE(store.db->ForgetLosses(*rebuilt).ok());
    CHECK(*store.Define(kTenant, kSeries + 2) > *fresh);
  }
}

TEST_CASE("series of which pages and hashes are lost are gone, and told",
          "[index]") {
  const tests::TempDir dir;
  Store store(dir.File("index"));
  store.Fill();
  const std::vector<uint64_t> ids = store.Select(kTenant, "job", "a");
  store.Lose("series");
  store.Lose("hash");
  const auto rebuilt = store.Rebuild({}, {});
  REQUIRE(rebuilt.ok());
  REQUIRE(store.gone.size() == 2);
  CHECK(store.gone[0].ids == ids);
  REQUIRE(store.db->ForgetLosses(*rebuilt).ok());
  CHECK(store.Select(kTenant, "job", "a").empty());
  CHECK(*store.Define(kTenant, 7) > ids.back());  // an id of its own
}

TEST_CASE("a rebuild that ends early has told of the series that are gone",
          "[index]") {
  // At each step: what the second rebuild cannot know the first one has told.
  for (int steps = 0;; ++steps) {
    CAPTURE(steps);
    const tests::TempDir dir;
    std::vector<uint64_t> ids;
    std::vector<IndexTenantIds> told;
    {
      Store store(dir.File("index"));
      ids = {*store.Define(kTenant, 0)};
      REQUIRE(store.Define(kOther, 0));  // its page is written again
      REQUIRE(store.index->Flush().ok());
      store.LoseOf(kTenant, "series");
      store.LoseOf(kTenant, "hash");
      const auto rebuilt = store.Rebuild({}, {}, steps);
      told = store.gone;
      if (rebuilt.ok()) {
        CHECK(steps > 0);
        REQUIRE(told.size() == 1);
        return;
      }
      CHECK(absl::IsUnavailable(rebuilt.status()));
    }
    Store store(dir.File("index"));
    REQUIRE(store.Rebuild({}, {}).ok());
    for (const IndexTenantIds& one : store.gone) told.push_back(one);
    REQUIRE_FALSE(told.empty());
    CHECK(told[0].ids == ids);
    CHECK(store.Select(kOther, "job", "a").size() == 1);
  }
}

}  // namespace
}  // namespace varve::storage

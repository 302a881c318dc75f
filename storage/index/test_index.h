// An index in a directory of a test's own, and what tests ask of it. For the
// tests of this folder.
#ifndef VARVE_STORAGE_INDEX_TEST_INDEX_H_
#define VARVE_STORAGE_INDEX_TEST_INDEX_H_

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/model/label.h"
#include "lib/model/tenant.h"
#include "storage/index/index.h"
#include "storage/kv/kv.h"
#include "tests/support/temp_dir.h"

namespace varve::storage {

inline const model::TenantId kTenant = model::TenantId::Numeric(1, 0);
inline const model::TenantId kOther = model::TenantId::Numeric(1, 1);

inline std::unique_ptr<KvDb> OpenIndexDb(const std::string& path) {
  KvOptions options;
  options.path = path;
  options.cache = std::make_shared<KvCache>(1 << 20);
  options.family_options = Index::FamilyOptions;
  options.families = Index::FamilyNames();
  auto opened = KvDb::Open(options);
  INFO(opened.status());
  REQUIRE(opened.ok());
  return *std::move(opened);
}

// Reopen is a restart without a flush.
struct TestIndex {
  TestIndex() { Reopen(); }
  void Reopen() {
    index.reset();
    db.reset();
    db = OpenIndexDb(dir.File("index"));
    auto made = Index::Open(*db, {});
    REQUIRE(made.ok());
    index = *std::move(made);
  }
  const tests::TempDir dir;
  std::unique_ptr<KvDb> db;
  std::unique_ptr<Index> index;
};

struct Definition {
  Definition(const model::TenantId& tenant, const model::LabelSet& labels)
      : tenant(tenant) {
    model::AppendCanonicalBytes(canonical, labels);
    hash = model::HashSeries(tenant, canonical);
  }
  IndexDefinition view() const { return {tenant, hash, canonical}; }
  model::TenantId tenant;
  std::string canonical;
  model::SeriesHash hash;
};

inline IndexDefined Define(Index& index, const model::LabelSet& labels,
                           const model::TenantId& tenant = kTenant) {
  const Definition definition(tenant, labels);
  const IndexDefinition view = definition.view();
  std::vector<IndexDefined> defined;
  const absl::Status status = index.FindOrCreate({&view, 1}, defined);
  INFO(status.ToString());
  REQUIRE(status.ok());
  return defined[0];
}

inline std::vector<uint64_t> SelectIds(
    const Index& index, std::vector<model::Matchers> groups, DayRange days = {},
    const model::TenantId& tenant = kTenant) {
  const auto ids = index.Select(tenant, groups, days);
  REQUIRE(ids.ok());
  return *ids;
}

inline std::map<uint64_t, std::string> LabelsOf(
    const Index& index, const std::vector<uint64_t>& ids,
    const model::TenantId& tenant = kTenant) {
  std::map<uint64_t, std::string> texts;
  REQUIRE(index
              .ForEachSeries(
                  tenant, ids,
                  [&](const IndexSeries& series) {
                    CHECK(ids[series.position] == series.id);
                    texts[series.id] =
                        model::ParseCanonicalBytes(series.labels)->Text();
                  })
              .ok());
  return texts;
}

}  // namespace varve::storage

#endif  // VARVE_STORAGE_INDEX_TEST_INDEX_H_

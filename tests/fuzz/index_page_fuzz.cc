// Label pages, posting keys and short posting lists of the index: any bytes
// are one or an error. Roaring bytes are left out: CRoaring 0.2.66 trusts the
// order inside its containers, and RocksDB's block checksums stand before it.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "lib/model/tenant.h"
#include "storage/index/index_key.h"
#include "storage/index/label_page.h"
#include "storage/index/posting.h"
#include "tests/fuzz/seeds.h"

using varve::storage::LabelPage;
using varve::storage::LabelPageBuilder;
using varve::storage::LabelView;
using varve::storage::SplitLabels;

// What is a key is the key of its parts.
static void CheckKeys(std::string_view bytes) {
  if (bytes.size() < varve::model::kTenantKeyBytes) return;
  const varve::model::TenantId tenant = varve::model::TenantFromKey(bytes);
  varve::storage::PostKey post;
  if (varve::storage::ParsePostKey(bytes, post)) {
    std::string again =
        varve::storage::PostPrefix(tenant, post.name, post.value);
    varve::storage::AppendShard(again, post.shard);
    if (again != bytes) std::abort();
    if (!again.starts_with(varve::storage::PostNamePrefix(
            tenant, post.name,
            std::string_view(post.value).substr(0, post.value.size() / 2)))) {
      std::abort();
    }
  }
  if (const auto active = varve::storage::ParseActiveKey(bytes)) {
    if (varve::storage::ActiveKey(active->tenant, active->day) != bytes) {
      std::abort();
    }
  }
  const std::string end = varve::storage::PrefixEnd(std::string(bytes));
  if (!end.empty() && end <= bytes) std::abort();
}

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  LabelPageBuilder builder;
  const std::vector<LabelView> one = {{"__name__", "up"}, {"job", "node"}};
  const std::vector<LabelView> two = {{"__name__", "up"}, {"job", "nod"}};
  builder.Add(3, 7, one);
  builder.Add(4, 7, two);
  builder.Add(63, 1, one);
  const std::string page = builder.Finish();
  add(page.data(), page.size());
  std::string key = varve::storage::PostPrefix({}, "job", "node");
  varve::storage::AppendShard(key, 1);
  add(key.data(), key.size());
  const std::string day = varve::storage::ActiveKey({}, 20'000);
  add(day.data(), day.size());
  varve::storage::IdSet ids;
  ids.add(5);
  ids.add(UINT32_MAX);
  std::string list;
  varve::storage::AppendIdSet(list, ids);
  add(list.data(), list.size());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::vector<LabelView> labels;
  const auto page = LabelPage::Decode(bytes);
  if (page.ok()) {
    for (uint32_t slot = 0; slot < varve::storage::kPageSeries; ++slot) {
      // Names may be in any order here: only the bytes' shape is checked.
      if ((*page)->Has(slot)) (void)SplitLabels((*page)->labels(slot), labels);
    }
  }
  (void)SplitLabels(bytes, labels);
  CheckKeys(bytes);
  if (!bytes.empty() && bytes[0] != 1) {
    varve::storage::IdSet ids;
    (void)varve::storage::AddIdSet(bytes, ids);
  }
  return 0;
}

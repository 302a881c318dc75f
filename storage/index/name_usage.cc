#include "storage/index/name_usage.h"

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "storage/index/index_key.h"

namespace varve::storage {
namespace {

constexpr std::string_view kSince = "usage_since_s";

int64_t EntryBytes(std::string_view name) {
  return static_cast<int64_t>(sizeof(model::TenantId) + sizeof(std::string) +
                              name.size() + 32);
}

}  // namespace

absl::Status NameUsage::Load(int64_t now_s) {
  ASSIGN_OR_RETURN(const std::optional<std::string> since,
                   db_.Get(*db_.Find(kMetaFamily), kSince));
  if (since && since->size() == sizeof(uint64_t)) {
    since_s_ = base::LoadLe<int64_t>(since->data());
  } else {
    RETURN_IF_ERROR(Reset(now_s));
  }
  const auto it = db_.Scan(db_.Find(kUsageFamily), {.fill_cache = false});
  base::MutexLock lock(mutex_);
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    if (it->key().size() < model::kTenantKeyBytes) {
      return base::DataLoss("index has a damaged key of a metric name's usage");
    }
    base::ByteReader value(it->value());
    Usage usage;
    usage.queries = static_cast<int64_t>(value.Varint());
    usage.last_s = static_cast<int64_t>(value.Varint());
    if (!value.AtEnd()) {
      return base::DataLoss("index has a damaged metric name's usage");
    }
    const std::string_view name = it->key().substr(model::kTenantKeyBytes);
    if (bytes_ + EntryBytes(name) > bytes_max_) break;
    bytes_ += EntryBytes(name);
    usage_[{model::TenantFromKey(it->key()), std::string(name)}] = usage;
  }
  return it->status();
}

void NameUsage::Count(const model::TenantId& tenant, std::string_view name,
                      int64_t now_s) {
  Key key(tenant, name);
  base::MutexLock lock(mutex_);
  auto it = usage_.find(key);
  if (it == usage_.end()) {
    if (bytes_ + EntryBytes(name) > bytes_max_) return;
    bytes_ += EntryBytes(name);
    it = usage_.emplace(std::move(key), Usage()).first;
  }
  ++it->second.queries;
  it->second.last_s = now_s;
  it->second.changed = true;
}

std::vector<NameUsageEntry> NameUsage::List(
    const model::TenantId& tenant) const {
  std::vector<NameUsageEntry> list;
  base::MutexLock lock(mutex_);
  for (const auto& [key, usage] : usage_) {
    if (key.first == tenant) {
      list.push_back({key.second, usage.queries, usage.last_s});
    }
  }
  return list;
}

NameUsageEntry NameUsage::Find(const model::TenantId& tenant,
                               std::string_view name) const {
  NameUsageEntry entry{.name = std::string(name)};
  base::MutexLock lock(mutex_);
  const auto it = usage_.find(Key(tenant, name));
  if (it != usage_.end()) {
    entry.queries = it->second.queries;
    entry.last_s = it->second.last_s;
  }
  return entry;
}

absl::Status NameUsage::Save() {
  base::MutexLock save(save_mutex_);
  const KvFamilyRef family = db_.Find(kUsageFamily);
  KvBatch batch;
  {
    base::MutexLock lock(mutex_);
    std::string value;
    for (auto& [key, usage] : usage_) {
      if (!usage.changed) continue;
      usage.changed = false;
      value.clear();
      base::PutVarint(value, static_cast<uint64_t>(usage.queries));
      base::PutVarint(value, static_cast<uint64_t>(usage.last_s));
      batch.Put(*family, NameKey(key.first, key.second), value);
    }
  }
  if (batch.empty()) return absl::OkStatus();
  return db_.Write(batch, /*sync=*/false);
}

absl::Status NameUsage::Reset(int64_t now_s) {
  base::MutexLock save(save_mutex_);
  std::string since;
  base::PutFixedLe<int64_t>(since, now_s);
  KvBatch batch;
  // A tenant's key begins with its kind, of which 255 is none.
  batch.DeleteRange(*db_.Find(kUsageFamily), "", "\xff");
  batch.Put(*db_.Find(kMetaFamily), kSince, since);
  RETURN_IF_ERROR(db_.Write(batch, /*sync=*/true));
  since_s_ = now_s;
  base::MutexLock lock(mutex_);
  usage_.clear();
  bytes_ = 0;
  return absl::OkStatus();
}

int64_t NameUsage::bytes() const {
  base::MutexLock lock(mutex_);
  return bytes_;
}

}  // namespace varve::storage

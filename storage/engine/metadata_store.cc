#include "storage/engine/metadata_store.h"

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"

namespace varve::storage {
namespace {

// What an entry takes beside its texts, in three trees.
constexpr int64_t kEntryBytes = 400;

// An unchanged entry's row says when it was written to within this.
constexpr int64_t kRewriteMs = 3'600'000;

int64_t BytesOf(const model::StoredMetadata& stored) {
  const model::MetricMetadata& metadata = stored.metadata;
  return kEntryBytes +
         static_cast<int64_t>(3 * metadata.metric.size() +
                              metadata.help.size() + metadata.unit.size());
}

std::string KeyOf(const model::TenantId& tenant, std::string_view metric) {
  std::string key(kMetadataPrefix);
  model::AppendTenantKey(key, tenant);
  key.append(metric);
  return key;
}

std::string ValueOf(const model::StoredMetadata& stored) {
  std::string value;
  base::PutFixedLe(value, stored.written_ms);
  value.push_back(static_cast<char>(stored.metadata.type));
  base::PutLengthPrefixed(value, stored.metadata.help);
  base::PutLengthPrefixed(value, stored.metadata.unit);
  return value;
}

}  // namespace

void MetadataStore::Put(const model::TenantId& tenant,
                        const model::MetricMetadata& metadata,
                        int64_t written_ms) {
  model::StoredMetadata stored{tenant, metadata, written_ms};
  const std::string key = KeyOf(tenant, metadata.metric);
  base::MutexLock lock(mutex_);
  const auto known = entries_.find(key);
  int64_t kept_ms = INT64_MIN;
  if (known != entries_.end()) {
    const Entry& entry = known->second;
    if (!stored.ReadsBefore(entry.stored)) return;
    const bool same = entry.stored.metadata == metadata;
    if (same && written_ms - entry.kept_ms < kRewriteMs) {
      kept_ms = entry.kept_ms;
    }
  }
  if (kept_ms == INT64_MIN) {
    changed_.insert(key);
    kept_ms = written_ms;
  }
  PutLocked(key, std::move(stored), kept_ms);
  Evict();
}

void MetadataStore::PutLocked(const std::string& key,
                              model::StoredMetadata stored, int64_t kept_ms) {
  Entry& entry = entries_[key];
  if (!entry.stored.metadata.metric.empty()) {
    by_age_.erase({entry.stored.written_ms, key});
    bytes_ -= BytesOf(entry.stored);
  }
  bytes_ += BytesOf(stored);
  by_age_.insert({stored.written_ms, key});
  entry = {std::move(stored), kept_ms};
}

void MetadataStore::Evict() {
  while (bytes_ > bytes_max_ && !by_age_.empty()) {
    const std::string key = by_age_.begin()->second;
    by_age_.erase(by_age_.begin());
    const auto entry = entries_.find(key);
    bytes_ -= BytesOf(entry->second.stored);
    entries_.erase(entry);
    changed_.insert(key);
    ++evictions_;
  }
}

absl::Status MetadataStore::Load(std::string_view key,
                                 std::string_view value) {
  const std::string_view rest = key.substr(kMetadataPrefix.size());
  model::StoredMetadata stored;
  base::ByteReader reader(value);
  stored.written_ms = reader.FixedLe<int64_t>();
  stored.metadata.type =
      static_cast<model::MetricType>(reader.FixedLe<uint8_t>());
  stored.metadata.help = reader.LengthPrefixed();
  stored.metadata.unit = reader.LengthPrefixed();
  if (rest.size() <= model::kTenantKeyBytes || !reader.AtEnd()) {
    return base::DataLoss("bad metadata row in data/");
  }
  stored.tenant = model::TenantFromKey(rest);
  stored.metadata.metric = rest.substr(model::kTenantKeyBytes);
  base::MutexLock lock(mutex_);
  const int64_t kept_ms = stored.written_ms;
  PutLocked(std::string(key), std::move(stored), kept_ms);
  Evict();
  return absl::OkStatus();
}

MetadataStore::Changes MetadataStore::TakeChanges() {
  Changes changes;
  base::MutexLock lock(mutex_);
  for (const std::string& key : changed_) {
    const auto entry = entries_.find(key);
    changes[key] = entry == entries_.end()
                       ? std::nullopt
                       : std::optional(ValueOf(entry->second.stored));
  }
  changed_.clear();
  return changes;
}

std::vector<model::StoredMetadata> MetadataStore::List(
    const model::TenantId& tenant, std::string_view metric,
    int64_t limit) const {
  std::vector<model::StoredMetadata> out;
  const std::string prefix = KeyOf(tenant, metric);
  base::MutexLock lock(mutex_);
  for (auto it = entries_.lower_bound(prefix);
       it != entries_.end() && it->first.starts_with(prefix); ++it) {
    if (!metric.empty() && it->first.size() != prefix.size()) break;
    if (limit > 0 && static_cast<int64_t>(out.size()) >= limit) break;
    out.push_back(it->second.stored);
  }
  return out;
}

}  // namespace varve::storage

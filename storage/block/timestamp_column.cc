#include "storage/block/timestamp_column.h"

#include <algorithm>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/encoding/sample_chunk.h"

namespace varve::storage {
namespace {

// Shorter runs cost less inline than a column and its lookup.
constexpr size_t kShareSamplesMin = 8;

std::string_view BytesOf(std::span<const int64_t> timestamps_ms) {
  return {reinterpret_cast<const char*>(timestamps_ms.data()),
          timestamps_ms.size_bytes()};
}

int64_t BytesOfRun(std::span<const int64_t> timestamps_ms) {
  constexpr int64_t kAround = 96;  // the table's slot and the allocation
  return static_cast<int64_t>(timestamps_ms.size_bytes()) + kAround;
}

// Leaves at the first step that differs: jittered runs cost nothing.
bool IsRegular(std::span<const int64_t> t) {
  const int64_t step = t[1] - t[0];
  for (size_t i = 2; i < t.size(); ++i) {
    if (t[i] - t[i - 1] != step) return false;
  }
  return true;
}

}  // namespace

void AppendColumnValue(std::span<const int64_t> timestamps_ms,
                       std::string& out) {
  const size_t begin = out.size();
  std::string column;
  encoding::EncodeTimestamps(timestamps_ms, column);
  base::PutVarint(out, timestamps_ms.size());
  base::PutLengthPrefixed(out, column);
  base::PutFixedLe(out, static_cast<uint32_t>(base::Checksum(
                            std::string_view(out).substr(begin))));
}

absl::Status ParseColumnValue(std::string_view value,
                              std::vector<int64_t>& timestamps_ms) {
  base::ByteReader reader(value);
  const uint64_t n = reader.Varint();
  const std::string_view column = reader.LengthPrefixed();
  const size_t checked = value.size() - reader.rest().size();
  const auto checksum = reader.FixedLe<uint32_t>();
  if (!reader.ok() || n == 0 || n > encoding::kChunkSamplesMax) {
    return base::DataLoss("shared timestamp column: cut, or of impossible ", n,
                          " rows");
  }
  if (static_cast<uint32_t>(base::Checksum(value.substr(0, checked))) !=
      checksum) {
    return base::DataLoss("shared timestamp column: bad checksum over ",
                          checked, " bytes");
  }
  timestamps_ms.resize(n);
  return encoding::DecodeTimestamps(column, timestamps_ms);
}

uint64_t SharedTimestamps::Find(std::span<const int64_t> timestamps_ms,
                                uint64_t& next_id) {
  if (timestamps_ms.size() < kShareSamplesMin || IsRegular(timestamps_ms)) {
    return 0;
  }
  const base::Hash128 hash = hash_(BytesOf(timestamps_ms));
  const auto found = runs_.find(hash);
  if (found != runs_.end()) {
    Run& run = found->second;
    if (!std::ranges::equal(run.timestamps_ms, timestamps_ms)) return 0;
    if (run.id == 0) run.id = next_id++;
    return run.id;
  }
  const int64_t bytes = BytesOfRun(timestamps_ms);
  if (bytes_ + bytes > bytes_max_) MakeRoom(bytes);
  if (bytes_ + bytes > bytes_max_) return 0;
  bytes_ += bytes;
  runs_.emplace(hash, Run{.id = 0,
                          .timestamps_ms = {timestamps_ms.begin(),
                                            timestamps_ms.end()}});
  return 0;
}

// Half of the room must come free, or each new run would walk the table.
void SharedTimestamps::MakeRoom(int64_t bytes) {
  int64_t single = 0;
  for (const auto& [hash, run] : runs_) {
    if (run.id == 0) single += BytesOfRun(run.timestamps_ms);
  }
  if (single < std::max(bytes, bytes_max_ / 4)) return;
  absl::erase_if(runs_, [](const auto& one) { return one.second.id == 0; });
  bytes_ -= single;
}

std::vector<SharedTimestamps::Column> SharedTimestamps::Columns() const {
  std::vector<Column> columns;
  for (const auto& [hash, run] : runs_) {
    if (run.id != 0) columns.push_back({run.id, run.timestamps_ms});
  }
  std::sort(columns.begin(), columns.end(),
            [](const Column& a, const Column& b) { return a.id < b.id; });
  return columns;
}

void SharedTimestamps::Clear() {
  runs_.clear();
  bytes_ = 0;
}

absl::StatusOr<std::span<const int64_t>> NoColumns::Find(uint64_t id) {
  return base::DataLoss("shared timestamp column ", id, " of a value alone");
}

void ColumnReader::Use(const KvFamilyRef& family, bool closed, int32_t day,
                       const model::TenantId& tenant) {
  family_ = family;
  name_.clear();
  base::PutFixedBe<int32_t>(name_, day);
  name_.push_back(closed ? 'c' : 'd');
  key_at_ = name_.size();
  if (closed) base::PutFixedBe<int32_t>(name_, day);
  AppendMetricPrefix(name_, tenant, kColumnsMetricId);
  prefix_bytes_ = name_.size();
}

absl::StatusOr<std::span<const int64_t>> ColumnReader::Find(uint64_t id) {
  name_.resize(prefix_bytes_);
  base::PutFixedBe(name_, id);
  if (const auto found = young_.find(name_); found != young_.end()) {
    return std::span<const int64_t>(*found->second);
  }
  std::unique_ptr<const std::vector<int64_t>> column;
  if (auto found = old_.extract(name_); !found.empty()) {
    column = std::move(found.mapped());
    old_bytes_ -= BytesOfRun(*column);
  } else {
    ASSIGN_OR_RETURN(const std::optional<std::string> value,
                     db_.Get(*family_, std::string_view(name_).substr(key_at_),
                             snapshot_, fill_cache_));
    if (!value) return base::DataLoss("no shared timestamp column ", id);
    std::vector<int64_t> decoded;
    RETURN_IF_ERROR(ParseColumnValue(*value, decoded));
    column = std::make_unique<const std::vector<int64_t>>(std::move(decoded));
  }
  const int64_t bytes = BytesOfRun(*column);
  if (bytes_ + bytes > bytes_max_ / 2 && !young_.empty()) {
    old_ = std::move(young_);
    young_.clear();
    old_bytes_ = bytes_;
    bytes_ = 0;
  }
  bytes_ += bytes;
  const auto kept = young_.emplace(name_, std::move(column)).first;
  return std::span<const int64_t>(*kept->second);
}

}  // namespace varve::storage

#include "storage/engine/hints.h"

#include <utility>

#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/encoding/record_refs.h"

namespace varve::storage {

absl::Status HintReplay::ReadSeries(uint64_t from, const VisitSeries& visit) {
  return log_->ReadSeries(
      from, [&visit](uint64_t ref, const HintedSeries& series) {
        return visit(ref, {.tenant = {series.tenant_kind, series.tenant_id},
                           .labels = series.labels});
      });
}

absl::Status HintReplay::ReadRows(std::span<const uint64_t> refs,
                                  const VisitRecord& visit,
                                  int64_t& left_out) {
  std::string scratch;
  encoding::MappedRecord mapped;
  return log_->ReadRows([&](const StoredPayload& payload) -> absl::Status {
    const auto record = UnpackPayload(payload, scratch);
    absl::Status status = record.status();
    if (status.ok()) status = encoding::MapRefs(*record, refs, mapped);
    // Its checksum was right and it was decoded when it came.
    if (!status.ok()) {
      base::LogError("BUG: a hint for ", absl::Hex(id_.owner), ": ",
                     base::Message(status));
      log_->SetDamaged();
      return absl::OkStatus();
    }
    left_out += mapped.left_out;
    return visit(mapped.bytes, mapped.rows);
  });
}

absl::Status Hints::CheckTaking() {
  if (stopping_) return base::Unavailable("the storage is stopping");
  if (!disk_->read_only()) return absl::OkStatus();
  return base::Unavailable(
      "the storage is read-only and takes no hints: free disk space below "
      "-storage.minFreeDiskSpaceBytes");
}

template <typename T>
absl::StatusOr<T> Hints::Judged(absl::StatusOr<T> result) {
  if (absl::IsResourceExhausted(result.status()) ||
      absl::IsUnavailable(result.status())) {
    ++refused_;
  }
  return result;
}

absl::StatusOr<uint64_t> Hints::Define(
    uint64_t owner, std::span<const SeriesDefinition> definitions,
    std::vector<uint64_t>& refs) {
  if (const auto status = CheckTaking(); !status.ok()) {
    return Judged<uint64_t>(status);
  }
  std::vector<HintedSeries> series;
  series.reserve(definitions.size());
  for (const SeriesDefinition& one : definitions) {
    series.push_back({.tenant_kind = one.tenant.kind,
                      .tenant_id = one.tenant.id,
                      .labels = one.labels});
  }
  return Judged(store_->Define(owner, series, refs, clock_->NowMs()));
}

absl::StatusOr<bool> Hints::Append(uint64_t owner, uint64_t log,
                                   std::string_view record,
                                   std::string_view packed, AckLevel ack) {
  if (const auto status = CheckTaking(); !status.ok()) {
    return Judged<bool>(status);
  }
  const auto refs = encoding::CheckRefs(record);
  if (!refs.ok()) {
    return base::InvalidArgument("bad data record: ",
                                 base::Message(refs.status()));
  }
  const StoredPayload payload =
      packed.empty()
          ? StoredPayload{.bytes = record}
          : StoredPayload{.bytes = packed,
                          .raw_size = static_cast<uint32_t>(record.size())};
  ASSIGN_OR_RETURN(const bool taken,
                   Judged(store_->Append({owner, log}, payload, refs->end,
                                         ack == AckLevel::kDurable)));
  if (taken) rows_ += refs->rows;
  return taken;
}

std::vector<HintReplay> Hints::Pending() const {
  std::vector<HintReplay> out;
  for (HintStore::Pending& one : store_->Logs()) {
    out.emplace_back(store_.get(), std::move(one));
  }
  return out;
}

absl::Status Hints::Close() {
  stopping_ = true;
  return store_->Close();
}

}  // namespace varve::storage

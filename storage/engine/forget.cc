// Series that no kept day knows leave index and registry.
//
// Their ids are still with inserts, which may write to them at any moment:
//
// - With the gate closed no record and no definition is on its way. What the
//   log names since its last cut, or was marked active meanwhile, stays; the
//   rest leaves the registry, and from here on a record that names it is
//   answered with unknown_ref. The sender defines it again and gets a new id.
// - Append looks its refs up before it enters the gate, and again inside when
//   ids were removed in between (SeriesRegistry::removals).
// - A replay begins at the last cut, so that every id it meets is here.
//
// Series of a delete stay until the delete is forgotten: until then closed
// blocks may hold what it hides, and whoever reads those wants labels.
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "storage/engine/engine_impl.h"

namespace varve::storage {
namespace {

// One batch of the index, about 20 MB while it is made.
constexpr size_t kForgetAtOnce = 8192;

IdSet IdsOfDeletes(const TombstoneList& deletes,
                   const model::TenantId& tenant) {
  IdSet ids;
  for (const TombstoneRef& one : deletes) {
    if (one->tenant == tenant) ids |= one->ids;
  }
  return ids;
}

}  // namespace

absl::Status EngineImpl::ForgetUnused(bool days_dropped) {
  // What the log named may be free after another cut.
  if (!days_dropped && (!forget_due_ || forget_looked_at_ == flushes_)) {
    return absl::OkStatus();
  }
  forget_looked_at_ = flushes_;
  forget_due_ = false;
  ASSIGN_OR_RETURN(const std::vector<IndexTenantIds> unused,
                   index_->FindUnused());
  // One that comes now takes no unused series, only what the log names.
  const std::shared_ptr<const TombstoneList> deletes = tombstones_.list();
  int64_t forgotten = 0;
  for (const auto& [tenant, ids] : unused) {
    const IdSet deleted = IdsOfDeletes(*deletes, tenant);
    for (size_t begin = 0; begin < ids.size(); begin += kForgetAtOnce) {
      if (!running()) return absl::OkStatus();
      const size_t end = std::min(ids.size(), begin + kForgetAtOnce);
      std::vector<uint64_t> leaving(ids.begin() + begin, ids.begin() + end);
      {
        const CutGate::Closed closed(gate_);
        std::erase_if(leaving, [&](uint64_t id) {
          return active_series_.UsedSinceCut(id) ||
                 deleted.contains(static_cast<uint32_t>(id));
        });
        leaving = index_->BeginForget(tenant, leaving);
        registry_.Remove(leaving);
      }
      forget_due_ = forget_due_ || leaving.size() < end - begin;
      if (leaving.empty()) continue;
      RETURN_IF_ERROR(index_->Forget(tenant, leaving));
      forgotten += static_cast<int64_t>(leaving.size());
    }
  }
  series_forgotten_ += forgotten;
  if (forgotten > 0) {
    base::LogInfo("forgot ", forgotten, " series of days that are gone");
  }
  return absl::OkStatus();
}

}  // namespace varve::storage

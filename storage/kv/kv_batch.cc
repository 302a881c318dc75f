#include "storage/kv/kv_internal.h"

namespace varve::storage {

KvBatch::KvBatch() : impl_(std::make_unique<Impl>()) {}
KvBatch::~KvBatch() = default;
KvBatch::KvBatch(KvBatch&&) noexcept = default;
KvBatch& KvBatch::operator=(KvBatch&&) noexcept = default;

void KvBatch::Put(const KvFamily& family, std::string_view key,
                  std::string_view value) {
  impl_->Note(
      impl_->batch.Put(family.handle(), ToSlice(key), ToSlice(value)));
}

void KvBatch::Merge(const KvFamily& family, std::string_view key,
                    std::string_view value) {
  impl_->Note(
      impl_->batch.Merge(family.handle(), ToSlice(key), ToSlice(value)));
}

void KvBatch::Delete(const KvFamily& family, std::string_view key) {
  impl_->Note(impl_->batch.Delete(family.handle(), ToSlice(key)));
}

void KvBatch::DeleteRange(const KvFamily& family, std::string_view begin,
                          std::string_view end) {
  impl_->Note(impl_->batch.DeleteRange(
      family.handle(), ToSlice(begin), ToSlice(end)));
}

bool KvBatch::empty() const { return impl_->batch.Count() == 0; }

int64_t KvBatch::bytes() const {
  return static_cast<int64_t>(impl_->batch.GetDataSize());
}

void KvBatch::Clear() {
  impl_->batch.Clear();
  impl_->status = rocksdb::Status::OK();
}

}  // namespace varve::storage

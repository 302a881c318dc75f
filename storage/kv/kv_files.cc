#include "storage/kv/kv_files.h"

#include <rocksdb/sst_file_reader.h>
#include <rocksdb/table_properties.h>
#include <rocksdb/unique_id.h>

#include "absl/strings/escaping.h"
#include "storage/kv/kv_copies.h"
#include "storage/kv/kv_internal.h"

namespace varve::storage {

namespace {

// For tables of any family.
rocksdb::Options TableOptions() {
  static KvCache* const cache = new KvCache(8 << 20);
  const KvFamilyOptions any{.merges = true};
  return rocksdb::Options(rocksdb::DBOptions(),
                          KvOptionsBuilder::Family(any, *cache));
}

absl::Status Damaged(const std::string& path, const rocksdb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return base::DataLoss(path, ": ", status.ToString());
}

}  // namespace

absl::StatusOr<std::string> KvTableId(const std::string& path) {
  rocksdb::SstFileReader reader(TableOptions());
  RETURN_IF_ERROR(Damaged(path, reader.Open(path)));
  std::string id;
  RETURN_IF_ERROR(
      Damaged(path, rocksdb::GetUniqueIdFromTableProperties(
                        *reader.GetTableProperties(), &id)));
  return std::string(absl::BytesToHexString(id));
}

std::vector<std::string> KvDamagedOwnFiles(const std::string& dir) {
  return FindDamagedOwnFiles(dir);
}

absl::Status KvCheckTable(const std::string& path) {
  rocksdb::SstFileReader reader(TableOptions());
  RETURN_IF_ERROR(Damaged(path, reader.Open(path)));
  return Damaged(path, reader.VerifyChecksum());
}

absl::Status KvReadTable(
    const std::string& path, std::string& family,
    const std::function<void(std::string_view key, std::string_view value)>&
        row) {
  rocksdb::SstFileReader reader(TableOptions());
  RETURN_IF_ERROR(Damaged(path, reader.Open(path)));
  const std::string& name = reader.GetTableProperties()->column_family_name;
  family = name.substr(0, name.find('~'));
  const std::unique_ptr<rocksdb::Iterator> it(
      reader.NewIterator(rocksdb::ReadOptions()));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    row(FromSlice(it->key()), FromSlice(it->value()));
  }
  return Damaged(path, it->status());
}

}  // namespace varve::storage

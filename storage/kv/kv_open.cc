// Opening a database whose files may be damaged.
//
// A damaged or lost MANIFEST or log of RocksDB is written anew from its copy
// (kv_copies.h); CURRENT, which names the MANIFEST, from the names there are.
// With the copy damaged as well, a MANIFEST ends it with a text: what tables
// belong to the database is not known without it; a record of a log is left
// out and noted as a loss.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>

#include "lib/base/byte_coding.h"
#include "lib/base/log.h"
#include "storage/kv/kv_copies.h"
#include "storage/kv/kv_internal.h"

namespace varve::storage {
namespace {

namespace stdfs = std::filesystem;
using base::MutexLock;

constexpr std::string_view kManifest = "MANIFEST-";

std::optional<uint64_t> ManifestNumber(std::string_view name) {
  if (!name.starts_with(kManifest)) return std::nullopt;
  name.remove_prefix(kManifest.size());
  uint64_t number = 0;
  const auto parsed =
      std::from_chars(name.data(), name.data() + name.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size()) {
    return std::nullopt;
  }
  return number;
}

// Without CURRENT, RocksDB would begin a new database and delete the tables of
// the old one.
absl::Status CheckCurrent(const std::string& path) {
  std::string newest;
  uint64_t newest_number = 0;
  bool tables = false;
  std::error_code error;
  for (const auto& entry : stdfs::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    tables |= name.ends_with(".sst");
    const std::optional<uint64_t> number = ManifestNumber(name);
    if (number && (newest.empty() || *number > newest_number)) {
      newest = name;
      newest_number = *number;
    }
  }
  if (error) return base::Unavailable("list ", path, ": ", error.message());
  const stdfs::path current = stdfs::path(path) / "CURRENT";
  std::string named;
  std::ifstream in(current);
  std::getline(in, named);
  const bool whole_line = !in.eof();
  if (whole_line && ManifestNumber(named) &&
      stdfs::exists(stdfs::path(path) / named)) {
    return absl::OkStatus();
  }
  if (newest.empty()) {
    if (!tables && !stdfs::exists(current)) return absl::OkStatus();  // new
    return base::DataLoss(
        path, ": no MANIFEST file, which says what tables belong to the "
        "database: restore the node from a backup, or move ", path,
        " and the directories beside it away to start empty");
  }
  base::LogError(current.string(), " is missing or damaged (\"", named,
                 "\"): written anew, naming ", newest);
  const rocksdb::Status written = rocksdb::WriteStringToFile(
      rocksdb::Env::Default(), newest + "\n", current.string() + ".tmp",
      /*should_sync=*/true);
  RETURN_IF_ERROR(FromRocks(written, current.string()));
  stdfs::rename(current.string() + ".tmp", current, error);
  if (error) {
    return base::Unavailable("rename ", current.string(), ": ",
                             error.message());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status KvDb::Impl::Open() {
  for (const std::string& damaged : FindDamagedOwnFiles(options.path)) {
    RETURN_IF_ERROR(
        RestoreFromCopy(damaged, base::StrCat(options.path, "/quarantine")));
    ++damaged_files;
    base::LogError(damaged, " was damaged or missing: written anew from its "
                   "copy; nothing is lost");
  }
  RETURN_IF_ERROR(CheckCurrent(options.path));
  listener = std::make_shared<DamageListener>();
  const std::shared_ptr<rocksdb::Env> env = MakeCopyingEnv(options.path);
  rocksdb::DBOptions db_options = MakeDbOptions(options);
  db_options.env = env.get();
  db_options.listeners.push_back(listener);
  const absl::Status status = OpenRocks(db_options, env);
  if (!absl::IsDataLoss(status)) return status;
  // In the log, then: tables are not looked at when opening.
  db_options.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
  const absl::Status again = OpenRocks(db_options, env);
  if (!again.ok()) {
    return base::DataLoss(
        base::Message(again), ": ", options.path,
        "/MANIFEST-* and its copy are damaged: restore the node from a backup, "
        "or move ",
        options.path, " and the directories beside it away to start empty");
  }
  base::LogError("damaged records of RocksDB's log are left out: ",
                 base::Message(status));
  return FromRocks(
      [&] {
        rocksdb::WriteBatch batch;
        const KvLoss loss{.family = "", .first = "", .last = "",
                          .file = "RocksDB's log"};
        (void)NoteLosses(batch, {loss});
        rocksdb::WriteOptions sync;
        sync.sync = true;
        return db()->Write(sync, &batch);
      }(),
      "loss");
}

absl::Status KvDb::Impl::OpenReadOnly() {
  listener = std::make_shared<DamageListener>();
  rocksdb::DBOptions db_options = MakeDbOptions(options);
  db_options.create_if_missing = false;
  return OpenRocks(db_options, nullptr);
}

absl::Status KvDb::Impl::OpenRocks(const rocksdb::DBOptions& db_options,
                                   std::shared_ptr<rocksdb::Env> env) {
  std::vector<std::string> names;
  // Fails for a new directory, which has no families yet, and for a damaged
  // MANIFEST, which Open tells.
  (void)rocksdb::DB::ListColumnFamilies(db_options, options.path, &names);
  names.push_back(rocksdb::kDefaultColumnFamilyName);
  std::set<std::string> known;  // "closed" of "closed~1"
  for (const std::string& name : names) {
    known.insert(name.substr(0, name.find('~')));
  }
  for (const std::string& name : options.families) {
    if (!known.contains(name) && !options.read_only) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const std::string& name : names) {
    descriptors.emplace_back(name,
                             FamilyOptionsOf(name.substr(0, name.find('~'))));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  RETURN_IF_ERROR(FromRocks(
      options.read_only
          ? rocksdb::DB::OpenForReadOnly(db_options, options.path, descriptors,
                                         &handles, &opened)
          : rocksdb::DB::Open(db_options, options.path, descriptors, &handles,
                              &opened),
      base::StrCat("open ", options.path)));
  database = std::make_shared<KvHandle>(opened, std::move(env));
  return AdoptFamilies(handles);
}

// A healed family has a real name of its own ("closed~1"); its row says which
// is in use, and what a crash left of others goes.
absl::Status KvDb::Impl::AdoptFamilies(
    const std::vector<rocksdb::ColumnFamilyHandle*>& handles) {
  std::map<std::string, std::string> real_names;
  const std::unique_ptr<rocksdb::Iterator> rows(
      db()->NewIterator(rocksdb::ReadOptions()));
  MutexLock loss_lock(loss_mutex);
  losses.clear();
  for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
    const std::string_view key = FromSlice(rows->key());
    KvLoss loss;
    if (key.starts_with(kFamilyRow)) {
      real_names[std::string(key.substr(kFamilyRow.size()))] =
          rows->value().ToString();
    } else if (key.starts_with(kLossRow) &&
               DecodeLoss(FromSlice(rows->value()), loss)) {
      uint64_t number = 0;
      const std::string_view digits = key.substr(kLossRow.size());
      std::from_chars(digits.data(), digits.data() + digits.size(), number);
      losses[number] = std::move(loss);
    }
  }
  RETURN_IF_ERROR(FromRocks(rows->status(), options.path));
  any_loss = !losses.empty();
  std::set<std::string> present;
  for (auto* const handle : handles) present.insert(handle->GetName());
  MutexLock lock(mutex);
  families.clear();
  for (rocksdb::ColumnFamilyHandle* const handle : handles) {
    const std::string real = handle->GetName();
    const std::string name = real.substr(0, real.find('~'));
    const auto found = real_names.find(name);
    const bool mapped =
        found != real_names.end() && present.contains(found->second);
    auto family = std::make_shared<KvFamily>(database, name, handle);
    if (name == rocksdb::kDefaultColumnFamilyName) continue;
    if (real == (mapped ? found->second : name)) {
      families.emplace(name, std::move(family));
    } else if (!options.read_only) {
      RETURN_IF_ERROR(FromRocks(db()->DropColumnFamily(handle), real));
    }
  }
  // A healed family whose replacement never got its row.
  for (const std::string& name : options.families) {
    if (families.contains(name) || options.read_only) continue;
    rocksdb::ColumnFamilyHandle* handle = nullptr;
    RETURN_IF_ERROR(FromRocks(
        db()->CreateColumnFamily(FamilyOptionsOf(name), name, &handle), name));
    families.emplace(name, std::make_shared<KvFamily>(database, name, handle));
  }
  return absl::OkStatus();
}

absl::Status KvDb::Impl::ForgetFamily(const std::string& name) {
  const std::string row = base::StrCat(kFamilyRow, name);
  std::string real;
  if (!db()->Get(rocksdb::ReadOptions(), row, &real).ok()) {
    return absl::OkStatus();
  }
  rocksdb::WriteOptions sync;
  sync.sync = true;
  return FromRocks(db()->Delete(sync, row), row);
}

}  // namespace varve::storage

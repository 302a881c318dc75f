// Opening a database whose files may be damaged.
//
// A damaged or lost MANIFEST or log of RocksDB is written anew from its copy
// (kv_copies.h); CURRENT, which names the MANIFEST, from the names there are.
// With the copy damaged as well, a MANIFEST ends it with a text: what tables
// belong to the database is not known without it; a record of a log is left
// out and noted as a loss. Notes of which family is in use and of losses that
// cannot be read are made anew, with a loss of everything.
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
  std::vector<KvLoss> lost;
  for (const std::string& damaged : FindDamagedOwnFiles(options.path)) {
    ASSIGN_OR_RETURN(
        const bool covered,
        RestoreFromCopy(damaged, base::StrCat(options.path, "/quarantine")));
    ++damaged_files;
    base::LogError(damaged, " was damaged or missing: written anew from its "
                   "copy; ",
                   covered ? "nothing is lost"
                           : "the copy is damaged as well: anything that was "
                             "written last may be missing");
    if (!covered) {
      lost.push_back(
          {.family = "", .first = "", .last = "", .file = damaged});
    }
  }
  RETURN_IF_ERROR(CheckCurrent(options.path));
  RETURN_IF_ERROR(OpenSkipping(lost));
  for (const KvLoss& loss : lost) RETURN_IF_ERROR(WriteLoss(loss));
  return absl::OkStatus();
}

absl::Status KvDb::Impl::OpenSkipping(std::vector<KvLoss>& lost) {
  listener = std::make_shared<DamageListener>();
  const std::shared_ptr<rocksdb::Env> env = MakeCopyingEnv(options.path);
  rocksdb::DBOptions db_options = MakeDbOptions(options);
  db_options.env = env.get();
  db_options.listeners.push_back(listener);
  std::vector<KvFamilyRef> opened;
  const absl::Status status = OpenRocks(db_options, env, opened);
  if (status.ok()) return AdoptFamilies(opened);
  if (!absl::IsDataLoss(status)) return status;
  // In the log, then: tables are not looked at when opening.
  db_options.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
  const absl::Status again = OpenRocks(db_options, env, opened);
  if (!again.ok()) {
    return base::DataLoss(
        base::Message(again), ": ", options.path,
        "/MANIFEST-* and its copy are damaged: restore the node from a backup, "
        "or move ",
        options.path, " and the directories beside it away to start empty");
  }
  base::LogError("damaged records of RocksDB's log are left out: ",
                 base::Message(status));
  lost.push_back(
      {.family = "", .first = "", .last = "", .file = "RocksDB's log"});
  return AdoptFamilies(opened);
}

absl::Status KvDb::Impl::OpenReadOnly() {
  listener = std::make_shared<DamageListener>();
  rocksdb::DBOptions db_options = MakeDbOptions(options);
  db_options.create_if_missing = false;
  std::vector<KvFamilyRef> opened;
  RETURN_IF_ERROR(OpenRocks(db_options, nullptr, opened));
  return AdoptFamilies(opened);
}

absl::Status KvDb::Impl::OpenRocks(
    const rocksdb::DBOptions& db_options, std::shared_ptr<rocksdb::Env> env,
    std::vector<KvFamilyRef>& opened) {
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
  rocksdb::DB* db = nullptr;
  RETURN_IF_ERROR(FromRocks(
      options.read_only
          ? rocksdb::DB::OpenForReadOnly(db_options, options.path, descriptors,
                                         &handles, &db)
          : rocksdb::DB::Open(db_options, options.path, descriptors, &handles,
                              &db),
      base::StrCat("open ", options.path)));
  database = std::make_shared<KvHandle>(db, std::move(env));
  for (rocksdb::ColumnFamilyHandle* const handle : handles) {
    const std::string& real = handle->GetName();
    opened.push_back(std::make_shared<KvFamily>(
        database, real.substr(0, real.find('~')), handle));
  }
  return absl::OkStatus();
}

rocksdb::Status KvDb::Impl::ReadNotes(
    std::map<std::string, std::string>& real_names) {
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
  any_loss = !losses.empty();
  return rows->status();
}

// Of two, a crash came while one was made of the other: the newer one, unless
// its tables were not yet in it.
std::map<std::string, std::string> KvDb::Impl::GuessRealNames(
    const std::vector<KvFamilyRef>& opened) const {
  std::vector<rocksdb::LiveFileMetaData> files;
  db()->GetLiveFilesMetaData(&files);
  std::set<std::string> filled;
  for (const auto& file : files) filled.insert(file.column_family_name);
  std::map<std::string, std::string> real_names;
  std::map<std::string, std::pair<bool, int>> best;
  for (const KvFamilyRef& family : opened) {
    const std::string& real = family->handle()->GetName();
    const std::pair<bool, int> rank(filled.contains(real), HealNumber(real));
    const auto [it, first] = best.emplace(family->name(), rank);
    if (!first && rank < it->second) continue;
    it->second = rank;
    real_names[family->name()] = real;
  }
  return real_names;
}

// A healed family has a real name of its own ("closed~1"); its row says which
// is in use, and what a crash left of others goes.
absl::Status KvDb::Impl::AdoptFamilies(
    const std::vector<KvFamilyRef>& opened) {
  std::map<std::string, std::string> real_names;
  const rocksdb::Status read = ReadNotes(real_names);
  if (!IsDamage(read)) {
    RETURN_IF_ERROR(FromRocks(read, options.path));
    return TakeFamilies(opened, real_names);
  }
  RETURN_IF_ERROR(TakeFamilies(opened, GuessRealNames(opened)));
  base::LogError("the notes of ", options.path, " about damage are damaged: ",
                 read.ToString(), "; anything may be missing");
  rocksdb::WriteBatch batch;  // WriteNotesAnew writes it
  RETURN_IF_ERROR(NoteLosses(batch, {{.family = "", .first = "", .last = "",
                                      .file = "notes about damage"}}));
  return options.read_only ? absl::OkStatus() : WriteNotesAnew();
}

absl::Status KvDb::Impl::TakeFamilies(
    const std::vector<KvFamilyRef>& opened,
    const std::map<std::string, std::string>& real_names) {
  std::set<std::string> present;
  for (const KvFamilyRef& family : opened) {
    present.insert(family->handle()->GetName());
  }
  MutexLock lock(mutex);
  families.clear();
  for (const KvFamilyRef& family : opened) {
    const std::string& real = family->handle()->GetName();
    const std::string& name = family->name();
    const auto found = real_names.find(name);
    const bool mapped =
        found != real_names.end() && present.contains(found->second);
    if (name == rocksdb::kDefaultColumnFamilyName) continue;
    if (real == (mapped ? found->second : name)) {
      families.emplace(name, family);
    } else if (!options.read_only) {
      RETURN_IF_ERROR(
          FromRocks(db()->DropColumnFamily(family->handle()), real));
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

absl::Status KvDb::Impl::WriteNotesAnew() {
  std::vector<rocksdb::LiveFileMetaData> files;
  db()->GetLiveFilesMetaData(&files);
  std::erase_if(files, [](const auto& file) {
    return file.column_family_name != rocksdb::kDefaultColumnFamilyName;
  });
  rocksdb::WriteBatch batch;
  {
    MutexLock lock(mutex);
    for (const auto& [name, family] : families) {
      const std::string real = family->handle()->GetName();
      if (real != name) batch.Put(base::StrCat(kFamilyRow, name), real);
    }
  }
  {
    MutexLock lock(loss_mutex);
    for (const auto& [number, loss] : losses) {
      batch.Put(LossKey(number), EncodeLoss(loss));
    }
  }
  rocksdb::WriteOptions sync;
  sync.sync = true;
  RETURN_IF_ERROR(FromRocks(db()->Write(sync, &batch), "notes"));
  const std::string kept = base::StrCat(options.path, "/quarantine");
  std::error_code error;
  stdfs::create_directories(kept, error);
  // RocksDB lets go of the lowest level's tables only, and of the oldest.
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) {
    return a.level != b.level ? a.level > b.level
                              : a.largest_seqno < b.largest_seqno;
  });
  for (const rocksdb::LiveFileMetaData& file : files) {
    // For whoever looks at the disk.
    stdfs::create_hard_link(base::StrCat(file.db_path, file.name),
                            base::StrCat(kept, file.name), error);
    const rocksdb::Status gone = db()->DeleteFile(file.name);
    if (gone.ok()) continue;
    base::LogError("the damaged notes in ", file.name, " stay until the next "
                   "start: ", gone.ToString());
    break;
  }
  ++damaged_files;
  base::LogError("the notes of ", options.path, " about damage are written "
                 "anew; the damaged ones are kept in ", kept);
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

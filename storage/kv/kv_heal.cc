// Damaged tables: taken out of a running database.
//
// RocksDB has no call for that. But it makes a new family out of a list of
// tables (CreateColumnFamilyWithImport), each at the level and with the
// sequence numbers it had. So: link the family's tables, write the readable
// rows of the damaged one into a new table in the same place, import them as a
// family with another real name, note which name is in use, drop the old one.
// No write passes meanwhile; a crash in between leaves the old family in use.
#include <rocksdb/metadata.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>

#include "absl/strings/str_format.h"
#include "lib/base/byte_coding.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "storage/kv/kv_files.h"
#include "storage/kv/kv_internal.h"
#include "storage/kv/kv_salvage.h"

namespace varve::storage {
namespace {

namespace stdfs = std::filesystem;
using base::MutexLock;
using base::WriterLock;

constexpr std::string_view kTableSuffix = ".sst";
// Every table is opened to find the one meant; not for each failing read.
constexpr int64_t kFruitlessSearchMs = 10'000;
// Background errors kept between two rounds; each names one table.
constexpr size_t kMetMax = 64;

// The number of the table that an error's text names last.
std::optional<uint64_t> TableIn(std::string_view text) {
  size_t end = text.rfind(kTableSuffix);
  // The name under which RocksDB looks for a table that is not there.
  if (end == std::string_view::npos) end = text.rfind(".ldb");
  if (end == std::string_view::npos) return std::nullopt;
  size_t begin = end;
  while (begin > 0 && text[begin - 1] >= '0' && text[begin - 1] <= '9') {
    --begin;
  }
  uint64_t number = 0;
  const auto parsed =
      std::from_chars(text.data() + begin, text.data() + end, number);
  if (parsed.ec != std::errc() || begin == end) return std::nullopt;
  return number;
}

absl::Status LinkFile(const std::string& from, const std::string& to) {
  std::error_code error;
  stdfs::create_hard_link(from, to, error);
  if (error) return base::Unavailable("link ", from, ": ", error.message());
  return absl::OkStatus();
}

std::string PathOf(const rocksdb::LiveFileMetaData& file) {
  return base::StrCat(file.db_path, file.name);
}

std::string SalvagedName(uint64_t table) {
  return base::StrCat("/salvaged-", table, ".sst");
}

std::string NextRealName(const std::string& real) {
  return base::StrCat(real.substr(0, real.find('~')), "~",
                      HealNumber(real) + 1);
}

}  // namespace

int HealNumber(std::string_view real) {
  const size_t at = real.find('~');
  int number = 0;
  if (at != std::string_view::npos) {
    std::from_chars(real.data() + at + 1, real.data() + real.size(), number);
  }
  return number;
}

bool IsDamage(const rocksdb::Status& status) {
  return status.IsCorruption() || status.IsPathNotFound() ||
         (status.IsIOError() &&
          status.ToString().find("No such file") != std::string::npos);
}

std::string LossKey(uint64_t number) {
  return absl::StrFormat("%s%08d", std::string(kLossRow), number);
}

std::string EncodeLoss(const KvLoss& loss) {
  std::string out;
  for (const std::string* part :
       {&loss.family, &loss.first, &loss.last, &loss.file}) {
    base::PutLengthPrefixed(out, *part);
  }
  return out;
}

bool DecodeLoss(std::string_view bytes, KvLoss& loss) {
  base::ByteReader reader(bytes);
  for (std::string* part :
       {&loss.family, &loss.first, &loss.last, &loss.file}) {
    *part = reader.LengthPrefixed();
  }
  return reader.AtEnd();
}

void DamageListener::OnBackgroundError(rocksdb::BackgroundErrorReason,
                                       rocksdb::Status* status) {
  Note(*status);
  if (!status->ok()) stopped = true;
}

void DamageListener::OnCompactionCompleted(
    rocksdb::DB*, const rocksdb::CompactionJobInfo& job) {
  Note(job.status);
}

void DamageListener::Note(const rocksdb::Status& status) {
  if (!IsDamage(status)) return;
  MutexLock lock(mutex_);
  if (met_.size() < kMetMax) met_.push_back(status);
}

std::vector<rocksdb::Status> DamageListener::Take() {
  MutexLock lock(mutex_);
  return std::exchange(met_, {});
}

void KvDb::Impl::Heal(const rocksdb::Status& status, const KvFamily* family) {
  if (options.read_only || !IsDamage(status)) return;
  std::optional<uint64_t> table = TableIn(status.ToString());
  if (!table) table = FindUnopenable(family);
  if (!table) return;
  const absl::Status taken = TakeOut(*table);
  if (!taken.ok()) {
    static base::LogEvery every(10'000);
    if (every.Due()) {
      base::LogError("a damaged table of ", options.path, " stays: ",
                     base::Message(taken), "; ", status.ToString());
    }
  }
}

bool KvDb::Impl::HealFor(const rocksdb::Status& status, const KvFamily& family,
                         const rocksdb::ColumnFamilyHandle* tried) {
  if (status.ok() || status.IsNotFound()) return false;
  Heal(status, &family);
  return IsDamage(status) && family.handle() != tried;
}

std::optional<uint64_t> KvDb::Impl::FindUnopenable(const KvFamily* family) {
  const int64_t now_ms = base::SystemClock().SteadyMs();
  if (now_ms < search_tables_at_ms) return std::nullopt;
  std::vector<rocksdb::LiveFileMetaData> files;
  db()->GetLiveFilesMetaData(&files);
  for (const rocksdb::LiveFileMetaData& file : files) {
    if (family && file.column_family_name != family->handle()->GetName()) {
      continue;
    }
    if (absl::IsDataLoss(KvTableId(PathOf(file)).status())) {
      return file.file_number;
    }
  }
  search_tables_at_ms = now_ms + kFruitlessSearchMs;
  return std::nullopt;
}

absl::Status KvDb::Impl::TakeOut(uint64_t table) {
  MutexLock lock(heal_mutex);
  const WriterLock writers(gate);  // nor is a family dropped meanwhile
  std::vector<rocksdb::LiveFileMetaData> files;
  db()->GetLiveFilesMetaData(&files);
  const auto found = std::find_if(
      files.begin(), files.end(),
      [&](const auto& file) { return file.file_number == table; });
  // By another thread, or the family is dropped and still read.
  if (found == files.end()) return absl::OkStatus();
  if (found->column_family_name == rocksdb::kDefaultColumnFamilyName) {
    return WriteNotesAnew();
  }
  KvFamilyRef family;
  {
    MutexLock families_lock(mutex);
    for (const auto& [name, one] : families) {
      if (one->handle()->GetName() == found->column_family_name) family = one;
    }
  }
  if (family == nullptr) {
    return base::DataLoss(PathOf(*found), " belongs to no family in use");
  }
  RETURN_IF_ERROR(
      FromRocks(db()->Flush(rocksdb::FlushOptions(), family->handle()),
                "flush before taking out a table"));
  RETURN_IF_ERROR(FromRocks(db()->DisableFileDeletions(), options.path));
  std::set<uint64_t> damaged = {table};
  // RocksDB (7.8) aborts when an import cannot read the ends of a table.
  for (const rocksdb::LiveFileMetaData& file : files) {
    if (file.column_family_name == found->column_family_name &&
        file.file_number != table && stdfs::exists(PathOf(file)) &&
        !TableEndsRead(db()->GetOptions(family->handle()), PathOf(file))) {
      damaged.insert(file.file_number);
    }
  }
  const absl::Status status = ReplaceFamily(family, damaged);
  // Fails only when it was not disabled.
  (void)db()->EnableFileDeletions(/*force=*/false);
  return status;
}

absl::StatusOr<rocksdb::ColumnFamilyHandle*> KvDb::Impl::ImportWithout(
    const KvFamily& family, const std::set<uint64_t>& damaged,
    const std::string& dir, const std::string& real,
    std::vector<KvLoss>& lost) {
  rocksdb::ExportImportFilesMetaData import;
  import.db_comparator_name = family.handle()->GetComparator()->Name();
  std::vector<rocksdb::LiveFileMetaData> files;
  db()->GetLiveFilesMetaData(&files);
  for (rocksdb::LiveFileMetaData& file : files) {
    if (file.column_family_name != family.handle()->GetName()) continue;
    if (damaged.contains(file.file_number)) {
      file.name = SalvagedName(file.file_number);
      if (!stdfs::exists(dir + file.name)) continue;
    } else if (!stdfs::exists(PathOf(file))) {
      lost.push_back(
          {family.name(), file.smallestkey, file.largestkey, PathOf(file)});
      continue;
    } else {
      RETURN_IF_ERROR(LinkFile(PathOf(file), dir + file.name));
    }
    file.db_path = file.directory = dir;
    import.files.push_back(std::move(file));
  }
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  rocksdb::ImportColumnFamilyOptions moved;
  moved.move_files = true;
  const rocksdb::ColumnFamilyOptions family_options =
      FamilyOptionsOf(family.name());
  RETURN_IF_ERROR(FromRocks(
      import.files.empty()
          ? db()->CreateColumnFamily(family_options, real, &handle)
          : db()->CreateColumnFamilyWithImport(family_options, real, moved,
                                               import, &handle),
      base::StrCat("import ", real)));
  return handle;
}

std::vector<std::string> KvDb::Impl::TablesBeside(
    const rocksdb::LiveFileMetaData& damaged) const {
  std::vector<rocksdb::LiveFileMetaData> files;
  db()->GetLiveFilesMetaData(&files);
  std::vector<std::string> paths;
  for (const rocksdb::LiveFileMetaData& file : files) {
    if (file.column_family_name == damaged.column_family_name &&
        file.file_number != damaged.file_number &&
        file.smallestkey <= damaged.largestkey &&
        file.largestkey >= damaged.smallestkey) {
      paths.push_back(PathOf(file));
    }
  }
  return paths;
}

absl::Status KvDb::Impl::SalvageInto(const KvFamily& family,
                                     const rocksdb::LiveFileMetaData& damaged,
                                     const std::string& dir,
                                     std::vector<KvLoss>& lost) {
  const std::string path = PathOf(damaged);
  const std::string copy = dir + SalvagedName(damaged.file_number);
  Salvaged salvaged;
  const rocksdb::Status read = SalvageTable(
      db()->GetOptions(family.handle()), {.from = path,
                                          .to = copy,
                                          .first = damaged.smallestkey,
                                          .last = damaged.largestkey,
                                          .others = TablesBeside(damaged)},
      salvaged);
  if (read.IsNoSpace()) return FromRocks(read, copy);
  std::error_code error;
  if (!read.ok() || !salvaged.has_table) stdfs::remove(copy, error);
  if (!read.ok()) {
    lost.push_back({family.name(), damaged.smallestkey, damaged.largestkey,
                    path});
  }
  for (const auto& [first, last] : salvaged.gaps) {
    lost.push_back({family.name(), first.empty() ? damaged.smallestkey : first,
                    last, path});
  }
  base::LogError("the table ", path, " of ", family.name(), " is damaged: ",
                 read.ok() ? salvaged.rows : 0, " rows can be read");
  return absl::OkStatus();
}

absl::Status KvDb::Impl::ReplaceFamily(const KvFamilyRef& family,
                                       const std::set<uint64_t>& damaged) {
  const std::string dir = absl::StrFormat("%s/ingest/heal-%d", options.path,
                                          damaged_files.load());
  const std::string kept = base::StrCat(options.path, "/quarantine");
  std::error_code error;
  stdfs::remove_all(dir, error);
  stdfs::create_directories(dir, error);
  stdfs::create_directories(kept, error);
  if (error) return base::Unavailable("mkdir ", kept, ": ", error.message());

  std::vector<KvLoss> lost;
  std::vector<rocksdb::LiveFileMetaData> files;
  db()->GetLiveFilesMetaData(&files);
  std::erase_if(files, [&](const auto& file) {
    return !damaged.contains(file.file_number);
  });
  for (const rocksdb::LiveFileMetaData& file : files) {
    RETURN_IF_ERROR(SalvageInto(*family, file, dir, lost));
  }
  const std::string real = NextRealName(family->handle()->GetName());
  ASSIGN_OR_RETURN(rocksdb::ColumnFamilyHandle* const handle,
                   ImportWithout(*family, damaged, dir, real, lost));
  for (const rocksdb::LiveFileMetaData& file : files) {
    if (!stdfs::exists(PathOf(file))) continue;
    // For whoever looks at the disk; not needed any more.
    (void)LinkFile(PathOf(file), base::StrCat(kept, file.name));
  }
  rocksdb::WriteBatch batch;
  batch.Put(base::StrCat(kFamilyRow, family->name()), real);
  RETURN_IF_ERROR(NoteLosses(batch, lost));
  rocksdb::WriteOptions sync;
  sync.sync = true;
  const rocksdb::Status written = db()->Write(sync, &batch);
  if (!written.ok()) {
    // Or its name would not be free when this is tried again. What these fail
    // to do, the next start does.
    (void)db()->DropColumnFamily(handle);
    (void)db()->DestroyColumnFamilyHandle(handle);
    UnnoteLosses(lost);
    return FromRocks(written, real);
  }
  rocksdb::ColumnFamilyHandle* const old = family->handle();
  family->Replace(handle);
  damaged_files += static_cast<int64_t>(files.size());
  for (const rocksdb::LiveFileMetaData& file : files) {
    base::LogError("took the damaged table ", PathOf(file), " out of ",
                   family->name(), "; it is kept in ", kept, "; ", lost.size(),
                   " ranges of keys lost");
  }
  stdfs::remove_all(dir, error);
  return FromRocks(db()->DropColumnFamily(old), "drop");
}

absl::Status KvDb::Impl::NoteLosses(rocksdb::WriteBatch& batch,
                                    const std::vector<KvLoss>& lost) {
  MutexLock lock(loss_mutex);
  for (const KvLoss& loss : lost) {
    const uint64_t number = losses.empty() ? 0 : losses.rbegin()->first + 1;
    batch.Put(LossKey(number), EncodeLoss(loss));
    losses.emplace(number, loss);
  }
  any_loss = !losses.empty();
  return absl::OkStatus();
}

absl::Status KvDb::Impl::WriteLoss(const KvLoss& loss) {
  rocksdb::WriteBatch batch;
  RETURN_IF_ERROR(NoteLosses(batch, {loss}));
  rocksdb::WriteOptions sync;
  sync.sync = true;
  return FromRocks(db()->Write(sync, &batch), "loss");
}

void KvDb::Impl::UnnoteLosses(const std::vector<KvLoss>& lost) {
  MutexLock lock(loss_mutex);
  for (const KvLoss& loss : lost) {
    const auto last = std::find_if(
        losses.rbegin(), losses.rend(),
        [&](const auto& noted) { return noted.second == loss; });
    if (last != losses.rend()) losses.erase(last->first);
  }
  any_loss = !losses.empty();
}

std::vector<KvLoss> KvDb::Losses() const {
  MutexLock lock(impl_->loss_mutex);
  std::vector<KvLoss> losses;
  for (const auto& [number, loss] : impl_->losses) losses.push_back(loss);
  return losses;
}

bool KvDb::MayLack(const KvFamily& family, std::string_view lower,
                   std::string_view upper) const {
  if (!impl_->any_loss.load(std::memory_order_relaxed)) return false;
  MutexLock lock(impl_->loss_mutex);
  for (const auto& [key, loss] : impl_->losses) {
    if (!loss.family.empty() && loss.family != family.name()) continue;
    if (!upper.empty() && loss.first >= upper) continue;
    if (loss.last.empty() || loss.last >= lower) return true;
  }
  return false;
}

int64_t KvDb::damaged_files() const { return impl_->damaged_files; }

absl::Status KvDb::HealDamaged() {
  for (const rocksdb::Status& met : impl_->listener->Take()) {
    impl_->Heal(met, nullptr);
  }
  if (!impl_->listener->stopped.exchange(false)) return absl::OkStatus();
  const absl::Status resumed = Resume();
  // The disk is full yet: asked again at the next round.
  if (!resumed.ok()) impl_->listener->stopped = true;
  return resumed;
}

absl::Status KvDb::AddLoss(const KvLoss& loss) {
  return impl_->WriteLoss(loss);
}

absl::Status KvDb::ForgetLosses(std::span<const KvLoss> losses) {
  rocksdb::WriteBatch batch;
  std::vector<uint64_t> numbers;
  {
    MutexLock lock(impl_->loss_mutex);
    for (const auto& [number, loss] : impl_->losses) {
      if (std::find(losses.begin(), losses.end(), loss) == losses.end()) {
        continue;
      }
      numbers.push_back(number);
      batch.Delete(LossKey(number));
    }
  }
  rocksdb::WriteOptions sync;
  sync.sync = true;
  RETURN_IF_ERROR(FromRocks(impl_->db()->Write(sync, &batch), "losses"));
  MutexLock lock(impl_->loss_mutex);
  for (const uint64_t number : numbers) impl_->losses.erase(number);
  impl_->any_loss = !impl_->losses.empty();
  return absl::OkStatus();
}

uint64_t KvDb::sequence() const {
  return impl_->db()->GetLatestSequenceNumber();
}

}  // namespace varve::storage

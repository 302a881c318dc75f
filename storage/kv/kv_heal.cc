// Damaged tables: taken out of a running database.
//
// RocksDB has no call for that. But it makes a new family out of a list of
// tables (CreateColumnFamilyWithImport), each at the level and with the
// sequence numbers it had. So: link the family's tables, write the readable
// rows of the damaged one into a new table in the same place, import them as a
// family with another real name, note which name is in use, drop the old one.
// No write passes meanwhile; a crash in between leaves the old family in use.
//
// The readable rows are found with seeks: behind a block that fails its
// checksum, keys further and further on are tried, then nearer ones. Deletions
// in the damaged table are lost with it, and a merged row counts as an operand.
#include <rocksdb/metadata.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/sst_file_writer.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "absl/strings/str_format.h"
#include "lib/base/byte_coding.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "storage/kv/kv_files.h"
#include "storage/kv/kv_internal.h"

namespace varve::storage {
namespace {

namespace stdfs = std::filesystem;
using base::MutexLock;
using base::WriterLock;

constexpr std::string_view kTableSuffix = ".sst";
constexpr const char* kSalvaged = "/salvaged.sst";
// Keys longer than this are told apart by their beginning when a readable one
// is looked for.
constexpr size_t kProbeBytesMax = 64;
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

// `key` + 2^bit as a number of `width` bytes; nothing when that is too large.
std::optional<std::string> Advanced(std::string key, size_t width,
                                    size_t bit) {
  key.resize(width, '\0');
  size_t at = width - 1 - bit / 8;
  unsigned carry = 1u << bit % 8;
  while (true) {
    carry += static_cast<uint8_t>(key[at]);
    key[at] = static_cast<char>(carry & 0xff);
    carry >>= 8;
    if (carry == 0) return key;
    if (at == 0) return std::nullopt;
    --at;
  }
}

// Copies the rows of one damaged table.
class Salvage {
 public:
  Salvage(const rocksdb::Options& options, std::string last, bool merges)
      : reader_(options),
        writer_(rocksdb::EnvOptions(), options),
        last_(std::move(last)),
        merges_(merges) {}

  // Fills gaps with the ranges that cannot be read.
  rocksdb::Status Run(const std::string& from, const std::string& to) {
    rocksdb::Status status = reader_.Open(from);
    if (!status.ok()) return status;
    status = writer_.Open(to);
    if (!status.ok()) return status;
    it_.reset(reader_.NewIterator(rocksdb::ReadOptions()));
    it_->SeekToFirst();
    std::string at;  // the last row copied
    while (true) {
      for (; it_->Valid(); it_->Next()) {
        at = it_->key().ToString();
        status = merges_ ? writer_.Merge(it_->key(), it_->value())
                         : writer_.Put(it_->key(), it_->value());
        if (!status.ok()) return status;
        ++rows_;
      }
      if (it_->status().ok()) break;
      const std::optional<std::string> next = Readable(at);
      gaps_.emplace_back(at, next.value_or(last_));
      if (!next || !Reads(*next)) break;
    }
    return rows_ > 0 ? writer_.Finish() : rocksdb::Status::OK();
  }
  int64_t rows() const { return rows_; }
  const std::vector<std::pair<std::string, std::string>>& gaps() const {
    return gaps_;
  }

 private:
  // With an iterator of its own: RocksDB's (7.8) keeps failing after two seeks
  // into a damaged block, wherever it is sent.
  bool Reads(const std::string& key) {
    it_.reset(reader_.NewIterator(rocksdb::ReadOptions()));
    it_->Seek(key);
    return it_->Valid();
  }

  // A key above `at` whose block can be read, near the first one.
  std::optional<std::string> Readable(const std::string& at) {
    const size_t width =
        std::min(std::max(at.size(), last_.size()) + 1, kProbeBytesMax);
    std::string low = at.substr(0, width);
    std::optional<std::string> high;
    for (size_t bit = 0; bit < width * 8 && !high; ++bit) {
      const std::optional<std::string> probe =
          Advanced(at.substr(0, width), width, bit);
      if (!probe || *probe > last_) break;
      if (Reads(*probe)) {
        high = it_->key().ToString();
      } else {
        low = *probe;
      }
    }
    if (!high && Reads(last_)) high = last_;
    if (!high) return std::nullopt;
    // Nearer: halve the way between what fails and what reads.
    for (size_t bit = width * 8; bit-- > 0;) {
      const std::optional<std::string> probe = Advanced(low, width, bit);
      if (!probe || *probe >= *high) continue;
      if (Reads(*probe)) {
        high = it_->key().ToString();
      } else {
        low = *probe;
      }
    }
    return high;
  }

  rocksdb::SstFileReader reader_;
  rocksdb::SstFileWriter writer_;
  const std::string last_;
  const bool merges_;
  std::unique_ptr<rocksdb::Iterator> it_;
  int64_t rows_ = 0;
  std::vector<std::pair<std::string, std::string>> gaps_;
};

absl::Status LinkFile(const std::string& from, const std::string& to) {
  std::error_code error;
  stdfs::create_hard_link(from, to, error);
  if (error) return base::Unavailable("link ", from, ": ", error.message());
  return absl::OkStatus();
}

std::string PathOf(const rocksdb::LiveFileMetaData& file) {
  return base::StrCat(file.db_path, file.name);
}

std::string NextRealName(const std::string& real) {
  const size_t at = real.find('~');
  const int number = at == std::string::npos
                         ? 0
                         : std::atoi(real.c_str() + at + 1);
  return base::StrCat(real.substr(0, at), "~", number + 1);
}

}  // namespace

bool IsDamage(const rocksdb::Status& status) {
  return status.IsCorruption() || status.IsPathNotFound() ||
         (status.IsIOError() &&
          status.ToString().find("No such file") != std::string::npos);
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

bool KvDb::Impl::Heal(const rocksdb::Status& status) {
  if (options.read_only || !IsDamage(status)) return false;
  std::optional<uint64_t> table = TableIn(status.ToString());
  if (!table) table = FindUnopenable();
  if (!table) return false;
  const absl::Status taken = TakeOut(*table);
  if (!taken.ok()) {
    static base::LogEvery every(10'000);
    if (every.Due()) {
      base::LogError("a damaged table of ", options.path, " stays: ",
                     base::Message(taken), "; ", status.ToString());
    }
  }
  return taken.ok();
}

std::optional<uint64_t> KvDb::Impl::FindUnopenable() {
  const int64_t now_ms = base::SystemClock().SteadyMs();
  if (now_ms < search_tables_at_ms) return std::nullopt;
  std::vector<rocksdb::LiveFileMetaData> files;
  db()->GetLiveFilesMetaData(&files);
  for (const rocksdb::LiveFileMetaData& file : files) {
    if (absl::IsDataLoss(KvTableId(PathOf(file)).status())) {
      return file.file_number;
    }
  }
  search_tables_at_ms = now_ms + kFruitlessSearchMs;
  return std::nullopt;
}

absl::Status KvDb::Impl::TakeOut(uint64_t table) {
  MutexLock lock(heal_mutex);
  std::vector<rocksdb::LiveFileMetaData> files;
  db()->GetLiveFilesMetaData(&files);
  const auto found = std::find_if(
      files.begin(), files.end(),
      [&](const auto& file) { return file.file_number == table; });
  if (found == files.end()) return absl::OkStatus();  // by another thread
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
  const WriterLock writers(gate);
  RETURN_IF_ERROR(
      FromRocks(db()->Flush(rocksdb::FlushOptions(), family->handle()),
                "flush before taking out a table"));
  RETURN_IF_ERROR(FromRocks(db()->DisableFileDeletions(), options.path));
  const absl::Status status = ReplaceFamily(family, table, *found);
  // Fails only when it was not disabled.
  (void)db()->EnableFileDeletions(/*force=*/false);
  return status;
}

absl::StatusOr<rocksdb::ColumnFamilyHandle*> KvDb::Impl::ImportWithout(
    const KvFamily& family, uint64_t table, bool salvaged,
    const std::string& dir, const std::string& real,
    std::vector<KvLoss>& lost) {
  rocksdb::ExportImportFilesMetaData import;
  import.db_comparator_name = family.handle()->GetComparator()->Name();
  std::vector<rocksdb::LiveFileMetaData> files;
  db()->GetLiveFilesMetaData(&files);
  for (rocksdb::LiveFileMetaData& file : files) {
    if (file.column_family_name != family.handle()->GetName()) continue;
    if (file.file_number == table) {
      if (!salvaged) continue;
      file.name = kSalvaged;
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

absl::Status KvDb::Impl::ReplaceFamily(
    const KvFamilyRef& family, uint64_t table,
    const rocksdb::LiveFileMetaData& damaged) {
  const std::string dir = absl::StrFormat("%s/ingest/heal-%d", options.path,
                                          damaged_tables.load());
  const std::string kept = base::StrCat(options.path, "/quarantine");
  std::error_code error;
  stdfs::remove_all(dir, error);
  stdfs::create_directories(dir, error);
  stdfs::create_directories(kept, error);
  if (error) return base::Unavailable("mkdir ", kept, ": ", error.message());

  const std::string path = PathOf(damaged);
  const bool merges =
      options.family_options && options.family_options(family->name()).merges;
  Salvage salvage(db()->GetOptions(family->handle()), damaged.largestkey,
                  merges);
  const std::string copy = dir + kSalvaged;
  const rocksdb::Status read = salvage.Run(path, copy);
  const bool whole = read.ok() && salvage.gaps().empty();
  std::vector<KvLoss> lost;
  if (!read.ok()) {
    if (read.IsNoSpace()) return FromRocks(read, copy);
    lost.push_back({family->name(), damaged.smallestkey, damaged.largestkey,
                    path});
  }
  for (const auto& [first, last] : salvage.gaps()) {
    lost.push_back({family->name(),
                    first.empty() ? damaged.smallestkey : first, last, path});
  }

  const std::string real = NextRealName(family->handle()->GetName());
  ASSIGN_OR_RETURN(
      rocksdb::ColumnFamilyHandle* const handle,
      ImportWithout(*family, table, read.ok() && salvage.rows() > 0, dir,
                    real, lost));
  if (stdfs::exists(path)) {
    // For whoever looks at the disk; not needed any more.
    (void)LinkFile(path, base::StrCat(kept, damaged.name));
  }
  rocksdb::WriteBatch batch;
  batch.Put(base::StrCat(kFamilyRow, family->name()), real);
  RETURN_IF_ERROR(NoteLosses(batch, lost));
  rocksdb::WriteOptions sync;
  sync.sync = true;
  RETURN_IF_ERROR(FromRocks(db()->Write(sync, &batch), real));
  rocksdb::ColumnFamilyHandle* const old = family->handle();
  family->Replace(handle);
  ++damaged_tables;
  base::LogError("took the damaged table ", path, " out of ", family->name(),
                 ": ", salvage.rows(), " rows kept, ", lost.size(),
                 " ranges of keys lost", whole ? " (it reads now)" : "",
                 "; it is kept in ", kept);
  stdfs::remove_all(dir, error);
  return FromRocks(db()->DropColumnFamily(old), "drop");
}

absl::Status KvDb::Impl::NoteLosses(rocksdb::WriteBatch& batch,
                                    const std::vector<KvLoss>& lost) {
  MutexLock lock(loss_mutex);
  for (const KvLoss& loss : lost) {
    batch.Put(absl::StrFormat("%s%08d", std::string(kLossRow), losses.size()),
              EncodeLoss(loss));
    losses.push_back(loss);
  }
  any_loss = !losses.empty();
  return absl::OkStatus();
}

std::vector<KvLoss> KvDb::Losses() const {
  MutexLock lock(impl_->loss_mutex);
  return impl_->losses;
}

bool KvDb::MayLack(const KvFamily& family, std::string_view lower,
                   std::string_view upper) const {
  if (!impl_->any_loss.load(std::memory_order_relaxed)) return false;
  MutexLock lock(impl_->loss_mutex);
  return std::any_of(
      impl_->losses.begin(), impl_->losses.end(), [&](const KvLoss& loss) {
        if (!loss.family.empty() && loss.family != family.name()) return false;
        return (upper.empty() || loss.first < upper) &&
               (loss.last.empty() || loss.last >= lower);
      });
}

int64_t KvDb::damaged_tables() const { return impl_->damaged_tables; }

absl::Status KvDb::HealDamaged() {
  for (const rocksdb::Status& met : impl_->listener->Take()) {
    (void)impl_->Heal(met);  // said in the log
  }
  if (!impl_->listener->stopped.exchange(false)) return absl::OkStatus();
  const absl::Status resumed = Resume();
  // The disk is full yet: asked again at the next round.
  if (!resumed.ok()) impl_->listener->stopped = true;
  return resumed;
}

absl::Status KvDb::AddLoss(const KvLoss& loss) {
  rocksdb::WriteBatch batch;
  RETURN_IF_ERROR(impl_->NoteLosses(batch, {loss}));
  rocksdb::WriteOptions sync;
  sync.sync = true;
  return FromRocks(impl_->db()->Write(sync, &batch), "loss");
}

uint64_t KvDb::sequence() const {
  return impl_->db()->GetLatestSequenceNumber();
}

}  // namespace varve::storage

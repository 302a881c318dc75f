#include "cmd/inspect/verify.h"

#include <cstdio>
#include <filesystem>
#include <map>
#include <vector>

#include "cmd/inspect/log_dump.h"
#include "cmd/inspect/row_text.h"
#include "lib/base/status.h"
#include "lib/model/label.h"
#include "lib/model/tenant.h"
#include "storage/block/block_key.h"
#include "storage/block/timestamp_column.h"
#include "storage/engine/data_families.h"
#include "storage/fs/file_system.h"
#include "storage/index/index.h"
#include "storage/kv/kv.h"
#include "storage/kv/kv_files.h"
#include "storage/snapshot/restore.h"

namespace varve::inspect {
namespace {

namespace stdfs = std::filesystem;
using storage::JoinPath;
using storage::KvDb;

constexpr int64_t kCacheBytes = 32 << 20;
constexpr uint64_t kPartsBytesMax = uint64_t{256} << 20;
// Ids looked up in the index at once.
constexpr size_t kIdsAtOnce = 4096;

void Print(const std::string& line) { std::printf("%s\n", line.c_str()); }

class Verifier {
 public:
  explicit Verifier(std::string path) : path_(std::move(path)) {}

  absl::StatusOr<bool> Run() {
    const auto log = DumpLog(JoinPath(path_, "wal"), /*print=*/false);
    if (!log.ok()) {
      Damaged(std::string(base::Message(log.status())));
    } else {
      Print(base::StrCat("log: ", log->segments, " segments, ", log->records,
                         " records, ", log->rows, " rows, ", log->damaged,
                         " damaged"));
      damaged_ += log->damaged;
    }
    CheckTables("data");
    CheckTables("index");
    // Built on rows: only worth it when they can be read.
    if (damaged_ == 0) RETURN_IF_ERROR(CheckRows());
    Print(damaged_ == 0 ? "sound" : base::StrCat("DAMAGED: ", damaged_));
    return damaged_ == 0;
  }

 private:
  void Damaged(const std::string& what) {
    ++damaged_;
    Print(base::StrCat("DAMAGED ", what));
  }

  void CheckTables(const std::string& database) {
    int64_t tables = 0;
    int64_t bytes = 0;
    std::error_code error;
    for (const auto& entry :
         stdfs::directory_iterator(JoinPath(path_, database), error)) {
      if (entry.path().extension() != ".sst") continue;
      const absl::Status status = storage::KvCheckTable(entry.path());
      ++tables;
      bytes += static_cast<int64_t>(entry.file_size(error));
      if (!status.ok()) Damaged(std::string(base::Message(status)));
    }
    if (error) Damaged(base::StrCat(database, ": ", error.message()));
    for (const std::string& file :
         storage::KvDamagedOwnFiles(JoinPath(path_, database))) {
      Damaged(base::StrCat(file, " is not what its copy says"));
    }
    Print(base::StrCat(database, ": ", tables, " tables, ", bytes, " bytes"));
  }

  absl::StatusOr<std::unique_ptr<KvDb>> OpenDb(
      const std::string& name,
      std::function<storage::KvFamilyOptions(std::string_view)> options) {
    storage::KvOptions kv;
    kv.path = JoinPath(path_, name);
    kv.cache = std::make_shared<storage::KvCache>(kCacheBytes);
    kv.family_options = std::move(options);
    kv.read_only = true;
    absl::StatusOr<std::unique_ptr<KvDb>> db = KvDb::Open(kv);
    if (!db.ok()) return db;
    for (const storage::KvLoss& loss : (*db)->Losses()) {
      Damaged(base::StrCat(name, " lost keys of \"", loss.family, "\" with ",
                           loss.file, " (in quarantine)"));
    }
    return db;
  }

  absl::Status CheckRows() {
    const auto data = OpenDb("data", storage::DataFamilyOptions);
    const auto index_db = OpenDb("index", storage::Index::FamilyOptions);
    for (const auto* db : {&data, &index_db}) {
      if (!db->ok()) Damaged(std::string(base::Message(db->status())));
    }
    if (!data.ok() || !index_db.ok()) return absl::OkStatus();
    CountRows("data", **data);
    CountRows("index", **index_db);
    ASSIGN_OR_RETURN(const auto index,
                     storage::Index::Open(**index_db, {}));
    RETURN_IF_ERROR(CheckIndex(*index));
    return CheckSeries(**data, *index);
  }

  void CountRows(const std::string& name, const KvDb& db) {
    RowCount count;
    for (const std::string& family : db.Families()) {
      const auto it = db.Scan(db.Find(family), {.fill_cache = false});
      for (it->SeekToFirst(); it->Valid(); it->Next()) {
        DescribeRow(family, it->key(), it->value(), count, nullptr);
      }
      if (!it->status().ok()) {
        Damaged(std::string(base::Message(it->status())));
      }
    }
    damaged_ += count.damaged;
    Print(base::StrCat(name, ": ", count.rows, " rows, ", count.segments,
                       " segments, ", count.samples, " samples, ",
                       count.damaged, " damaged"));
  }

  // Every label pair's posting has the series whose labels have the pair, and
  // no other.
  absl::Status CheckIndex(const storage::Index& index) {
    const storage::DayRange all;
    ASSIGN_OR_RETURN(const auto tenants, index.Tenants(all));
    int64_t series = 0;
    int64_t pairs = 0;
    for (const model::TenantId& tenant : tenants) {
      ASSIGN_OR_RETURN(const auto ids, index.Select(tenant, {}, all));
      int64_t by_labels = 0;
      int64_t by_postings = 0;
      RETURN_IF_ERROR(index.ForEachSeries(
          tenant, ids, [&](const storage::IndexSeries& one) {
            ++series;
            const auto labels = model::ParseCanonicalBytes(one.labels);
            if (labels.ok()) by_labels += static_cast<int64_t>(labels->size());
          }));
      ASSIGN_OR_RETURN(const auto names,
                       index.LabelNames(tenant, {}, all, 0));
      for (const std::string& name : names) {
        ASSIGN_OR_RETURN(const auto values,
                         index.LabelValues(tenant, {}, all, name, 0));
        for (const std::string& value : values) {
          ASSIGN_OR_RETURN(const int64_t found,
                           CheckPair(index, tenant, name, value));
          by_postings += found;
          ++pairs;
        }
      }
      if (by_labels != by_postings) {
        Damaged(base::StrCat("index of tenant ", model::TenantText(tenant),
                             ": ", by_labels, " labels of series, ",
                             by_postings, " in postings"));
      }
    }
    Print(base::StrCat("index: ", series, " series, ", pairs,
                       " label pairs checked"));
    return absl::OkStatus();
  }

  absl::StatusOr<int64_t> CheckPair(const storage::Index& index,
                                    const model::TenantId& tenant,
                                    const std::string& name,
                                    const std::string& value) {
    const model::Matchers matchers = {
        {.type = model::MatchType::kEqual, .name = name, .value = value}};
    ASSIGN_OR_RETURN(const auto ids,
                     index.Select(tenant, std::span(&matchers, 1), {}));
    int64_t known = 0;
    RETURN_IF_ERROR(index.ForEachSeries(
        tenant, ids, [&](const storage::IndexSeries& one) {
          const auto labels = model::ParseCanonicalBytes(one.labels);
          if (!labels.ok()) return;
          for (const model::Label& label : *labels) {
            if (label.name == name && label.value == value) ++known;
          }
        }));
    if (known != static_cast<int64_t>(ids.size())) {
      Damaged(base::StrCat("posting ", name, "=", value, " of tenant ",
                           model::TenantText(tenant), " has ",
                           static_cast<int64_t>(ids.size()) - known,
                           " series without the label"));
    }
    return static_cast<int64_t>(ids.size());
  }

  // Every series with blocks has labels.
  absl::Status CheckSeries(const KvDb& data, const storage::Index& index) {
    std::map<model::TenantId, std::vector<uint64_t>> ids;
    int64_t keys = 0;
    int64_t unknown = 0;
    const auto look_up = [&](const model::TenantId& tenant,
                             std::vector<uint64_t>& of_tenant) {
      int64_t found = 0;
      const absl::Status status = index.ForEachSeries(
          tenant, of_tenant, [&](const storage::IndexSeries&) { ++found; });
      unknown += static_cast<int64_t>(of_tenant.size()) - found;
      of_tenant.clear();
      return status;
    };
    for (const std::string& family : data.Families()) {
      const bool closed = family == storage::kClosedFamily;
      if (!closed && !storage::ParseDayFamilyName(family).ok()) continue;
      const auto it = data.Scan(data.Find(family), {.fill_cache = false});
      for (it->SeekToFirst(); it->Valid(); it->Next()) {
        const auto key = storage::ParseSeriesKey(
            closed ? it->key().substr(sizeof(int32_t)) : it->key());
        if (!key.ok() || key->metric_id == storage::kColumnsMetricId) continue;
        ++keys;
        std::vector<uint64_t>& of_tenant = ids[key->tenant];
        of_tenant.push_back(key->series_id);
        if (of_tenant.size() >= kIdsAtOnce) {
          RETURN_IF_ERROR(look_up(key->tenant, of_tenant));
        }
      }
      RETURN_IF_ERROR(it->status());
    }
    for (auto& [tenant, of_tenant] : ids) {
      RETURN_IF_ERROR(look_up(tenant, of_tenant));
    }
    Print(base::StrCat("blocks: ", keys, " series-days, ", unknown,
                       " of series that the index lacks"));
    damaged_ += unknown;
    return absl::OkStatus();
  }

  const std::string path_;
  int64_t damaged_ = 0;
};

// The directory a restore would make of a snapshot, of symbolic links.
class SnapshotView {
 public:
  static absl::StatusOr<std::unique_ptr<SnapshotView>> Make(
      const std::string& path) {
    storage::FileSystem& fs = storage::RealFileSystem();
    const std::string restore = JoinPath(path, storage::kRestoreDir);
    ASSIGN_OR_RETURN(
        const std::string text,
        fs.ReadWhole(JoinPath(restore, storage::kPartsFileName),
                     kPartsBytesMax));
    ASSIGN_OR_RETURN(const storage::SnapshotParts parts,
                     storage::ParseParts(text));
    RETURN_IF_ERROR(storage::CheckRestoreFiles(fs, path, parts));
    std::string dir =
        (stdfs::temp_directory_path() / "varve-inspect-XXXXXX").string();
    if (::mkdtemp(dir.data()) == nullptr) {
      return base::Unavailable("mkdtemp ", dir);
    }
    std::unique_ptr<SnapshotView> view(new SnapshotView(dir));
    for (const char* name : {"data", "index", "wal"}) {
      RETURN_IF_ERROR(fs.CreateDirs(JoinPath(dir, name)));
    }
    for (const storage::SnapshotPart& part : parts.files) {
      std::error_code error;
      const stdfs::path to = JoinPath(dir, part.path);
      stdfs::create_directories(to.parent_path(), error);
      stdfs::create_symlink(
          stdfs::absolute(JoinPath(restore, part.stored)), to, error);
      if (error) return base::Unavailable("link ", to.string());
    }
    Print(base::StrCat("snapshot ", parts.snapshot, ": ", parts.files.size(),
                       " files"));
    return view;
  }
  ~SnapshotView() {
    std::error_code ignored;  // a temporary directory
    stdfs::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  explicit SnapshotView(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

}  // namespace

absl::StatusOr<bool> Verify(const std::string& path) {
  const std::string parts = JoinPath(JoinPath(path, storage::kRestoreDir),
                                     storage::kPartsFileName);
  if (!storage::RealFileSystem().Exists(parts)) {
    if (!stdfs::exists(JoinPath(path, "data"))) {
      return base::NotFound(path, " is no directory of a storage node: it has "
                            "neither data/ nor restore/parts.json");
    }
    return Verifier(path).Run();
  }
  const auto view = SnapshotView::Make(path);
  if (!view.ok() && absl::IsDataLoss(view.status())) {
    Print(base::StrCat("DAMAGED ", base::Message(view.status())));
    return false;
  }
  RETURN_IF_ERROR(view.status());
  return Verifier((*view)->path()).Run();
}

}  // namespace varve::inspect

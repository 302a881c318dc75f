#include "storage/hints/hint_log.h"

#include <algorithm>
#include <charconv>

#include "lib/base/byte_coding.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/status.h"

namespace varve::storage {
namespace {

// Read and sent at once, and done again after a crash in between.
constexpr int64_t kSegmentBytes = 8 << 20;
constexpr std::string_view kCreatedKey = "created";

// The payloads of storage/engine/log_record.h, whose folder is above this one.
void PutSeries(std::string& record, uint64_t ref, const HintedSeries& series) {
  base::PutVarint(record, ref);
  record.push_back(static_cast<char>(series.tenant_kind));
  base::PutFixedLe<uint64_t>(record, series.tenant_id);
  base::PutLengthPrefixed(record, series.labels);
}

absl::Status VisitSeries(
    std::string_view record,
    const std::function<absl::Status(uint64_t, const HintedSeries&)>& visit) {
  base::ByteReader reader(record);
  while (!reader.empty()) {
    const uint64_t ref = reader.Varint();
    HintedSeries series;
    series.tenant_kind = reader.FixedLe<uint8_t>();
    series.tenant_id = reader.FixedLe<uint64_t>();
    series.labels = reader.LengthPrefixed();
    if (!reader.ok()) break;
    RETURN_IF_ERROR(visit(ref, series));
  }
  return reader.AtEnd() ? absl::OkStatus()
                        : base::DataLoss("a DEFINE record is cut");
}

// Where the log in `dir` begins: what was cut below it is not lost.
absl::StatusOr<uint64_t> FirstPosition(FileSystem& fs, const std::string& dir) {
  if (!fs.Exists(dir)) return 0;
  ASSIGN_OR_RETURN(const std::vector<std::string> names, fs.List(dir));
  for (const std::string& name : names) {  // sorted: by position
    const auto header = ParseSegmentFileName(name);
    if (header) return header->position;
  }
  return 0;
}

int64_t CreatedOf(std::string_view record) {
  base::ByteReader reader(record);
  int64_t created_ms = 0;
  if (reader.LengthPrefixed() != kCreatedKey) return 0;
  const std::string_view text = reader.LengthPrefixed();
  (void)std::from_chars(text.data(), text.data() + text.size(), created_ms);
  return created_ms;
}

}  // namespace

// Rebuilds the table of refs, or hands series over.
class HintLog::DictionaryReplay final : public WalReplay {
 public:
  using Visit = std::function<absl::Status(uint64_t, const HintedSeries&)>;
  DictionaryReplay(HintLog& log, Visit visit)
      : log_(log), visit_(std::move(visit)) {}

  absl::Status Replay(std::span<const WalRecord> records) override {
    for (const WalRecord& record : records) {
      ASSIGN_OR_RETURN(const std::string_view payload,
                       UnpackPayload(record.payload, scratch_));
      if (record.type == RecordType::kState) {
        // At the opening; others read it later.
        if (log_.created_ms_ == 0) log_.created_ms_ = CreatedOf(payload);
        continue;
      }
      RETURN_IF_ERROR(VisitSeries(payload, visit_));
    }
    return absl::OkStatus();
  }
  void Lost(uint64_t, uint64_t) override { log_.SetDamaged(); }

 private:
  HintLog& log_;
  const Visit visit_;
  std::string scratch_;
};

// At an opening nothing but losses matters: rows are read when they are sent.
class HintLog::RowsReader final : public WalReplay {
 public:
  using Visit = std::function<absl::Status(const StoredPayload&)>;
  RowsReader(HintLog& log, const Visit* visit) : log_(log), visit_(visit) {}

  absl::Status Replay(std::span<const WalRecord> records) override {
    if (visit_ == nullptr) return absl::OkStatus();
    for (const WalRecord& record : records) {
      RETURN_IF_ERROR((*visit_)(record.payload));
    }
    return absl::OkStatus();
  }
  void Lost(uint64_t, uint64_t) override { log_.SetDamaged(); }

 private:
  HintLog& log_;
  const Visit* const visit_;
};

absl::StatusOr<std::unique_ptr<HintLog>> HintLog::Open(FileSystem& fs,
                                                       std::string dir,
                                                       int64_t now_ms) {
  std::unique_ptr<HintLog> log(new HintLog(fs, std::move(dir)));
  RETURN_IF_ERROR(log->OpenLogs(now_ms));
  return log;
}

absl::Status HintLog::OpenLogs(int64_t now_ms) {
  RETURN_IF_ERROR(fs_.CreateDirs(dir_));
  damaged_ = marked_ = fs_.Exists(JoinPath(dir_, "damaged"));
  if (fs_.Exists(JoinPath(dir_, "unsynced"))) {
    // Whether anything is lost only the machine could say.
    SetDamaged();
  }
  const WalOptions options{.segment_bytes = kSegmentBytes};
  absl::flat_hash_map<base::Hash128, uint64_t> refs;
  uint64_t end = 0;
  DictionaryReplay dictionary(
      *this, [&](uint64_t ref, const HintedSeries& series) {
        refs[KeyOf(series)] = ref;
        end = std::max(end, ref + 1);
        return absl::OkStatus();
      });
  ASSIGN_OR_RETURN(dictionary_, Wal::Open(fs_, JoinPath(dir_, "series"),
                                          options, 0, dictionary));
  RowsReader rows(*this, nullptr);
  const std::string rows_dir = JoinPath(dir_, "rows");
  ASSIGN_OR_RETURN(const uint64_t begin, FirstPosition(fs_, rows_dir));
  ASSIGN_OR_RETURN(rows_, Wal::Open(fs_, rows_dir, options, begin, rows));
  RETURN_IF_ERROR(fs_.SyncDir(dir_));
  series_ = end;
  {
    base::MutexLock lock(mutex_);
    refs_ = std::move(refs);
    closed_ = closed_ || damaged_;
  }
  if (created_ms_ != 0) return absl::OkStatus();
  created_ms_ = now_ms;
  std::string state;
  base::PutLengthPrefixed(state, kCreatedKey);
  base::PutLengthPrefixed(state, base::StrCat(now_ms));
  return dictionary_->Append(RecordType::kState, state).status();
}

base::Hash128 HintLog::KeyOf(const HintedSeries& series) const {
  std::string bytes;
  PutSeries(bytes, 0, series);
  return hash_(bytes);
}

absl::StatusOr<bool> HintLog::Define(std::span<const HintedSeries> series,
                                     std::vector<uint64_t>& refs) {
  refs.clear();
  std::vector<base::Hash128> added;
  uint64_t end = 0;
  {
    base::MutexLock lock(mutex_);
    if (closed_) return false;
    taken_steady_ms_ = base::SystemClock().SteadyMs();
    uint64_t next = series_;
    std::string record;
    for (const HintedSeries& one : series) {
      const base::Hash128 key = KeyOf(one);
      const auto [entry, is_new] = refs_.try_emplace(key, next);
      if (is_new) {
        PutSeries(record, next++, one);
        added.push_back(key);
      }
      refs.push_back(entry->second);
    }
    if (!added.empty()) {
      const auto appended = dictionary_->Append(RecordType::kDefine, record);
      if (!appended.ok()) {
        for (const base::Hash128& key : added) refs_.erase(key);
        return appended.status();
      }
    }
    series_ = next;
    end = dictionary_->end();
  }
  // Also for known series: another call may have made them just now.
  RETURN_IF_ERROR(dictionary_->WaitDurable(end));
  return true;
}

absl::StatusOr<bool> HintLog::Append(const StoredPayload& record,
                                     uint64_t refs_end, bool durable) {
  uint64_t end = 0;
  {
    base::MutexLock lock(mutex_);
    if (closed_ || refs_end > series_) return false;
    taken_steady_ms_ = base::SystemClock().SteadyMs();
    if (!durable) RETURN_IF_ERROR(NoteUnsynced());
    ASSIGN_OR_RETURN(end, rows_->AppendStored(RecordType::kData, record));
  }
  if (durable) RETURN_IF_ERROR(rows_->WaitDurable(end));
  return true;
}

absl::Status HintLog::NoteUnsynced() {
  if (unsynced_) return absl::OkStatus();
  RETURN_IF_ERROR(fs_.WriteFileDurably(JoinPath(dir_, "unsynced"), ""));
  unsynced_ = true;
  return absl::OkStatus();
}

absl::Status HintLog::Close() {
  base::MutexLock lock(mutex_);
  closed_ = true;
  RETURN_IF_ERROR(dictionary_->Sync());
  RETURN_IF_ERROR(rows_->Sync());
  if (!unsynced_) return absl::OkStatus();
  unsynced_ = false;
  return fs_.Remove(JoinPath(dir_, "unsynced"));
}

void HintLog::SetDamaged() {
  if (!loss_told_.exchange(true)) {
    base::LogError("hints ", dir_, ": something of them is lost; what is there "
                   "is replayed, and MISSED records stay");
  }
  LeaveOut();
}

void HintLog::LeaveOut() {
  if (damaged_.exchange(true)) return;
  {
    // Refs of what is lost must not be given out again, and what comes from
    // now on is to be done some day: it goes to another log.
    base::MutexLock lock(mutex_);
    closed_ = true;
  }
  const absl::Status status = MarkDamaged();
  // Whatever it was is met again after a restart: CutRows sees to that.
  if (!status.ok()) base::LogError("hints ", dir_, ": ", base::Message(status));
}

absl::Status HintLog::MarkDamaged() {
  if (marked_) return absl::OkStatus();
  RETURN_IF_ERROR(fs_.WriteFileDurably(JoinPath(dir_, "damaged"), ""));
  marked_ = true;
  return absl::OkStatus();
}

bool HintLog::open() const {
  base::MutexLock lock(mutex_);
  return !closed_;
}

absl::StatusOr<bool> HintLog::NextRows(uint64_t end) {
  chosen_ = rows_->begin();
  read_end_ = chosen_;
  if (chosen_ >= std::min(end, rows_->end())) return false;
  // Closed, if it is the open one: what comes from now on is another's.
  if (rows_->ClosedSegments().empty()) RETURN_IF_ERROR(rows_->Rotate());
  return true;
}

absl::Status HintLog::ReadRows(
    const std::function<absl::Status(const StoredPayload&)>& visit) {
  RowsReader reader(*this, &visit);
  ASSIGN_OR_RETURN(read_end_, rows_->ReadSegment(chosen_, reader));
  return absl::OkStatus();
}

absl::Status HintLog::CutRows() {
  // Without these rows nothing but the mark says that some were lost.
  if (damaged_) RETURN_IF_ERROR(MarkDamaged());
  return rows_->CutBelow(read_end_);
}

absl::Status HintLog::ReadSeries(
    uint64_t from,
    const std::function<absl::Status(uint64_t ref, const HintedSeries&)>&
        visit) {
  DictionaryReplay reader(
      *this, [&](uint64_t ref, const HintedSeries& series) {
        return ref < from ? absl::OkStatus() : visit(ref, series);
      });
  const uint64_t end = dictionary_->end();
  uint64_t at = dictionary_->begin();
  while (at < end) {
    ASSIGN_OR_RETURN(at, dictionary_->ReadSegment(at, reader));
  }
  return absl::OkStatus();
}

int64_t HintLog::quiet_ms() const {
  return base::SystemClock().SteadyMs() - taken_steady_ms_.load();
}

bool HintLog::CloseIfDrained() {
  base::MutexLock lock(mutex_);
  if (rows_->begin() != rows_->end()) return false;
  closed_ = true;
  return true;
}

}  // namespace varve::storage

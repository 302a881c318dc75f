#include "storage/index/row_sink.h"

#include "lib/base/status.h"

namespace varve::storage {
namespace {

class BatchSink final : public RowSink {
 public:
  explicit BatchSink(KvDb& db) : db_(db) {}

  absl::Status Put(const KvFamilyRef& family, std::string_view key,
                   std::string_view value) override {
    batch_.Put(*family, key, value);
    return absl::OkStatus();
  }
  absl::Status Commit() override { return db_.Write(batch_, /*sync=*/true); }

 private:
  KvDb& db_;
  KvBatch batch_;
};

class TableSink final : public RowSink {
 public:
  explicit TableSink(KvDb& db) : db_(db) {}

  absl::Status Put(const KvFamilyRef& family, std::string_view key,
                   std::string_view value) override {
    if (writer_ == nullptr || ingests_.back().family != family) {
      RETURN_IF_ERROR(Finish());
      // One flush at a time uses the directory; a failed one left its files.
      const std::string path = base::StrCat(db_.ScratchDir(), "/index-",
                                            ingests_.size(), ".sst");
      ASSIGN_OR_RETURN(writer_, db_.NewSst(*family, path));
      ingests_.push_back({family, {path}});
    }
    return writer_->Put(key, value);
  }

  absl::Status Commit() override {
    RETURN_IF_ERROR(Finish());
    return db_.Ingest(ingests_);
  }

 private:
  absl::Status Finish() {
    if (writer_ == nullptr) return absl::OkStatus();
    RETURN_IF_ERROR(writer_->Finish());
    writer_.reset();
    return absl::OkStatus();
  }

  KvDb& db_;
  std::vector<KvIngest> ingests_;
  std::unique_ptr<KvSstWriter> writer_;
};

}  // namespace

std::unique_ptr<RowSink> MakeBatchSink(KvDb& db) {
  return std::make_unique<BatchSink>(db);
}

std::unique_ptr<RowSink> MakeTableSink(KvDb& db) {
  return std::make_unique<TableSink>(db);
}

}  // namespace varve::storage

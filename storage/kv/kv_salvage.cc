#include "storage/kv/kv_salvage.h"

#include <rocksdb/merge_operator.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/sst_file_writer.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <utility>

namespace varve::storage {
namespace {

// Keys longer than this are told apart by their beginning when a readable one
// is looked for.
constexpr size_t kProbeBytesMax = 64;

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

// Tells whether a row that an iterator stands on is an operand still.
class NotingMerges final : public rocksdb::MergeOperator {
 public:
  explicit NotingMerges(std::shared_ptr<rocksdb::MergeOperator> merges)
      : merges_(std::move(merges)) {}
  bool FullMergeV2(const MergeOperationInput& in,
                   MergeOperationOutput* out) const override {
    operand_ = in.existing_value == nullptr;
    return merges_->FullMergeV2(in, out);
  }
  const char* Name() const override { return merges_->Name(); }
  // Of the row merged last; false when none was since the last call.
  bool TakeOperand() const { return std::exchange(operand_, false); }

 private:
  const std::shared_ptr<rocksdb::MergeOperator> merges_;
  mutable bool operand_ = false;
};

class Salvage {
 public:
  Salvage(rocksdb::Options options, const DamagedTable& table, Salvaged& out)
      : options_(options),
        table_(table),
        out_(out),
        writer_(rocksdb::EnvOptions(), options) {
    if (options.merge_operator != nullptr) {
      merges_ = std::make_shared<NotingMerges>(options.merge_operator);
      options.merge_operator = merges_;
    }
    reader_ = std::make_unique<rocksdb::SstFileReader>(options);
  }

  rocksdb::Status Run() {
    rocksdb::Status status = reader_->Open(table_.from);
    if (!status.ok()) return status;
    const auto properties = reader_->GetTableProperties();
    hides_older_ = merges_ != nullptr &&
                   properties->num_merge_operands < properties->num_entries;
    status = writer_.Open(table_.to);
    if (!status.ok()) return status;
    it_.reset(reader_->NewIterator(rocksdb::ReadOptions()));
    it_->SeekToFirst();
    std::string at;  // the last row copied
    while (true) {
      status = CopyReadable(at);
      if (!status.ok()) return status;
      if (it_->status().ok()) break;
      const std::optional<std::string> next = Readable(at);
      out_.gaps.emplace_back(at, next.value_or(table_.last));
      if (hides_older_) {
        status = HideGap(at, next);
        if (!status.ok()) return status;
      }
      if (!next || !Reads(*next)) break;
    }
    out_.has_table = out_.rows + deletions_ > 0;
    return out_.has_table ? writer_.Finish() : rocksdb::Status::OK();
  }

 private:
  // From where it_ stands to what cannot be read, or the end.
  rocksdb::Status CopyReadable(std::string& at) {
    for (; it_->Valid(); it_->Next()) {
      at = it_->key().ToString();
      const bool operand = merges_ != nullptr && merges_->TakeOperand();
      const rocksdb::Status status =
          operand ? writer_.Merge(it_->key(), it_->value())
                  : writer_.Put(it_->key(), it_->value());
      if (!status.ok()) return status;
      ++out_.rows;
    }
    return rocksdb::Status::OK();
  }

  // Deletes what older tables have where rows behind `at` up to `next` cannot
  // be read. One by one: RocksDB (7.8) cannot import deletions of ranges.
  rocksdb::Status HideGap(const std::string& at,
                          const std::optional<std::string>& next) {
    const std::string begin = at.empty() ? table_.first : at + '\0';
    const std::string end = next.value_or(table_.last + '\0');
    std::set<std::string> keys;
    for (const std::string& path : table_.others) {
      rocksdb::SstFileReader reader(options_);
      if (!reader.Open(path).ok()) continue;  // damaged too: hides nothing
      const std::unique_ptr<rocksdb::Iterator> it(
          reader.NewIterator(rocksdb::ReadOptions()));
      for (it->Seek(begin); it->Valid() && it->key().compare(end) < 0;
           it->Next()) {
        keys.insert(it->key().ToString());
      }
    }
    for (const std::string& key : keys) {
      const rocksdb::Status status = writer_.Delete(key);
      if (!status.ok()) return status;
    }
    deletions_ += static_cast<int64_t>(keys.size());
    return rocksdb::Status::OK();
  }

  // With an iterator of its own: RocksDB's (7.8) keeps failing after two seeks
  // into a damaged block, wherever it is sent.
  bool Reads(const std::string& key) {
    if (merges_ != nullptr) (void)merges_->TakeOperand();  // of another row
    it_.reset(reader_->NewIterator(rocksdb::ReadOptions()));
    it_->Seek(key);
    return it_->Valid();
  }

  // A key above `at` whose block can be read, near the first one.
  std::optional<std::string> Readable(const std::string& at) {
    const size_t width =
        std::min(std::max(at.size(), table_.last.size()) + 1, kProbeBytesMax);
    std::string low = at.substr(0, width);
    std::optional<std::string> high;
    for (size_t bit = 0; bit < width * 8 && !high; ++bit) {
      const std::optional<std::string> probe =
          Advanced(at.substr(0, width), width, bit);
      if (!probe || *probe > table_.last) break;
      if (Reads(*probe)) {
        high = it_->key().ToString();
      } else {
        low = *probe;
      }
    }
    if (!high && Reads(table_.last)) high = table_.last;
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

  const rocksdb::Options options_;
  const DamagedTable& table_;
  Salvaged& out_;
  std::shared_ptr<NotingMerges> merges_;  // null: nothing is merged
  std::unique_ptr<rocksdb::SstFileReader> reader_;
  rocksdb::SstFileWriter writer_;
  bool hides_older_ = false;
  int64_t deletions_ = 0;
  std::unique_ptr<rocksdb::Iterator> it_;
};

}  // namespace

rocksdb::Status SalvageTable(const rocksdb::Options& options,
                             const DamagedTable& table, Salvaged& out) {
  return Salvage(options, table, out).Run();
}

bool TableEndsRead(const rocksdb::Options& options, const std::string& path) {
  rocksdb::SstFileReader reader(options);
  if (!reader.Open(path).ok()) return false;
  const std::unique_ptr<rocksdb::Iterator> it(
      reader.NewIterator(rocksdb::ReadOptions()));
  it->SeekToFirst();
  if (!it->status().ok()) return false;
  it->SeekToLast();
  return it->status().ok();
}

}  // namespace varve::storage

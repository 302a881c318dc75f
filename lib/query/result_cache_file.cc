#include "lib/query/result_cache_file.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "lib/base/byte_coding.h"
#include "lib/base/hash.h"
#include "lib/base/status.h"
#include "lib/compress/compress.h"
#include "proto/result_cache.pb.h"

namespace varve::query {
namespace {

constexpr std::string_view kMagic = "VRVRC001";
constexpr int kZstdLevel = 1;
// A record of more bytes is damage.
constexpr size_t kRecordBytesMax = 1 << 30;

absl::Status Failed(std::string_view what, const std::string& path) {
  return base::Unavailable("cannot ", what, " ", path, ": ",
                           std::strerror(errno));
}

std::string RecordOf(const std::string& key, const CachedResult& result) {
  proto::KeptAnswer answer;
  answer.set_key(key);
  answer.set_start_ms(result.start_ms);
  answer.set_step_ms(result.step_ms);
  answer.set_count(static_cast<uint32_t>(result.count));
  for (const eval::ResultSeries& one : result.series) {
    proto::KeptAnswer::Series& series = *answer.add_series();
    model::AppendCanonicalBytes(*series.mutable_labels(), one.labels);
    series.mutable_values()->Reserve(static_cast<int>(one.values.size()));
    for (const double value : one.values) {
      series.add_values(std::bit_cast<uint64_t>(value));
    }
  }
  for (const OutcomeCollector::Read& one : result.reads) {
    proto::KeptAnswer::Read& read = *answer.add_reads();
    read.set_start_ms(one.range.start_ms);
    read.set_end_ms(one.range.end_ms);
    for (const cluster::NodeHistory& history : one.histories) {
      proto::KeptAnswer::NodeHistory& node = *read.add_histories();
      node.set_node_id(history.node_id);
      node.set_coverage_version(history.coverage_version);
      node.set_changes(history.changes);
      node.set_settled_start_ms(history.settled.start_ms);
      node.set_settled_end_ms(history.settled.end_ms);
    }
  }
  for (const std::string& info : result.infos) answer.add_infos(info);
  answer.set_text(result.text);
  answer.set_series_fetched(result.series_fetched);
  return answer.SerializeAsString();
}

absl::StatusOr<CachedResultPtr> ResultOf(const proto::KeptAnswer& answer) {
  auto result = std::make_shared<CachedResult>();
  result->start_ms = answer.start_ms();
  result->step_ms = answer.step_ms();
  result->count = answer.count();
  if (result->step_ms <= 0 || result->count == 0 || answer.reads().empty()) {
    return base::DataLoss("an answer without steps or reads");
  }
  for (const proto::KeptAnswer::Series& one : answer.series()) {
    if (static_cast<size_t>(one.values_size()) != result->count) {
      return base::DataLoss("a series of ", one.values_size(), " values, not ",
                            result->count);
    }
    eval::ResultSeries& series = result->series.emplace_back();
    ASSIGN_OR_RETURN(series.labels, model::ParseCanonicalBytes(one.labels()));
    series.values.reserve(result->count);
    for (const uint64_t bits : one.values()) {
      series.values.push_back(std::bit_cast<double>(bits));
    }
  }
  for (const proto::KeptAnswer::Read& one : answer.reads()) {
    OutcomeCollector::Read& read = result->reads.emplace_back();
    read.range = {one.start_ms(), one.end_ms()};
    for (const proto::KeptAnswer::NodeHistory& node : one.histories()) {
      read.histories.push_back(
          {.node_id = node.node_id(),
           .coverage_version = node.coverage_version(),
           .changes = node.changes(),
           .settled = {node.settled_start_ms(), node.settled_end_ms()}});
    }
  }
  result->infos.assign(answer.infos().begin(), answer.infos().end());
  result->text = answer.text();
  result->series_fetched = answer.series_fetched();
  return result;
}

bool HasHistograms(const CachedResult& result) {
  return std::ranges::any_of(result.series, [](const auto& series) {
    return !series.histograms.empty();
  });
}

// Takes `size` bytes; false at the end of the file.
bool Take(std::ifstream& file, size_t size, std::string& bytes) {
  bytes.resize(size);
  file.read(bytes.data(), static_cast<std::streamsize>(size));
  return static_cast<size_t>(file.gcount()) == size;
}

// The next record of the file; false at its end.
absl::StatusOr<bool> TakeRecord(std::ifstream& file, std::string& record) {
  std::string head;
  if (!Take(file, 12, head)) {
    if (file.gcount() == 0) return false;
    return base::DataLoss("a record's head of ", file.gcount(), " bytes");
  }
  base::ByteReader reader(head);
  const auto size = reader.FixedLe<uint32_t>();
  const auto checksum = reader.FixedLe<uint64_t>();
  std::string packed;
  if (size > kRecordBytesMax || !Take(file, size, packed) ||
      base::Hash64Of(packed) != checksum) {
    return base::DataLoss("a record of ", size, " bytes is damaged");
  }
  record.clear();
  RETURN_IF_ERROR(compress::ZstdDecompress(packed, kRecordBytesMax, record));
  return true;
}

}  // namespace

absl::StatusOr<int64_t> SaveResults(const std::string& path,
                                    uint64_t configuration,
                                    const ResultCache& cache) {
  const std::string new_path = path + ".new";
  std::error_code error;
  std::filesystem::create_directories(
      std::filesystem::path(path).parent_path(), error);
  std::ofstream file(new_path, std::ios::binary | std::ios::trunc);
  std::string bytes(kMagic);
  base::PutFixedLe<uint64_t>(bytes, configuration);
  file << bytes;
  int64_t saved = 0;
  // The last used last, so that it is the last used again.
  for (const auto& [key, result] : cache.OldestFirst()) {
    if (HasHistograms(*result)) continue;
    std::string packed;
    compress::ZstdCompress(RecordOf(key, *result), kZstdLevel, packed);
    bytes.clear();
    base::PutFixedLe<uint32_t>(bytes, static_cast<uint32_t>(packed.size()));
    base::PutFixedLe<uint64_t>(bytes, base::Hash64Of(packed));
    file << bytes << packed;
    ++saved;
  }
  file.close();
  if (!file) return Failed("write", new_path);
  if (std::rename(new_path.c_str(), path.c_str()) != 0) {
    return Failed("replace", path);
  }
  return saved;
}

absl::StatusOr<int64_t> LoadResults(const std::string& path,
                                    uint64_t configuration,
                                    ResultCache& cache) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return errno == ENOENT ? base::NotFound(path, " is not there")
                           : Failed("read", path);
  }
  std::string head;
  if (!Take(file, kMagic.size() + sizeof(uint64_t), head) ||
      !head.starts_with(kMagic)) {
    return base::DataLoss(path, ": not a file of kept answers");
  }
  base::ByteReader reader(std::string_view(head).substr(kMagic.size()));
  if (reader.FixedLe<uint64_t>() != configuration) return 0;
  int64_t loaded = 0;
  std::string record;
  while (true) {
    const auto more = TakeRecord(file, record);
    if (!more.ok()) {
      return base::DataLoss(path, " behind ", loaded, " answers: ",
                            base::Message(more.status()));
    }
    if (!*more) return loaded;
    proto::KeptAnswer answer;
    if (!answer.ParseFromString(record)) {
      return base::DataLoss(path, ": an answer of ", record.size(),
                            " bytes that cannot be read");
    }
    ASSIGN_OR_RETURN(CachedResultPtr result, ResultOf(answer));
    loaded += cache.Put(answer.key(), std::move(result));
  }
}

}  // namespace varve::query

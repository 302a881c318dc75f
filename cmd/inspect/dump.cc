#include "cmd/inspect/dump.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "absl/strings/escaping.h"
#include "cmd/inspect/log_dump.h"
#include "cmd/inspect/row_text.h"
#include "lib/base/status.h"
#include "storage/fs/file_system.h"
#include "storage/kv/kv_files.h"
#include "storage/snapshot/parts_file.h"
#include "storage/wal/record.h"

namespace varve::inspect {
namespace {

namespace stdfs = std::filesystem;

constexpr uint64_t kTextBytesMax = uint64_t{256} << 20;
// Small files that are not text.
constexpr uint64_t kHexBytesMax = 4096;

absl::StatusOr<bool> DumpTable(const std::string& path) {
  RowCount count;
  std::string text;
  std::string family;
  const absl::Status status = storage::KvReadTable(
      path, family, [&](std::string_view key, std::string_view value) {
        text.clear();
        DescribeRow(family, key, value, count, &text);
        std::fputs(text.c_str(), stdout);
      });
  std::printf("  family %s: %lld rows\n", family.c_str(),
              static_cast<long long>(count.rows));
  if (!status.ok()) {
    std::printf("  DAMAGED %s\n", std::string(base::Message(status)).c_str());
  }
  return status.ok() && count.damaged == 0;
}

absl::StatusOr<bool> DumpParts(const std::string& path) {
  ASSIGN_OR_RETURN(
      const std::string text,
      storage::RealFileSystem().ReadWhole(path, kTextBytesMax));
  const auto parts = storage::ParseParts(text);
  if (!parts.ok()) {
    std::printf("  DAMAGED %s\n",
                std::string(base::Message(parts.status())).c_str());
    return false;
  }
  std::printf("  snapshot %s created_ms=%lld node_id=%016llx\n",
              parts->snapshot.c_str(),
              static_cast<long long>(parts->created_ms),
              static_cast<unsigned long long>(parts->node_id));
  for (const storage::SnapshotPart& part : parts->files) {
    std::printf("  %s is %s, %llu bytes\n", part.path.c_str(),
                part.stored.c_str(),
                static_cast<unsigned long long>(part.bytes));
  }
  return true;
}

bool IsText(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) {
    return c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f);
  });
}

absl::StatusOr<bool> DumpOther(const std::string& path) {
  ASSIGN_OR_RETURN(
      const std::string bytes,
      storage::RealFileSystem().ReadWhole(path, kTextBytesMax));
  if (IsText(bytes)) {
    std::fputs(bytes.c_str(), stdout);
    if (!bytes.empty() && bytes.back() != '\n') std::fputs("\n", stdout);
    return true;
  }
  const std::string shown = bytes.substr(0, kHexBytesMax);
  std::printf("  %zu bytes of RocksDB's own: %s\n", bytes.size(),
              absl::CHexEscape(shown).c_str());
  return true;
}

absl::StatusOr<bool> DumpFile(const stdfs::path& path) {
  std::printf("%s %llu bytes\n", path.c_str(),
              static_cast<unsigned long long>(stdfs::file_size(path)));
  const std::string name = path.filename();
  if (storage::ParseSegmentFileName(name)) {
    LogSummary summary;
    RETURN_IF_ERROR(DumpLogSegment(path, /*print=*/true, summary));
    return summary.damaged == 0;
  }
  if (path.extension() == ".sst") return DumpTable(path);
  if (name == storage::kPartsFileName) return DumpParts(path);
  return DumpOther(path);
}

}  // namespace

absl::StatusOr<bool> Dump(const std::string& path) {
  std::error_code error;
  if (!stdfs::exists(path, error)) {
    return base::NotFound(path, " does not exist");
  }
  if (!stdfs::is_directory(path, error)) return DumpFile(path);
  std::vector<stdfs::path> files;
  for (const auto& entry : stdfs::recursive_directory_iterator(path, error)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  if (error) return base::Unavailable("list ", path, ": ", error.message());
  std::sort(files.begin(), files.end());
  bool sound = true;
  for (const stdfs::path& file : files) {
    ASSIGN_OR_RETURN(const bool one, DumpFile(file));
    sound &= one;
  }
  return sound;
}

}  // namespace varve::inspect

#include "storage/engine/node_id.h"

#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/status.h"

namespace varve::storage {
namespace {

constexpr const char* kNames[] = {"node_id", "node_id.copy"};
constexpr size_t kDigits = 16;

std::string TextOf(uint64_t id) {
  const std::string digits = absl::StrFormat("%016x", id);
  return absl::StrFormat("%s %016x\n", digits, base::Checksum(digits));
}

std::optional<uint64_t> IdOf(const std::string& text) {
  uint64_t id = 0;
  const bool sound = text.size() > kDigits &&
                     absl::SimpleHexAtoi(text.substr(0, kDigits), &id) &&
                     id != 0 &&
                     (text == TextOf(id) ||
                      // By hand, after damage.
                      text == text.substr(0, kDigits) + "\n");
  return sound ? std::optional<uint64_t>(id) : std::nullopt;
}

}  // namespace

absl::StatusOr<uint64_t> LoadNodeId(FileSystem& fs, const std::string& path,
                                    uint64_t id_if_none) {
  std::optional<uint64_t> id;
  int found = 0;
  int damaged = 0;
  for (const char* name : kNames) {
    const std::string file = JoinPath(path, name);
    if (!fs.Exists(file)) continue;
    const absl::StatusOr<std::string> text = fs.ReadWhole(file, 4096);
    const std::optional<uint64_t> one =
        text.ok() ? IdOf(*text) : std::optional<uint64_t>();
    if (one) {
      if (!id) id = one;
      ++found;
      continue;
    }
    ++damaged;
    base::LogError(file, " is damaged; moved to ", file, ".damaged");
    RETURN_IF_ERROR(fs.Rename(file, file + ".damaged"));
  }
  if (!id && damaged > 0) {
    return base::DataLoss(
        "no copy of the node id in ", path, " is sound: write the 16 hex "
        "digits that this node logged at its starts (\"node id\") and a line "
        "break to ", path, "/node_id, or restore a backup");
  }
  if (!id) id = id_if_none;
  if (found < static_cast<int>(std::size(kNames))) {
    RETURN_IF_ERROR(StoreNodeId(fs, path, *id));
  }
  return *id;
}

absl::Status StoreNodeId(FileSystem& fs, const std::string& path,
                         uint64_t id) {
  for (const char* name : kNames) {
    RETURN_IF_ERROR(fs.WriteFileDurably(JoinPath(path, name), TextOf(id)));
  }
  return absl::OkStatus();
}

}  // namespace varve::storage

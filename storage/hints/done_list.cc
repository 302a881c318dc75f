#include "storage/hints/done_list.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/status.h"

namespace varve::storage {
namespace {

constexpr size_t kIdDigits = 16;
constexpr uint64_t kFileBytesMax = 16 << 20;

std::string LineOf(const HintLogId& id) {
  const std::string text = HintLogText(id);
  return absl::StrFormat("%s %016x", text, base::Checksum(text));
}

}  // namespace

std::string HintLogText(const HintLogId& id) {
  return absl::StrFormat("%016x-%016x", id.owner, id.log);
}

HintLogId ParseHintLogText(std::string_view text) {
  HintLogId id;
  if (text.size() != 2 * kIdDigits + 1 || text[kIdDigits] != '-') return {};
  const std::string owner(text.substr(0, kIdDigits));
  const std::string log(text.substr(kIdDigits + 1));
  if (!absl::SimpleHexAtoi(owner, &id.owner) ||
      !absl::SimpleHexAtoi(log, &id.log) || HintLogText(id) != text) {
    return {};
  }
  return id;
}

absl::StatusOr<DoneList> DoneList::Open(FileSystem& fs, std::string path) {
  DoneList list(fs, std::move(path));
  if (!fs.Exists(list.path_)) return list;
  ASSIGN_OR_RETURN(const std::string content,
                   fs.ReadWhole(list.path_, kFileBytesMax));
  for (const auto line : absl::StrSplit(content, '\n', absl::SkipEmpty())) {
    const HintLogId id = ParseHintLogText(
        std::string_view(line.data(), line.size()).substr(0,
                                                          2 * kIdDigits + 1));
    if (id.log == 0 || LineOf(id) != line) {
      base::LogError(list.path_, ": a damaged line is left out");
      continue;
    }
    list.in_order_.push_back(id);
    list.known_.insert(id);
  }
  return list;
}

absl::Status DoneList::Add(const HintLogId& id) {
  if (Has(id)) return absl::OkStatus();
  std::string content;
  const size_t begin = in_order_.size() < kDoneMax ? 0 : 1;
  for (size_t i = begin; i < in_order_.size(); ++i) {
    content += LineOf(in_order_[i]) + "\n";
  }
  content += LineOf(id) + "\n";
  RETURN_IF_ERROR(fs_->WriteFileDurably(path_, content));
  if (begin > 0) {
    known_.erase(in_order_.front());
    in_order_.pop_front();
  }
  in_order_.push_back(id);
  known_.insert(id);
  return absl::OkStatus();
}

}  // namespace varve::storage

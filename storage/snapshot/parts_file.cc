#include "storage/snapshot/parts_file.h"

#include <rapidjson/document.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "lib/base/hash.h"
#include "lib/base/status.h"

namespace varve::storage {
namespace {

constexpr int kFormat = 1;

// Names of ours need no escapes; others are refused.
bool PlainName(std::string_view name) {
  if (name.empty() || name.front() == '/') return false;
  if (name.find("..") != std::string_view::npos) return false;
  for (const char c : name) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                       (c >= 'A' && c <= 'Z') || c == '.' || c == '-' ||
                       c == '_' || c == '/';
    if (!plain) return false;
  }
  return true;
}

// Over the text above the line of the checksum.
std::string CheckLine(std::string_view above) {
  return absl::StrFormat(" \"checksum\": \"%016x\"\n}\n",
                         base::Checksum(above));
}

absl::Status Bad(std::string_view what) {
  return base::DataLoss(kPartsFileName, ": ", what);
}

absl::StatusOr<std::string> StringOf(const rapidjson::Value& object,
                                     const char* name) {
  const auto found = object.FindMember(name);
  if (found == object.MemberEnd() || !found->value.IsString()) {
    return Bad(base::StrCat("no text \"", name, "\""));
  }
  return std::string(found->value.GetString(), found->value.GetStringLength());
}

absl::StatusOr<uint64_t> NumberOf(const rapidjson::Value& object,
                                  const char* name) {
  const auto found = object.FindMember(name);
  if (found == object.MemberEnd() || !found->value.IsUint64()) {
    return Bad(base::StrCat("no number \"", name, "\""));
  }
  return found->value.GetUint64();
}

}  // namespace

std::string PartsText(const SnapshotParts& parts) {
  std::string text = absl::StrFormat(
      "{\n \"format\": %d,\n \"snapshot\": \"%s\",\n \"created_ms\": %d,\n"
      " \"node_id\": \"%016x\",\n \"files\": [",
      kFormat, parts.snapshot, parts.created_ms, parts.node_id);
  for (size_t i = 0; i < parts.files.size(); ++i) {
    const SnapshotPart& part = parts.files[i];
    absl::StrAppendFormat(
        &text, "%s\n  {\"path\": \"%s\", \"stored\": \"%s\", \"bytes\": %d}",
        i == 0 ? "" : ",", part.path, part.stored, part.bytes);
  }
  text += "\n ],\n";
  return text + CheckLine(text);
}

absl::StatusOr<SnapshotParts> ParseParts(std::string_view text) {
  const size_t at = text.rfind(" \"checksum\"");
  if (at == std::string_view::npos ||
      text.substr(at) != CheckLine(text.substr(0, at))) {
    return Bad("the checksum is wrong");
  }
  rapidjson::Document document;
  document.Parse(text.data(), text.size());
  if (document.HasParseError() || !document.IsObject()) {
    return Bad("not a JSON object");
  }
  ASSIGN_OR_RETURN(const uint64_t format, NumberOf(document, "format"));
  if (format != kFormat) {
    return base::FailedPrecondition(
        kPartsFileName, " has format ", format, "; this release reads ",
        kFormat, ": restore with the release that made the backup, or a later "
        "one");
  }
  SnapshotParts parts;
  ASSIGN_OR_RETURN(parts.snapshot, StringOf(document, "snapshot"));
  ASSIGN_OR_RETURN(const uint64_t created, NumberOf(document, "created_ms"));
  parts.created_ms = static_cast<int64_t>(created);
  ASSIGN_OR_RETURN(const std::string node_id, StringOf(document, "node_id"));
  if (!absl::SimpleHexAtoi(node_id, &parts.node_id) || parts.node_id == 0) {
    return Bad("no node id");
  }
  const auto files = document.FindMember("files");
  if (files == document.MemberEnd() || !files->value.IsArray()) {
    return Bad("no list \"files\"");
  }
  for (const rapidjson::Value& file : files->value.GetArray()) {
    if (!file.IsObject()) return Bad("a file that is no object");
    SnapshotPart part;
    ASSIGN_OR_RETURN(part.path, StringOf(file, "path"));
    ASSIGN_OR_RETURN(part.stored, StringOf(file, "stored"));
    ASSIGN_OR_RETURN(part.bytes, NumberOf(file, "bytes"));
    if (!PlainName(part.path) || !PlainName(part.stored)) {
      return Bad(base::StrCat("bad file name \"", part.path, "\""));
    }
    parts.files.push_back(std::move(part));
  }
  return parts;
}

}  // namespace varve::storage

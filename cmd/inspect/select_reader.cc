#include "cmd/inspect/select_reader.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "lib/base/status.h"
#include "lib/model/tenant.h"
#include "lib/protocol/json_items.h"
#include "lib/protocol/json_lines.h"
#include "net/tcp/transport.h"

namespace varve::inspect {
namespace {

constexpr int64_t kAnswerBytesMax = 64 << 20;  // of all that is not an export
// Of an error's text, which is shown.
constexpr size_t kShownBytesMax = 1000;
// Samples of an exported line, and its bytes: a histogram of 160 buckets has
// some 2 KiB of text.
constexpr int kRowsPerLine = 1000;
constexpr int64_t kLineBytesMax = 256 << 20;

std::string SecondsText(int64_t ms) {
  return absl::StrFormat("%d.%03d", ms / 1000, ms % 1000);
}

// Lines that come in pieces of any size, into a table.
class ExportReader {
 public:
  explicit ExportReader(SampleTable* table) : table_(*table) {}

  // False when it is no use to go on.
  bool Take(std::string_view piece) {
    text_ += piece;
    const size_t end = text_.rfind('\n');
    if (end == std::string::npos) {
      return static_cast<int64_t>(text_.size()) <= kLineBytesMax;
    }
    Read(std::string_view(text_).substr(0, end + 1));
    text_.erase(0, end + 1);
    return reader_.bad_lines() == 0 && !table_.full();
  }

  // What is wrong with all that was taken, when nothing more comes.
  absl::Status Finish() {
    if (!text_.empty()) Read(text_);
    if (reader_.bad_lines() == 0) return absl::OkStatus();
    return base::Unavailable("no export in JSON lines: ",
                             reader_.first_error());
  }

 private:
  void Read(std::string_view lines) {
    reader_.Feed(lines);
    bool more = true;
    while (more && !table_.full()) {
      batch_.Clear();
      more = reader_.Next(batch_, kRowsPerLine);
      table_.Add(batch_);
    }
  }

  SampleTable& table_;
  std::string text_;
  protocol::JsonLinesReader reader_{{}, kLineBytesMax};
  protocol::SampleBatch batch_;
};

absl::Status AddStrings(const simdjson::dom::element& answer, const char* key,
                        std::vector<std::string>& out) {
  const auto member = protocol::JsonMember(answer, key);
  if (!member) return absl::OkStatus();
  if (!member->is_array()) return base::Unavailable(key, " is no array");
  for (const simdjson::dom::element one : member->get_array()) {
    out.emplace_back(protocol::JsonString(one));
  }
  return absl::OkStatus();
}

absl::Status ReadTenants(const std::string& text,
                         std::vector<std::string>& tenants) {
  simdjson::dom::parser parser;
  simdjson::dom::element answer;
  if (parser.parse(text).get(answer) != simdjson::SUCCESS ||
      !answer.is_object()) {
    return base::Unavailable("no JSON object");
  }
  bool partial = false;
  const auto member = protocol::JsonMember(answer, "isPartial");
  if (member && member->is_bool()) partial = member->get_bool().value_unsafe();
  if (partial) {
    return base::Unavailable("the list of tenants is partial: ",
                             std::string_view(text).substr(0, kShownBytesMax));
  }
  RETURN_IF_ERROR(AddStrings(answer, "data", tenants));
  return AddStrings(answer, "names", tenants);
}

}  // namespace

SelectReader::SelectReader(net::Transport* transport, std::string url,
                           http::BaseUrl base, SelectAccess access)
    : transport_(transport),
      url_(std::move(url)),
      base_(std::move(base)),
      access_(std::move(access)),
      has_tenant_(base_.path.find("/select/") != std::string::npos) {}

absl::StatusOr<SelectReader> SelectReader::Make(net::Transport* transport,
                                                const std::string& url,
                                                SelectAccess access) {
  ASSIGN_OR_RETURN(http::BaseUrl base, http::BaseUrl::Parse(url));
  return SelectReader(transport, url, std::move(base), std::move(access));
}

http::ClientRequest SelectReader::Request(std::string target) const {
  http::ClientRequest request;
  request.address = base_.address;
  request.target = std::move(target);
  http::AddAccess({.path_prefix = base_.path,
                   .user = access_.user,
                   .password = access_.password},
                  request);
  if (!access_.bearer_token.empty()) {
    request.headers.emplace_back(
        "Authorization", base::StrCat("Bearer ", access_.bearer_token));
  }
  return request;
}

absl::StatusOr<http::ClientAnswer> SelectReader::Fetch(
    const http::ClientRequest& request) const {
  auto answer = http::Fetch(
      *transport_, request,
      {.timeout = access_.timeout, .body_bytes_max = kAnswerBytesMax});
  if (!answer.ok()) {
    return absl::Status(
        answer.status().code(),
        base::StrCat(url_, ": ", base::Message(answer.status())));
  }
  if (answer->status == 200) return answer;
  return base::Unavailable(
      url_, ": answered ", answer->status, ": ",
      std::string_view(answer->body).substr(0, kShownBytesMax));
}

absl::StatusOr<std::vector<std::string>> SelectReader::Tenants() const {
  ASSIGN_OR_RETURN(const http::ClientAnswer answer,
                   Fetch(Request("/admin/tenants")));
  std::vector<std::string> tenants;
  const absl::Status read = ReadTenants(answer.body, tenants);
  if (read.ok()) return tenants;
  return base::Unavailable(url_, ": /admin/tenants: ", base::Message(read));
}

absl::Status SelectReader::Export(const std::string& tenant,
                                  const model::TimeRange& range,
                                  const std::vector<std::string>& matches,
                                  SampleTable& table) const {
  const bool is_number = model::ParseTenant(tenant).ok();
  std::string folder;
  if (!has_tenant_ && is_number) {
    folder = base::StrCat("/select/", tenant, "/prometheus");
  } else if (!has_tenant_) {
    folder = "/prometheus";
  }
  http::ClientRequest request = Request(folder + "/api/v1/export");
  if (!has_tenant_ && !is_number) {
    request.headers.emplace_back("X-Scope-OrgID", tenant);
  }
  request.method = "POST";
  request.headers.emplace_back("Content-Type",
                               "application/x-www-form-urlencoded");
  http::Arguments arguments = {
      {"start", SecondsText(range.start_ms)},
      {"end", SecondsText(range.end_ms)},
      {"max_rows_per_line", base::StrCat(kRowsPerLine)}};
  for (const std::string& match : matches) {
    arguments.emplace_back("match[]", match);
  }
  request.body = http::EscapeArguments(arguments);
  ExportReader reader(&table);
  request.take_body = [&reader](std::string_view piece) {
    return reader.Take(piece);
  };
  const auto answer = Fetch(request);
  if (table.full()) return absl::OkStatus();
  // Cancelled by the reader, which knows why.
  if (!answer.ok() && !absl::IsCancelled(answer.status())) {
    return answer.status();
  }
  const absl::Status read = reader.Finish();
  if (!read.ok()) {
    return base::Unavailable(url_, ": ", base::Message(read));
  }
  return answer.status();
}

}  // namespace varve::inspect

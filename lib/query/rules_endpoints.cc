// Rules, alerts and notifiers: vmalert's (-vmalert.proxyURL), or none.
#include "absl/strings/str_split.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "lib/query/select_api.h"

namespace varve::query {
namespace {

constexpr std::string_view kJson = "application/json";

constexpr std::string_view kReturnedHeaders[] = {"location", "cache-control",
                                                 "etag", "last-modified"};

// An answer that was not got in time may be had later; one that cannot be had
// is the fault of what stands behind.
int StatusWithoutAnswer(const absl::Status& status) {
  return absl::IsUnavailable(status) ? 502 : 503;
}

}  // namespace

absl::Status SelectApi::AskVmalert(Context& context, std::string_view path,
                                   std::string_view otherwise) {
  http::ResponseWriter& writer = context.writer;
  if (!vmalert_) {
    writer.Send(200, kJson, otherwise);
    return absl::OkStatus();
  }
  const auto answer = vmalert_->Ask(path, context.request, writer);
  if (!answer.ok()) {
    base::LogWarn(base::Message(answer.status()));
    const int code = StatusWithoutAnswer(answer.status());
    writer.Send(code, kJson, ErrorJson(code, base::Message(answer.status())));
    return absl::OkStatus();
  }
  for (const std::string_view name : kReturnedHeaders) {
    const std::string_view value = answer->Header(name);
    if (!value.empty()) writer.SetHeader(std::string(name), std::string(value));
  }
  writer.Send(answer->status, answer->Header("content-type"), answer->body);
  return absl::OkStatus();
}

absl::Status SelectApi::Rules(Context& context) {
  return AskVmalert(context, "/api/v1/rules",
                    "{\"status\":\"success\",\"data\":{\"groups\":[]}}");
}

absl::Status SelectApi::Alerts(Context& context) {
  return AskVmalert(context, "/api/v1/alerts",
                    "{\"status\":\"success\",\"data\":{\"alerts\":[]}}");
}

absl::Status SelectApi::Notifiers(Context& context) {
  return AskVmalert(
      context, "/api/v1/notifiers",
      "{\"status\":\"success\",\"data\":{\"notifiers\":[]}}");
}

// Its pages and the rest of its API; nothing above them.
absl::Status SelectApi::Vmalert(Context& context) {
  for (const auto part : absl::StrSplit(context.captures.at(0), '/')) {
    if (part == "." || part == "..") {
      return base::InvalidArgument("the path below /vmalert/ has the part \"",
                                   base::FromAbsl(part), "\"");
    }
  }
  if (!vmalert_) {
    return base::InvalidArgument(
        "there is no vmalert to ask: set -vmalert.proxyURL to its address");
  }
  return AskVmalert(context, base::StrCat("/vmalert/", context.captures.at(0)),
                    "");
}

}  // namespace varve::query

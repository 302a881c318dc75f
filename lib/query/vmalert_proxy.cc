#include "lib/query/vmalert_proxy.h"

#include <utility>

#include "lib/base/status.h"
#include "net/tcp/transport.h"

namespace varve::query {
namespace {

// Both bound the memory of answers under way.
constexpr int kUnderWayMax = 8;
constexpr http::ClientLimits kLimits = {.timeout = absl::Seconds(30),
                                        .body_bytes_max = 32 << 20};

constexpr std::string_view kSentHeaders[] = {"accept", "content-type",
                                             "content-encoding", "user-agent"};

}  // namespace

VmalertProxy::VmalertProxy(net::Transport* transport, http::BaseUrl url)
    : transport_(transport), url_(std::move(url)) {}

absl::StatusOr<http::BaseUrl> VmalertProxy::ParseUrl(std::string_view text) {
  auto url = http::BaseUrl::Parse(text);
  if (url.ok()) return url;
  return base::InvalidArgument("-vmalert.proxyURL=",
                               base::Message(url.status()));
}

absl::StatusOr<http::ClientAnswer> VmalertProxy::Ask(
    std::string_view path, const http::Request& request,
    const http::ResponseWriter& client) {
  const bool has_place = under_way_.fetch_add(1) < kUnderWayMax;
  auto answer = has_place
                    ? Fetch(path, request, client)
                    : base::ResourceExhausted(
                          kUnderWayMax, " requests are under way already");
  under_way_.fetch_sub(1);
  if (answer.ok()) return answer;
  return base::Annotate(answer.status(),
                        "vmalert (-vmalert.proxyURL) gave no answer");
}

absl::StatusOr<http::ClientAnswer> VmalertProxy::Fetch(
    std::string_view path, const http::Request& request,
    const http::ResponseWriter& client) const {
  http::ClientRequest asked;
  asked.method = request.method;
  asked.address = url_.address;
  asked.target = http::EscapePath(base::StrCat(url_.path, path));
  http::Arguments passed_on = request.arguments;
  std::erase_if(passed_on, [](const auto& argument) {
    return argument.first == "authKey";  // this node's, not vmalert's
  });
  const std::string arguments = http::EscapeArguments(passed_on);
  if (!arguments.empty()) base::StrAppend(&asked.target, "?", arguments);
  for (const std::string_view name : kSentHeaders) {
    const std::string_view value = request.Header(name);
    if (!value.empty()) asked.headers.emplace_back(name, value);
  }
  asked.body = request.body;
  asked.given_up = [this, &client] {
    return given_up_ || client.client_gone();
  };
  return http::Fetch(*transport_, asked, kLimits);
}

}  // namespace varve::query

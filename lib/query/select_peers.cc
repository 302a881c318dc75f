#include "lib/query/select_peers.h"

#include <system_error>
#include <thread>
#include <utility>

#include "lib/base/status.h"
#include "net/tcp/transport.h"

namespace varve::query {
namespace {

constexpr int kSelectPort = 8481;
// Each is a thread while they are asked.
constexpr size_t kPeersMax = 256;
constexpr http::ClientLimits kLimits = {.timeout = absl::Seconds(5),
                                        .body_bytes_max = 64 << 10};

}  // namespace

absl::StatusOr<std::vector<std::string>> ParseSelectNodes(
    const std::vector<std::string>& items) {
  if (items.size() > kPeersMax) {
    return base::InvalidArgument("-selectNode names ", items.size(),
                                 " nodes; at most ", kPeersMax, " are taken");
  }
  std::vector<std::string> addresses;
  for (const std::string& item : items) {
    const bool has_port = item.rfind(':') != std::string::npos &&
                          !item.ends_with(']');
    std::string address =
        has_port ? item : base::StrCat(item, ":", kSelectPort);
    const auto parsed = net::ParseHostPort(address);
    if (!parsed.ok() || parsed->host.empty()) {
      return base::InvalidArgument("-selectNode=", item,
                                   ": expected host or host:port");
    }
    addresses.push_back(std::move(address));
  }
  return addresses;
}

SelectPeers::SelectPeers(net::Transport* transport,
                         std::vector<std::string> addresses,
                         http::ServerAccess access,
                         const std::string* auth_key)
    : transport_(transport),
      addresses_(std::move(addresses)),
      access_(std::move(access)),
      auth_key_(auth_key) {}

// Without `propagate`, so that nodes that name each other do not go round.
absl::Status SelectPeers::ResetCache(const std::string& address) const {
  http::ClientRequest request;
  request.address = address;
  request.target = "/internal/resetRollupResultCache";
  if (auth_key_ != nullptr && !auth_key_->empty()) {
    request.target += "?" + http::EscapeArguments({{"authKey", *auth_key_}});
  }
  http::AddAccess(access_, request);
  ASSIGN_OR_RETURN(const http::ClientAnswer answer,
                   http::Fetch(*transport_, request, kLimits));
  if (answer.status == 200) return absl::OkStatus();
  return base::Unavailable(address, " answered ", answer.status);
}

absl::Status SelectPeers::ResetCaches() {
  const std::unique_lock only(under_way_, std::try_to_lock);
  if (!only.owns_lock()) {
    return base::Unavailable(
        "the nodes of -selectNode are being told already; try again later");
  }
  std::vector<absl::Status> results(addresses_.size());
  std::vector<std::thread> threads;
  threads.reserve(addresses_.size());
  for (size_t i = 0; i < addresses_.size(); ++i) {
    try {
      threads.emplace_back(
          [this, i, &results] { results[i] = ResetCache(addresses_[i]); });
    } catch (const std::system_error& error) {
      results[i] = base::Unavailable(addresses_[i], ": no thread to ask it: ",
                                     error.what());
    }
  }
  for (std::thread& thread : threads) thread.join();
  std::string failed;
  for (const absl::Status& result : results) {
    if (result.ok()) continue;
    base::StrAppend(&failed, failed.empty() ? "" : "; ",
                    base::Message(result));
  }
  if (failed.empty()) return absl::OkStatus();
  return base::Unavailable(
      "not all nodes of -selectNode have forgotten their kept answers: ",
      failed);
}

}  // namespace varve::query

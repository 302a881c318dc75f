#include "lib/cluster/node_source.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"

namespace varve::cluster {
namespace {

// A list of storage nodes of more bytes is a mistake.
constexpr size_t kFileBytesMax = 1 << 20;

constexpr std::string_view kSrv = "srv+";
constexpr std::string_view kDns = "dns+";
constexpr std::string_view kFile = "file:";

bool TakePrefix(std::string_view prefix, std::string_view& text) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// "host:port", "[v6]:port", or without the port, which stays as it was.
bool SplitPort(std::string_view text, std::string& host, int& port) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.back() == ']') {
    host = text;
    return !host.empty();
  }
  host = text.substr(0, colon);
  // An IPv6 address stands in [].
  if (host.find(':') != std::string::npos && host.front() != '[') return false;
  const std::string_view digits = text.substr(colon + 1);
  return !host.empty() &&
         absl::SimpleAtoi(base::ToAbsl(digits), &port) && port > 0 &&
         port < 65'536;
}

std::string HostPort(const std::string& host, int port) {
  const bool bare_v6 = host.find(':') != std::string::npos && host[0] != '[';
  return bare_v6 ? base::StrCat("[", host, "]:", port)
                 : base::StrCat(host, ":", port);
}

absl::StatusOr<NodeSource> ParseSource(const std::string& text,
                                       int default_port) {
  NodeSource source;
  source.text = text;
  std::string_view rest = text;
  const size_t slash = rest.find('/');
  if (slash != std::string_view::npos && !rest.starts_with(kFile)) {
    source.group = rest.substr(0, slash);
    rest.remove_prefix(slash + 1);
  }
  if (TakePrefix(kFile, rest)) {
    source.kind = NodeSource::Kind::kFile;
    source.name = rest;
    if (!rest.empty()) return source;
    return base::InvalidArgument("-storageNode=\"", text, "\" has no path");
  }
  if (TakePrefix(kSrv, rest)) {
    source.kind = NodeSource::Kind::kSrv;
  } else {
    if (TakePrefix(kDns, rest)) source.kind = NodeSource::Kind::kDns;
    source.port = default_port;
  }
  if (rest.find('/') != std::string_view::npos ||
      !SplitPort(rest, source.name, source.port) ||
      (source.changes() && source.name.front() == '[')) {
    return base::InvalidArgument(
        "-storageNode=\"", text,
        "\" is not host:port, group/host:port, srv+name, dns+host:port or "
        "file:path");
  }
  return source;
}

absl::StatusOr<std::vector<NodeAddress>> ReadNodes(const NodeSource& source,
                                                   int default_port) {
  // A pipe would hold up whoever opens it.
  std::error_code error;
  if (!std::filesystem::is_regular_file(source.name, error)) {
    return base::Unavailable(source.text, " is no file");
  }
  std::ifstream file(source.name);
  std::string line;
  std::vector<NodeAddress> nodes;
  size_t bytes = 0;
  if (!file) return base::Unavailable(source.text, " cannot be read");
  while (std::getline(file, line)) {
    bytes += line.size() + 1;
    if (bytes > kFileBytesMax) {
      return base::InvalidArgument(source.text, " is over ", kFileBytesMax,
                                   " bytes");
    }
    line.erase(std::min(line.find('#'), line.size()));
    std::erase_if(line, [](char c) {
      return c == ' ' || c == '\t' || c == '\r';
    });
    if (line.empty()) continue;
    ASSIGN_OR_RETURN(const NodeSource one, ParseSource(line, default_port));
    if (one.changes()) {
      return base::InvalidArgument(source.text, ": \"", line,
                                   "\" is not host:port or group/host:port");
    }
    nodes.push_back({one.group.empty() ? source.group : one.group,
                     HostPort(one.name, one.port), line});
  }
  if (file.bad()) return base::Unavailable(source.text, " cannot be read");
  return nodes;
}

NodeAddress Found(const NodeSource& source, const std::string& host,
                  int port) {
  std::string address = HostPort(host, port);
  std::string text = source.group.empty()
                         ? address
                         : base::StrCat(source.group, "/", address);
  return {source.group, std::move(address), std::move(text)};
}

}  // namespace

absl::StatusOr<std::vector<NodeSource>> ParseNodeSources(
    const std::vector<std::string>& texts, int default_port) {
  if (texts.empty()) {
    return base::InvalidArgument("missing -storageNode: one address at least");
  }
  std::vector<NodeSource> sources;
  std::set<std::pair<NodeSource::Kind, std::string>> seen;
  for (const std::string& text : texts) {
    ASSIGN_OR_RETURN(NodeSource source, ParseSource(text, default_port));
    const std::string place = source.kind == NodeSource::Kind::kFile
                                  ? source.name
                                  : HostPort(source.name, source.port);
    if (!seen.insert({source.kind, place}).second) {
      return base::InvalidArgument("-storageNode=\"", text,
                                   "\" is given more than once");
    }
    sources.push_back(std::move(source));
  }
  return sources;
}

absl::StatusOr<std::vector<NodeAddress>> FindNodes(const NodeSource& source,
                                                   int default_port,
                                                   dns::Resolver& resolver,
                                                   bool enable_ipv6) {
  std::vector<NodeAddress> nodes;
  switch (source.kind) {
    case NodeSource::Kind::kAddress:
      return std::vector<NodeAddress>{
          {source.group, HostPort(source.name, source.port), source.text}};
    case NodeSource::Kind::kFile: {
      ASSIGN_OR_RETURN(nodes, ReadNodes(source, default_port));
      break;
    }
    case NodeSource::Kind::kSrv: {
      ASSIGN_OR_RETURN(const auto records, resolver.Srv(source.name));
      for (const dns::SrvRecord& one : records) {
        nodes.push_back(Found(source, one.target,
                              source.port != 0 ? source.port : one.port));
      }
      break;
    }
    case NodeSource::Kind::kDns: {
      ASSIGN_OR_RETURN(const auto hosts, resolver.Addresses(source.name));
      const auto is_v6 = [](const std::string& host) {
        return host.find(':') != std::string::npos;
      };
      const bool all_v6 = std::all_of(hosts.begin(), hosts.end(), is_v6);
      if (all_v6 && !enable_ipv6) {
        return base::Unavailable(source.name,
                                 " has only IPv6 addresses (-enableTCP6)");
      }
      // One family: an address of the other one is the same node again.
      for (const std::string& host : hosts) {
        if (is_v6(host) != all_v6) continue;
        nodes.push_back(Found(source, host, source.port));
      }
      break;
    }
  }
  std::sort(nodes.begin(), nodes.end(),
            [](const NodeAddress& a, const NodeAddress& b) {
              return a.address < b.address;
            });
  nodes.erase(std::unique(nodes.begin(), nodes.end(),
                          [](const NodeAddress& a, const NodeAddress& b) {
                            return a.address == b.address;
                          }),
              nodes.end());
  if (nodes.empty()) {
    return base::Unavailable(source.text, " names no storage node");
  }
  return nodes;
}

}  // namespace varve::cluster

#include "net/dns/resolver.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "lib/base/status.h"

namespace varve::dns {
namespace {

constexpr size_t kAnswerBytesMax = 65'536;  // of a message over TCP
constexpr int kTrySecondsMax = 2;

class System final : public Resolver {
 public:
  absl::StatusOr<std::vector<SrvRecord>> Srv(
      const std::string& name) override {
    struct __res_state state {};
    if (res_ninit(&state) != 0) {
      return base::Unavailable("the resolver cannot be set up");
    }
    // A process that ends waits for this.
    state.retrans = std::min(state.retrans, kTrySecondsMax);
    std::string answer(kAnswerBytesMax, '\0');
    const int length = res_nsearch(
        &state, name.c_str(), ns_c_in, ns_t_srv,
        reinterpret_cast<unsigned char*>(answer.data()),
        static_cast<int>(answer.size()));
    const int error = state.res_h_errno;
    res_nclose(&state);
    if (length < 0) {
      return base::Unavailable("no SRV records of ", name, ": ",
                               hstrerror(error));
    }
    answer.resize(std::min(answer.size(), static_cast<size_t>(length)));
    return ParseSrvAnswer(answer);
  }

  absl::StatusOr<std::vector<std::string>> Addresses(
      const std::string& host) override {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found);
        error != 0) {
      return base::Unavailable("no address of ", host, ": ",
                               gai_strerror(error));
    }
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> all(
        found, &freeaddrinfo);
    std::vector<std::string> addresses;
    for (const addrinfo* one = all.get(); one != nullptr; one = one->ai_next) {
      char text[NI_MAXHOST];
      if (getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof(text),
                      nullptr, 0, NI_NUMERICHOST) == 0) {
        addresses.emplace_back(text);
      }
    }
    return addresses;
  }
};

}  // namespace

Resolver& SystemResolver() {
  static System system;
  return system;
}

absl::StatusOr<std::vector<SrvRecord>> ParseSrvAnswer(
    std::string_view message) {
  const auto broken = [] {
    return base::DataLoss("a DNS answer that cannot be read");
  };
  const auto* const bytes =
      reinterpret_cast<const unsigned char*>(message.data());
  ns_msg parsed;
  if (ns_initparse(bytes, static_cast<int>(message.size()), &parsed) != 0) {
    return broken();
  }
  std::vector<SrvRecord> records;
  for (int i = 0; i < ns_msg_count(parsed, ns_s_an); ++i) {
    ns_rr record;
    if (ns_parserr(&parsed, ns_s_an, i, &record) != 0) return broken();
    if (ns_rr_type(record) != ns_t_srv) continue;  // a CNAME before it
    // Priority, weight and port of two bytes each, then the target.
    constexpr int kFixedBytes = 6;
    if (ns_rr_rdlen(record) <= kFixedBytes) return broken();
    const unsigned char* const data = ns_rr_rdata(record);
    char target[NS_MAXDNAME];
    if (ns_name_uncompress(ns_msg_base(parsed), ns_msg_end(parsed),
                           data + kFixedBytes, target, sizeof(target)) < 0) {
      return broken();
    }
    std::string name = target;
    while (!name.empty() && name.back() == '.') name.pop_back();
    if (name.empty()) continue;
    records.push_back({.target = std::move(name),
                       .port = static_cast<uint16_t>(ns_get16(data + 4))});
  }
  return records;
}

}  // namespace varve::dns

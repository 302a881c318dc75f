#include "lib/cluster/node_source.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <map>

#include "lib/base/status.h"
#include "tests/support/temp_dir.h"

namespace varve::cluster {
namespace {

class FakeResolver final : public dns::Resolver {
 public:
  absl::StatusOr<std::vector<dns::SrvRecord>> Srv(
      const std::string& name) override {
    if (!services.contains(name)) return base::Unavailable("no such name");
    return services[name];
  }
  absl::StatusOr<std::vector<std::string>> Addresses(
      const std::string& host) override {
    if (!hosts.contains(host)) return base::Unavailable("no such host");
    return hosts[host];
  }
  std::map<std::string, std::vector<dns::SrvRecord>> services;
  std::map<std::string, std::vector<std::string>> hosts;
};

absl::StatusOr<std::vector<NodeAddress>> Find(const std::string& text,
                                              dns::Resolver& resolver,
                                              bool enable_ipv6 = false) {
  ASSIGN_OR_RETURN(const auto sources, ParseNodeSources({text}, 8401));
  return FindNodes(sources[0], 8401, resolver, enable_ipv6);
}

TEST_CASE("an address has a group and a default port", "[cluster]") {
  FakeResolver resolver;
  const auto found = [&](const std::string& text) {
    return Find(text, resolver).value().at(0);
  };
  CHECK(found("a:1") == NodeAddress{"", "a:1", "a:1"});
  CHECK(found("b") == NodeAddress{"", "b:8401", "b"});
  CHECK(found("g/c") == NodeAddress{"g", "c:8401", "g/c"});
  CHECK(found("g/[::1]").address == "[::1]:8401");
  CHECK(found("[::1]:7").address == "[::1]:7");
}

TEST_CASE("lists of nodes that cannot be meant are refused", "[cluster]") {
  using Texts = std::vector<std::string>;
  for (const Texts& bad :
       {Texts{}, Texts{""}, Texts{"g/"}, Texts{"a/b/c"}, Texts{"a:1", "a:1"},
        Texts{"a", "a:8401"}, Texts{"srv+"}, Texts{"dns+:1"}, Texts{"file:"},
        Texts{"a:"}, Texts{"a:0"}, Texts{"a:65536"}, Texts{"a:http"},
        Texts{"srv+a", "srv+a"}, Texts{"fd00::5"}, Texts{"dns+[::1]:1"}}) {
    CAPTURE(bad);
    CHECK(absl::IsInvalidArgument(ParseNodeSources(bad, 8401).status()));
  }
}

TEST_CASE("SRV records name nodes, at a given port if there is one",
          "[cluster]") {
  FakeResolver resolver;
  resolver.services["vmstorage"] = {{"s-1.ns", 9},
                                    {"s-0.ns", 8},
                                    {"s-1.ns", 9}};
  CHECK(Find("srv+vmstorage", resolver).value() ==
        std::vector<NodeAddress>{{"", "s-0.ns:8", "s-0.ns:8"},
                                 {"", "s-1.ns:9", "s-1.ns:9"}});
  CHECK(Find("g/srv+vmstorage:8401", resolver).value().at(1) ==
        NodeAddress{"g", "s-1.ns:8401", "g/s-1.ns:8401"});
  CHECK(absl::IsUnavailable(Find("srv+gone", resolver).status()));
  resolver.services["vmstorage"] = {};
  CHECK(absl::IsUnavailable(Find("srv+vmstorage", resolver).status()));
}

TEST_CASE("each address of a host is a node", "[cluster]") {
  FakeResolver resolver;
  resolver.hosts["vmstorage"] = {"10.0.0.2", "10.0.0.1"};
  CHECK(Find("dns+vmstorage", resolver).value() ==
        std::vector<NodeAddress>{
            {"", "10.0.0.1:8401", "10.0.0.1:8401"},
            {"", "10.0.0.2:8401", "10.0.0.2:8401"}});
  CHECK(Find("dns+vmstorage:7", resolver).value().at(0).address ==
        "10.0.0.1:7");
}

TEST_CASE("a host's IPv6 addresses count where it has no others", "[cluster]") {
  FakeResolver resolver;
  resolver.hosts["both"] = {"fd00::1", "10.0.0.1"};
  resolver.hosts["six"] = {"fd00::1"};
  for (const bool enable_ipv6 : {false, true}) {
    CHECK(Find("dns+both", resolver, enable_ipv6).value() ==
          std::vector<NodeAddress>{{"", "10.0.0.1:8401", "10.0.0.1:8401"}});
  }
  CHECK(Find("dns+six", resolver, true).value() ==
        std::vector<NodeAddress>{{"", "[fd00::1]:8401", "[fd00::1]:8401"}});
  CHECK(absl::IsUnavailable(Find("dns+six", resolver, false).status()));
}

TEST_CASE("a file lists nodes", "[cluster]") {
  const tests::TempDir folder;
  FakeResolver resolver;
  const std::string path = folder.path() + "/nodes";
  CHECK(absl::IsUnavailable(Find("file:" + path, resolver).status()));
  std::ofstream(path) << "# of rack 1\nb:1 # new\r\n\n  a\ng/c\n";
  CHECK(Find("z/file:" + path, resolver).value() ==
        std::vector<NodeAddress>{{"z", "a:8401", "a"},
                                 {"z", "b:1", "b:1"},
                                 {"g", "c:8401", "g/c"}});
  for (const char* bad : {"srv+a", "a b:x", "file:b", "a/b/c"}) {
    std::ofstream(path) << bad << "\n";
    CHECK(absl::IsInvalidArgument(Find("file:" + path, resolver).status()));
  }
  std::ofstream(path) << "# none\n";
  CHECK(absl::IsUnavailable(Find("file:" + path, resolver).status()));
}

}  // namespace
}  // namespace varve::cluster

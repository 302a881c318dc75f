#include "net/dns/resolver.h"

#include <catch2/catch.hpp>
#include <string>

namespace varve::dns {
namespace {

// A response to one question, with so many answers.
std::string Message(char answers, const std::string& records) {
  const std::string question =
      std::string("\x05nodes\x04test\x00", 12) + std::string("\0\x21\0\x01", 4);
  return std::string("\x12\x34\x81\x80\0\x01\0", 7) + answers +
         std::string("\0\0\0\0", 4) + question + records;
}
// An answer named as the question is.
std::string Answer(char type, const std::string& data) {
  return std::string("\xc0\x0c\0", 3) + type + std::string("\0\x01\0\0\0\x3c\0", 7) +
         static_cast<char>(data.size()) + data;
}
// Priority 10, weight 20, port 8400.
std::string Srv(const std::string& target) {
  return Answer('\x21', std::string("\0\x0a\0\x14\x20\xd0", 6) + target);
}

TEST_CASE("SRV records tell hosts and ports", "[dns]") {
  const auto records = ParseSrvAnswer(
      Message(2, Srv(std::string("\x01" "a\xc0\x0c", 4)) +
                     Srv(std::string("\x01" "b\x04zone\x00", 8))));
  REQUIRE(records.ok());
  CHECK(*records == std::vector<SrvRecord>{{"a.nodes.test", 8400},
                                           {"b.zone", 8400}});
}

TEST_CASE("other records and 'no such service' are passed over", "[dns]") {
  const auto records = ParseSrvAnswer(
      Message(2, Answer('\x05', std::string("\x01" "c\x00", 3)) +
                     Srv(std::string("\x00", 1))));
  REQUIRE(records.ok());
  CHECK(records->empty());
}

TEST_CASE("a broken answer is an error", "[dns]") {
  const std::string whole =
      Message(1, Srv(std::string("\x01" "a\xc0\x0c", 4)));
  REQUIRE(ParseSrvAnswer(whole).ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    CHECK(absl::IsDataLoss(ParseSrvAnswer(whole.substr(0, size)).status()));
  }
  // A target that points at itself.
  CHECK_FALSE(
      ParseSrvAnswer(Message(1, Srv(std::string("\xc0\x2e", 2)))).ok());
}

TEST_CASE("the system tells the addresses of a host", "[dns]") {
  const auto addresses = SystemResolver().Addresses("127.0.0.1");
  REQUIRE(addresses.ok());
  CHECK(*addresses == std::vector<std::string>{"127.0.0.1"});
  CHECK(absl::IsUnavailable(
      SystemResolver().Addresses("no-such-host.invalid").status()));
}

}  // namespace
}  // namespace varve::dns

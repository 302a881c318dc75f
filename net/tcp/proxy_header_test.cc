#include "net/tcp/proxy_header.h"

#include <catch2/catch.hpp>
#include <string>

namespace varve::net {
namespace {

// Version 2: `kind` is command, family and protocol; `block` what follows.
std::string Binary(std::string_view kind, std::string_view block) {
  std::string bytes("\r\n\r\n\0\r\nQUIT\n", 12);
  bytes += kind;
  bytes += static_cast<char>(block.size() >> 8);
  bytes += static_cast<char>(block.size() & 0xff);
  bytes += block;
  return bytes;
}

const std::string kAddresses4(
    "\xc0\xa8\x00\x01\xc0\xa8\x00\x0b\xdc\x04\x01\xbb", 12);
const std::string kAddresses6 =
    std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\x07" +
    std::string(16, '\1') + std::string("\xdc\x04\x01\xbb", 4);

// The client, "?" while more is needed, "!" for no header.
std::string Client(std::string_view bytes) {
  const auto header = ParseProxyHeader(bytes);
  if (!header.ok()) return "!";
  return *header ? (*header)->client : "?";
}

TEST_CASE("proxy header: both versions tell the client", "[tcp]") {
  CHECK(Client("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n") ==
        "192.168.0.1:56324");
  CHECK(Client("PROXY TCP6 2001:db8::7 ::1 56324 443\r\nGET") ==
        "[2001:db8::7]:56324");
  CHECK(Client(Binary("\x21\x11", kAddresses4)) == "192.168.0.1:56324");
  CHECK(Client(Binary("\x21\x21", kAddresses6)) == "[2001:db8::7]:56324");
  // With extensions behind the addresses.
  CHECK(Client(Binary("\x21\x11", kAddresses4 + std::string(100, 'x'))) ==
        "192.168.0.1:56324");
}

TEST_CASE("proxy header: a proxy may speak for itself", "[tcp]") {
  CHECK(Client("PROXY UNKNOWN\r\n") == "");
  CHECK(Client("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n") == "");
  CHECK(Client(Binary(std::string("\x20\x00", 2), "")) == "");
  CHECK(Client(Binary("\x20\x11", kAddresses4)) == "");
  CHECK(Client(Binary(std::string("\x21\x00", 2), "abc")) == "");
}

TEST_CASE("proxy header: it ends where what follows begins", "[tcp]") {
  for (const std::string& header :
       {std::string("PROXY TCP4 1.2.3.4 5.6.7.8 1 65535\r\n"),
        Binary("\x21\x11", kAddresses4), Binary("\x21\x21", kAddresses6)}) {
    for (size_t keep = 0; keep < header.size(); ++keep) {
      CAPTURE(keep);
      CHECK(Client(header.substr(0, keep)) == "?");
    }
    const auto parsed = ParseProxyHeader(header + "PROXY ");
    REQUIRE(parsed.ok());
    REQUIRE(parsed->has_value());
    CHECK((*parsed)->bytes == header.size());
  }
}

TEST_CASE("proxy header: what is none is refused at once", "[tcp]") {
  for (const char* line :
       {"GET / HTTP/1.1\r\n", "PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n",
        "PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY UNKNOWNS\r\n",
        "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY \r\n"}) {
    CAPTURE(line);
    CHECK(Client(line) == "!");
  }
  CHECK(Client(std::string("PROXY TCP4 1.2.3.4\0 1.2.3.4 1 2\r\n", 33)) == "!");
  CHECK(Client("PROXY UNKNOWN " + std::string(93, 'x')) == "!");
  CHECK(Client("PROXY UNKNOWN " + std::string(92, 'x')) == "?");
  CHECK(Client(Binary("\x11\x11", kAddresses4)) == "!");   // version
  CHECK(Client(Binary("\x22\x11", kAddresses4)) == "!");   // command
  CHECK(Client(Binary("\x21\x12", kAddresses4)) == "!");   // UDP
  CHECK(Client(Binary("\x21\x31", kAddresses4)) == "!");   // Unix socket
  CHECK(Client(Binary("\x21\x21", kAddresses4)) == "!");   // too short
  CHECK(Client(Binary("\x21\x11", std::string(2049, 'x'))) == "!");
  CHECK(Client(Binary("\x21\x11", std::string(2048, 'x'))) != "!");
}

}  // namespace
}  // namespace varve::net

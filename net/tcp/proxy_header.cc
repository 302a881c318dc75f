#include "net/tcp/proxy_header.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <cstdint>

#include "lib/base/status.h"
#include "lib/base/strings.h"

namespace varve::net {
namespace {

using Parsed = absl::StatusOr<std::optional<ProxyHeader>>;

constexpr std::string_view kSignature2("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::string_view kSignature1 = "PROXY ";
// The longest line of version 1, its CRLF included.
constexpr size_t kLineBytesMax = 107;
constexpr size_t kFixedBytes2 = 16;

absl::Status Bad(std::string_view what) {
  return base::InvalidArgument("no PROXY header: ", what);
}

uint16_t LoadBe16(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[at]) << 8 |
                               static_cast<uint8_t>(bytes[at + 1]));
}

// `address`: 4 or 16 bytes.
std::string AddressText(std::string_view address, uint16_t port) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool v6 = address.size() == 16;
  ::inet_ntop(v6 ? AF_INET6 : AF_INET, address.data(), text.data(),
              text.size());
  return v6 ? base::StrCat("[", text.data(), "]:", port)
            : base::StrCat(text.data(), ":", port);
}

// "0" to "65535", as few digits as it takes.
bool IsPort(std::string_view text, uint16_t& port) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return false;
  const char* const end = text.data() + text.size();
  const auto [next, error] = std::from_chars(text.data(), end, port);
  return error == std::errc() && next == end;
}

bool IsAddress(std::string_view text, bool v6, std::string& bytes) {
  bytes.resize(v6 ? 16 : 4);
  return ::inet_pton(v6 ? AF_INET6 : AF_INET, std::string(text).c_str(),
                     bytes.data()) == 1;
}

// Words that one space separates; more than `words` holds are an error.
bool Split(std::string_view line, std::array<std::string_view, 5>& words) {
  for (size_t i = 0; i < words.size(); ++i) {
    const size_t space = line.find(' ');
    words[i] = line.substr(0, space);
    if (space == std::string_view::npos) return i + 1 == words.size();
    line.remove_prefix(space + 1);
  }
  return false;
}

// "TCP4 192.168.0.1 192.168.0.11 56324 443", behind "PROXY ".
absl::StatusOr<std::string> ParseLine(std::string_view line) {
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return std::string();
  std::array<std::string_view, 5> words;
  if (!Split(line, words)) return Bad("its line has other than six words");
  if (words[0] != "TCP4" && words[0] != "TCP6") {
    return Bad("it is none of TCP4, TCP6 and UNKNOWN");
  }
  const bool v6 = words[0] == "TCP6";
  std::string client, server;
  uint16_t client_port = 0, server_port = 0;
  if (line.find('\0') != std::string_view::npos ||
      !IsAddress(words[1], v6, client) || !IsAddress(words[2], v6, server) ||
      !IsPort(words[3], client_port) || !IsPort(words[4], server_port)) {
    return Bad("its line has an address or a port that is none");
  }
  return AddressText(client, client_port);
}

Parsed ParseText(std::string_view bytes) {
  const size_t end = bytes.substr(0, kLineBytesMax).find("\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() < kLineBytesMax) return std::nullopt;
    return Bad("its line is longer than 107 bytes");
  }
  ASSIGN_OR_RETURN(
      std::string client,
      ParseLine(bytes.substr(kSignature1.size(), end - kSignature1.size())));
  return ProxyHeader{.bytes = end + 2, .client = std::move(client)};
}

Parsed ParseBinary(std::string_view bytes) {
  if (bytes.size() < kFixedBytes2) return std::nullopt;
  const auto version_command = static_cast<uint8_t>(bytes[12]);
  const auto family_protocol = static_cast<uint8_t>(bytes[13]);
  const size_t total = kFixedBytes2 + LoadBe16(bytes, 14);
  if (version_command >> 4 != 2) return Bad("its version is not 2");
  const int command = version_command & 0x0f;
  if (command > 1) return Bad("its command is neither LOCAL nor PROXY");
  if (total > kProxyHeaderBytesMax) return Bad("it has over 2064 bytes");
  const int family = family_protocol >> 4;
  const size_t address_bytes = family == 1 ? 4 : 16;
  const bool has_address = command == 1 && family_protocol != 0;
  if (has_address) {
    if ((family != 1 && family != 2) || (family_protocol & 0x0f) != 1) {
      return Bad("it is not of TCP over IPv4 or IPv6");
    }
    if (total < kFixedBytes2 + 2 * address_bytes + 4) {
      return Bad("it is too short for its addresses");
    }
  }
  if (bytes.size() < total) return std::nullopt;
  ProxyHeader header{.bytes = total, .client = ""};
  if (has_address) {
    header.client =
        AddressText(bytes.substr(kFixedBytes2, address_bytes),
                    LoadBe16(bytes, kFixedBytes2 + 2 * address_bytes));
  }
  return header;
}

bool MayBegin(std::string_view bytes, std::string_view signature) {
  return bytes.starts_with(signature) || signature.starts_with(bytes);
}

}  // namespace

Parsed ParseProxyHeader(std::string_view bytes) {
  if (bytes.starts_with(kSignature1)) return ParseText(bytes);
  if (bytes.starts_with(kSignature2)) return ParseBinary(bytes);
  if (MayBegin(bytes, kSignature1) || MayBegin(bytes, kSignature2)) {
    return std::nullopt;
  }
  return Bad("it begins otherwise");
}

}  // namespace varve::net

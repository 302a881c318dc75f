#include "net/http/credentials.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "lib/base/strings.h"

namespace varve::http {
namespace {

bool SameSecret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  }
  return difference == 0;
}

}  // namespace

bool HasPassword(const Request& request, std::string_view authorization) {
  if (authorization.empty()) return true;
  constexpr std::string_view kBasic = "basic ";
  const std::string_view header = request.Header("authorization");
  std::string given;
  return absl::StartsWithIgnoreCase(base::ToAbsl(header),
                                    base::ToAbsl(kBasic)) &&
         absl::Base64Unescape(base::ToAbsl(header.substr(kBasic.size())),
                              &given) &&
         SameSecret(given, authorization);
}

bool HasAuthKey(const Request& request, std::string_view key) {
  return key.empty() || SameSecret(request.Argument("authKey"), key);
}

}  // namespace varve::http

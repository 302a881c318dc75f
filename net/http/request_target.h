// Decodes what a request line and a form body carry: paths and arguments.
//
// In:      bytes from outside, of any content.
// Errors:  InvalidArgument for a bad percent escape or for more than
//          kArgumentsMax arguments; nothing is read outside the input.
// Threads: free functions without state.
// Source:  RFC 3986, sections 2.1 and 3; the WHATWG URL standard, section 5.1
//          (application/x-www-form-urlencoded); RFC 7578 (multipart).
#ifndef VARVE_NET_HTTP_REQUEST_TARGET_H_
#define VARVE_NET_HTTP_REQUEST_TARGET_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "net/http/server.h"

namespace varve::http {

// Far above any client's; each costs some 100 bytes.
inline constexpr size_t kArgumentsMax = 10'000;

struct RequestTarget {
  std::string path;  // "/" and the parts, decoded, joined by "/"
  std::vector<std::string> parts;  // decoded one by one; no empty ones
  bool trailing_slash = false;
  Arguments arguments;
};

// "/a//b%20c?x=1", or with scheme and host in front. "*" has no parts.
absl::StatusOr<RequestTarget> ParseTarget(std::string_view target);

// -http.pathPrefix as it stands in paths: "/x/y" of "x/y/", "/x/y" and
// "/x/y/".
std::string NormalPrefix(std::string prefix);

// `plus_is_space` in arguments, not in paths.
absl::StatusOr<std::string> PercentDecode(std::string_view text,
                                          bool plus_is_space);

// "a=1&b=2" appended to `arguments`.
absl::Status ParseForm(std::string_view text, Arguments& arguments);

// The fields of a multipart/form-data body that are not files.
absl::Status ParseMultipart(std::string_view body,
                            std::string_view content_type,
                            Arguments& arguments);

}  // namespace varve::http

#endif  // VARVE_NET_HTTP_REQUEST_TARGET_H_

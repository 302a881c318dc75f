#include "absl/strings/ascii.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "lib/compress/compress.h"
#include "net/http/server.h"
#include "net/http/server_core.h"

namespace varve::http {
namespace {

std::string_view First(const Arguments& pairs, std::string_view name) {
  for (const auto& [key, value] : pairs) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

std::string_view Request::Argument(std::string_view name) const {
  return First(arguments, name);
}

std::vector<std::string> Request::AllArguments(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : arguments) {
    if (key == name) values.push_back(value);
  }
  return values;
}

bool Request::HasArgument(std::string_view name) const {
  for (const auto& [key, value] : arguments) {
    if (key == name) return true;
  }
  return false;
}

std::string_view Request::Header(std::string_view lower_case_name) const {
  return First(headers, lower_case_name);
}

absl::StatusOr<std::string> DecodedBody(const Request& request,
                                        int64_t bytes_max,
                                        std::string_view limit_flag) {
  const std::string coding = absl::AsciiStrToLower(absl::StripAsciiWhitespace(
      base::ToAbsl(request.Header("content-encoding"))));
  const auto size_max = static_cast<size_t>(bytes_max);
  std::string out;
  absl::Status status;
  if (coding == "gzip" || coding == "deflate") {
    status = compress::GzipDecompress(request.body, size_max, out);
  } else if (coding == "zstd") {
    status = compress::ZstdDecompress(request.body, size_max, out);
  } else if (coding.empty() || coding == "identity" || coding == "none") {
    if (request.body.size() <= size_max) return request.body;
    status = absl::ResourceExhaustedError("");
  } else if (coding == "snappy") {
    status = compress::SnappyDecompress(request.body, size_max, out);
  } else {
    return base::InvalidArgument("unsupported Content-Encoding \"", coding,
                                 "\"");
  }
  if (absl::IsResourceExhausted(status)) {
    return base::InvalidArgument("too big request body after ",
                                 coding.empty() ? "identity" : coding,
                                 " decoding; ",
                                 LimitText(limit_flag, bytes_max));
  }
  if (!status.ok()) {
    return base::InvalidArgument("cannot decode the ", coding,
                                 " body: ", base::Message(status));
  }
  return out;
}

}  // namespace varve::http

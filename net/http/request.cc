#include "absl/strings/ascii.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "lib/compress/compress.h"
#include "net/http/content_coding.h"
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

absl::StatusOr<ContentCoding> CodingOf(const Request& request) {
  const std::string coding = absl::AsciiStrToLower(absl::StripAsciiWhitespace(
      base::ToAbsl(request.Header("content-encoding"))));
  if (coding == "gzip" || coding == "deflate") return ContentCoding::kGzip;
  if (coding == "zstd") return ContentCoding::kZstd;
  if (coding == "snappy") return ContentCoding::kSnappy;
  if (coding.empty() || coding == "identity" || coding == "none") {
    return ContentCoding::kIdentity;
  }
  return base::InvalidArgument("unsupported Content-Encoding \"", coding, "\"");
}

absl::Status DecodeError(const absl::Status& status, std::string_view coding,
                         int64_t bytes_max, std::string_view limit_flag) {
  if (status.ok()) return status;
  if (absl::IsResourceExhausted(status)) {
    return base::InvalidArgument("too big request body after ",
                                 coding.empty() ? "identity" : coding,
                                 " decoding; ",
                                 LimitText(limit_flag, bytes_max));
  }
  return base::InvalidArgument("cannot decode the ", coding,
                               " body: ", base::Message(status));
}

absl::StatusOr<std::string> DecodedBody(const Request& request,
                                        int64_t bytes_max,
                                        std::string_view limit_flag) {
  ASSIGN_OR_RETURN(const ContentCoding coding, CodingOf(request));
  const auto size_max = static_cast<size_t>(bytes_max);
  std::string out;
  absl::Status status;
  switch (coding) {
    case ContentCoding::kGzip:
      status = compress::GzipDecompress(request.body, size_max, out);
      break;
    case ContentCoding::kZstd:
      status = compress::ZstdDecompress(request.body, size_max, out);
      break;
    case ContentCoding::kSnappy:
      status = compress::SnappyDecompress(request.body, size_max, out);
      break;
    case ContentCoding::kIdentity:
      if (request.body.size() <= size_max) return request.body;
      status = absl::ResourceExhaustedError("");
  }
  RETURN_IF_ERROR(DecodeError(status, request.Header("content-encoding"),
                              bytes_max, limit_flag));
  return out;
}

}  // namespace varve::http

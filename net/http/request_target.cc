#include "net/http/request_target.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"

namespace varve::http {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

// The part of `rest` before `separator`, which is removed with it.
std::string_view Take(std::string_view& rest, char separator) {
  const size_t end = rest.find(separator);
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return part;
}

absl::Status Append(std::string name, std::string value,
                    Arguments& arguments) {
  if (arguments.size() >= kArgumentsMax) {
    return base::InvalidArgument("more than ", kArgumentsMax,
                                 " arguments in one request");
  }
  arguments.emplace_back(std::move(name), std::move(value));
  return absl::OkStatus();
}

// The value of `name` in `form-data; name="x"; filename="y"`, with or without
// quotes; "" when absent, `found` says which.
std::string_view Parameter(std::string_view header, std::string_view name,
                           bool& found) {
  found = false;
  (void)Take(header, ';');  // the type itself
  while (!header.empty()) {
    const size_t equals = header.find('=');
    if (equals == std::string_view::npos) return {};
    const std::string_view key = base::FromAbsl(absl::StripAsciiWhitespace(
        base::ToAbsl(header.substr(0, equals))));
    header.remove_prefix(equals + 1);
    std::string_view value;
    if (!header.empty() && header.front() == '"') {
      header.remove_prefix(1);
      value = Take(header, '"');
      (void)Take(header, ';');
    } else {
      value = base::FromAbsl(
          absl::StripAsciiWhitespace(base::ToAbsl(Take(header, ';'))));
    }
    if (absl::EqualsIgnoreCase(base::ToAbsl(key), base::ToAbsl(name))) {
      found = true;
      return value;
    }
  }
  return {};
}

// One part: header lines, an empty line, the content.
absl::Status ParsePart(std::string_view part, Arguments& arguments) {
  const size_t head_end = part.find("\r\n\r\n");
  if (head_end == std::string_view::npos) {
    return base::InvalidArgument("a multipart body has a part without head");
  }
  std::string_view head = part.substr(0, head_end);
  while (!head.empty()) {
    const std::string_view line = Take(head, '\n');
    constexpr std::string_view kName = "content-disposition:";
    if (!absl::StartsWithIgnoreCase(base::ToAbsl(line),
                                    base::ToAbsl(kName))) {
      continue;
    }
    bool found = false;
    (void)Parameter(line, "filename", found);
    if (found) return absl::OkStatus();
    const std::string_view name = Parameter(line, "name", found);
    if (!found) return absl::OkStatus();
    return Append(std::string(name), std::string(part.substr(head_end + 4)),
                  arguments);
  }
  return absl::OkStatus();
}

}  // namespace

std::string NormalPrefix(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '/') prefix.pop_back();
  if (!prefix.empty() && prefix.front() != '/') prefix.insert(0, 1, '/');
  return prefix;
}

absl::StatusOr<std::string> PercentDecode(std::string_view text,
                                          bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return base::InvalidArgument("bad percent escape \"",
                                     text.substr(i, 3), "\"");
      }
      out.push_back(static_cast<char>(high << 4 | low));
      i += 2;
    }
  }
  return out;
}

absl::Status ParseForm(std::string_view text, Arguments& arguments) {
  while (!text.empty()) {
    std::string_view pair = Take(text, '&');
    if (pair.empty()) continue;
    const std::string_view name_text = Take(pair, '=');
    ASSIGN_OR_RETURN(std::string name, PercentDecode(name_text, true));
    ASSIGN_OR_RETURN(std::string value, PercentDecode(pair, true));
    RETURN_IF_ERROR(Append(std::move(name), std::move(value), arguments));
  }
  return absl::OkStatus();
}

absl::StatusOr<RequestTarget> ParseTarget(std::string_view target) {
  RequestTarget result;
  if (StartsWith(target, "http://") || StartsWith(target, "https://")) {
    const size_t path = target.find('/', target.find("//") + 2);
    target = path == std::string_view::npos ? "/" : target.substr(path);
  }
  target = target.substr(0, target.find('#'));
  const size_t question = target.find('?');
  std::string_view path = target.substr(0, question);
  if (question != std::string_view::npos) {
    RETURN_IF_ERROR(
        ParseForm(target.substr(question + 1), result.arguments));
  }
  if (path == "*") return result;
  if (path.empty() || path.front() != '/') {
    return base::InvalidArgument("the request target \"",
                                 path.substr(0, 200),
                                 "\" does not begin with /");
  }
  result.trailing_slash = path.size() > 1 && path.back() == '/';
  while (!path.empty()) {
    const std::string_view part = Take(path, '/');
    if (part.empty()) continue;  // "//" is "/"
    ASSIGN_OR_RETURN(std::string decoded, PercentDecode(part, false));
    base::StrAppend(&result.path, "/", decoded);
    result.parts.push_back(std::move(decoded));
  }
  if (result.trailing_slash || result.parts.empty()) result.path += '/';
  return result;
}

absl::Status ParseMultipart(std::string_view body,
                            std::string_view content_type,
                            Arguments& arguments) {
  bool found = false;
  const std::string_view boundary =
      Parameter(content_type, "boundary", found);
  if (boundary.empty() || boundary.size() > 70) {  // RFC 2046, section 5.1.1
    return base::InvalidArgument("multipart body without a good boundary");
  }
  const std::string first = base::StrCat("--", boundary);
  const std::string next = base::StrCat("\r\n--", boundary);
  size_t at = StartsWith(body, first) ? 0 : body.find(next);
  if (at == std::string_view::npos) {
    return base::InvalidArgument("multipart body without its boundary");
  }
  at += at == 0 ? first.size() : next.size();
  while (!StartsWith(body.substr(at), "--")) {
    const size_t line_end = body.find("\r\n", at);
    if (line_end == std::string_view::npos) break;
    const size_t part_end = body.find(next, line_end);
    if (part_end == std::string_view::npos) {
      return base::InvalidArgument("multipart body is cut");
    }
    // An empty part's end overlaps its beginning's line break.
    const size_t begin = std::min(line_end + 2, part_end);
    RETURN_IF_ERROR(ParsePart(body.substr(begin, part_end - begin), arguments));
    at = part_end + next.size();
  }
  return absl::OkStatus();
}

}  // namespace varve::http

#include "lib/query/graphite_arguments.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "lib/base/status.h"
#include "lib/graphite/time_text.h"
#include "lib/query/arguments.h"

namespace varve::query {

absl::StatusOr<int64_t> GraphiteTime(const http::Request& request,
                                     std::string_view name, int64_t now_ms,
                                     int64_t default_ms) {
  const std::string_view text = request.Argument(name);
  if (text.empty()) return default_ms;
  auto ms = graphite::ParseTimeMs(text, now_ms);
  if (!ms.ok()) ms = ParseTimeMs(text, now_ms);
  if (ms.ok()) return ms;
  return base::InvalidArgument("invalid value \"", text,
                               "\" of the argument `", name,
                               "`: ", base::Message(ms.status()));
}

absl::Status TooManyItems(int64_t items_max) {
  return base::ResourceExhausted(
      "more than ", items_max,
      " items; narrow the query or raise -search.maxGraphiteSeries");
}

absl::StatusOr<std::string> JsonpArgument(const http::Request& request) {
  const std::string_view function = request.Argument("jsonp");
  const bool is_name =
      function.size() < 100 && std::ranges::all_of(function, [](char c) {
        return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
               c == '_' || c == '.' || c == '$';
      });
  if (is_name) return std::string(function);
  return base::InvalidArgument("invalid value \"", function,
                               "\" of the argument `jsonp`: no name");
}

}  // namespace varve::query

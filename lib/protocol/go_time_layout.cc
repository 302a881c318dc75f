#include "lib/protocol/go_time_layout.h"

#include <utility>

#include "lib/base/status.h"

namespace varve::protocol {
namespace {

// Longer ones before those they begin with.
constexpr std::pair<std::string_view, std::string_view> kElements[] = {
    {"2006", "%Y"},    {"January", "%B"}, {"Jan", "%b"},   {"Monday", "%A"},
    {"Mon", "%a"},     {"MST", "%Z"},     {"Z07:00", "%Ez"}, {"Z0700", "%Ez"},
    {"Z07", "%Ez"},    {"-07:00", "%Ez"}, {"-0700", "%Ez"}, {"-07", "%Ez"},
    {"002", ""},       {"01", "%m"},      {"02", "%d"},    {"03", "%I"},
    {"04", "%M"},      {"05", "%E*S"},    {"06", "%y"},    {"_2", "%e"},
    {"15", "%H"},      {"PM", "%p"},      {"pm", "%p"},    {"1", "%m"},
    {"2", "%d"},       {"3", "%I"},       {"4", "%M"},     {"5", "%E*S"},
};

// A fraction after the seconds, ".000" or ",999": %E*S reads any.
size_t FractionSize(std::string_view rest) {
  if (rest.size() < 2 || (rest[0] != '.' && rest[0] != ',')) return 0;
  if (rest[1] != '0' && rest[1] != '9') return 0;
  size_t size = 1;
  while (size < rest.size() && rest[size] == rest[1]) ++size;
  return size;
}

}  // namespace

absl::StatusOr<std::string> ParseLayoutOfGo(std::string_view layout) {
  std::string out;
  for (std::string_view rest = layout; !rest.empty();) {
    const std::pair<std::string_view, std::string_view>* found = nullptr;
    for (const auto& element : kElements) {
      if (rest.starts_with(element.first)) {
        found = &element;
        break;
      }
    }
    if (found == nullptr) {
      if (rest.front() == '%') out.push_back('%');
      out.push_back(rest.front());
      rest.remove_prefix(1);
      continue;
    }
    if (found->second.empty()) {
      return base::InvalidArgument("the day of the year in the time layout \"",
                                   layout, "\" is not supported");
    }
    out.append(found->second);
    rest.remove_prefix(found->first.size());
    if (found->second == "%E*S") rest.remove_prefix(FractionSize(rest));
  }
  return out;
}

}  // namespace varve::protocol

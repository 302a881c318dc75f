#include "lib/model/matcher.h"

#include <re2/re2.h>

#include "lib/base/status.h"

namespace varve::model {

std::string Matcher::Text() const {
  static constexpr std::string_view kOperators[] = {"=", "!=", "=~", "!~"};
  return base::StrCat(name, kOperators[static_cast<int>(type)], "\"", value,
                      "\"");
}

absl::StatusOr<CompiledMatcher> CompiledMatcher::Make(Matcher matcher) {
  CompiledMatcher compiled;
  if (matcher.is_regex()) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_dot_nl(true);
    options.set_max_mem(1 << 20);
    auto regex = std::make_shared<const re2::RE2>(
        base::StrCat("^(?:", matcher.value, ")$"), options);
    if (!regex->ok()) {
      return base::InvalidArgument("bad regular expression ", matcher.Text(),
                                   ": ", regex->error());
    }
    compiled.regex_ = std::move(regex);
  }
  compiled.matcher_ = std::move(matcher);
  compiled.matches_empty_ = compiled.Matches("");
  return compiled;
}

bool CompiledMatcher::Matches(std::string_view value) const {
  const bool positive =
      regex_ ? re2::RE2::FullMatch(re2::StringPiece(value.data(), value.size()),
                                   *regex_)
             : value == matcher_.value;
  return positive != matcher_.is_negative();
}

}  // namespace varve::model

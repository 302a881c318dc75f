#include "lib/graphite/target.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "lib/base/status.h"

namespace varve::graphite {
namespace {

bool IsSpace(char c) {
  return absl::ascii_isspace(static_cast<unsigned char>(c));
}

bool IsNamePart(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
}

// "name" where an argument begins with "name="; else "".
std::string_view KeywordOf(std::string_view text) {
  size_t end = 0;
  while (end < text.size() && IsNamePart(text[end])) ++end;
  if (end == text.size() || text[end] != '=') return {};
  return text.substr(0, end);
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::StatusOr<Target> Parse() {
    ASSIGN_OR_RETURN(Target target, Pipe(0));
    SkipSpace();
    if (at_ < text_.size()) return Bad("unexpected text");
    return target;
  }

 private:
  absl::Status Bad(std::string_view why) const {
    return base::InvalidArgument("cannot parse the target \"", text_,
                                 "\" at position ", at_, ": ", why);
  }

  void SkipSpace() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  }
  bool Take(char c) {
    SkipSpace();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  // term, or term|call|call: what stands before | is the first argument.
  absl::StatusOr<Target> Pipe(int depth) {
    ASSIGN_OR_RETURN(Target target, Term(depth));
    while (Take('|')) {
      ASSIGN_OR_RETURN(Target call, Term(depth));
      if (call.kind != Target::Kind::kCall) {
        return Bad("expected a call after |");
      }
      // As an argument it would be another one.
      if (target.kind == Target::Kind::kPath &&
          !KeywordOf(target.text).empty()) {
        return Bad("a path before | begins as an argument's name=");
      }
      RETURN_IF_ERROR(Deepen(target, call));
      call.arguments.insert(call.arguments.begin(), std::move(target));
      target = std::move(call);
    }
    return target;
  }

  absl::Status TooDeep() const {
    return base::InvalidArgument("calls nest more than ", kTargetDepthMax,
                                 " deep in the target \"",
                                 text_.substr(0, 100), "…\"");
  }

  // Before `argument` becomes one of `call`.
  absl::Status Deepen(const Target& argument, Target& call) const {
    call.depth = std::max(call.depth, argument.depth + 1);
    return call.depth > kTargetDepthMax ? TooDeep() : absl::OkStatus();
  }

  absl::StatusOr<Target> Term(int depth) {
    if (depth > kTargetDepthMax) return TooDeep();
    SkipSpace();
    if (at_ == text_.size()) return Bad("something is missing at the end");
    if (text_[at_] == '"' || text_[at_] == '\'') return Quoted();
    size_t end = at_;
    while (end < text_.size() && IsNamePart(text_[end])) ++end;
    size_t open = end;
    while (open < text_.size() && IsSpace(text_[open])) ++open;
    if (end > at_ && open < text_.size() && text_[open] == '(') {
      Target call;
      call.kind = Target::Kind::kCall;
      call.text = std::string(text_.substr(at_, end - at_));
      call.depth = 1;
      at_ = open + 1;
      RETURN_IF_ERROR(Arguments(depth, call));
      return call;
    }
    return Word();
  }

  absl::Status Arguments(int depth, Target& call) {
    if (Take(')')) return absl::OkStatus();
    do {
      SkipSpace();
      std::string keyword(KeywordOf(text_.substr(at_)));
      if (!keyword.empty()) at_ += keyword.size() + 1;
      ASSIGN_OR_RETURN(Target argument, Pipe(depth + 1));
      argument.keyword = std::move(keyword);
      RETURN_IF_ERROR(Deepen(argument, call));
      call.arguments.push_back(std::move(argument));
    } while (Take(','));
    if (!Take(')')) return Bad("expected , or )");
    return absl::OkStatus();
  }

  absl::StatusOr<Target> Quoted() {
    const char quote = text_[at_];
    Target target;
    target.kind = Target::Kind::kText;
    for (size_t i = at_ + 1; i < text_.size(); ++i) {
      // A backslash hides the quote and itself; others stay, as in patterns.
      if (text_[i] == '\\' && i + 1 < text_.size() &&
          (text_[i + 1] == quote || text_[i + 1] == '\\')) {
        target.text.push_back(text_[++i]);
      } else if (text_[i] == quote) {
        at_ = i + 1;
        return target;
      } else {
        target.text.push_back(text_[i]);
      }
    }
    return Bad("a quoted text does not end");
  }

  // A number, true, false, None or a path: up to , ) | or a space, all of
  // which may stand within {} and [].
  absl::StatusOr<Target> Word() {
    const size_t begin = at_;
    int depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && depth > 0) --depth;
      if (c == '(' || c == ')' || c == '"' || c == '\'') break;
      if (depth == 0 && (c == ',' || c == '|' || IsSpace(c))) break;
      ++at_;
    }
    if (at_ == begin) return Bad("expected a path, a call or a value");
    Target target;
    target.text = std::string(text_.substr(begin, at_ - begin));
    if (target.text.size() < 64 &&
        target.text.find_first_not_of("0123456789+-.eE") == std::string::npos &&
        absl::SimpleAtod(target.text, &target.number)) {
      target.kind = Target::Kind::kNumber;
    } else if (absl::EqualsIgnoreCase(target.text, "true") ||
               absl::EqualsIgnoreCase(target.text, "false")) {
      target.kind = Target::Kind::kBool;
      target.number = absl::EqualsIgnoreCase(target.text, "true") ? 1 : 0;
    } else if (target.text == "None" ||
               absl::EqualsIgnoreCase(target.text, "inf")) {
      target.kind = Target::Kind::kNone;
    }
    return target;
  }

  const std::string_view text_;
  size_t at_ = 0;
};

void AppendTarget(std::string& out, const Target& target) {
  if (!target.keyword.empty()) base::StrAppend(&out, target.keyword, "=");
  if (target.kind == Target::Kind::kText) {
    out.push_back('\'');
    for (const char c : target.text) {
      if (c == '\'' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
    out.push_back('\'');
    return;
  }
  out += target.text;
  if (target.kind != Target::Kind::kCall) return;
  out.push_back('(');
  for (size_t i = 0; i < target.arguments.size(); ++i) {
    if (i > 0) out.push_back(',');
    AppendTarget(out, target.arguments[i]);
  }
  out.push_back(')');
}

const Target* FindPath(const Target& target) {
  if (target.kind == Target::Kind::kPath) return &target;
  for (const Target& argument : target.arguments) {
    if (const Target* const found = FindPath(argument)) return found;
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<Target> ParseTarget(std::string_view text) {
  if (text.size() > kTargetBytesMax) {
    return base::InvalidArgument("a target of ", text.size(),
                                 " bytes; at most ", kTargetBytesMax,
                                 " are taken");
  }
  return Parser(text).Parse();
}

std::string TargetText(const Target& target) {
  std::string out;
  AppendTarget(out, target);
  return out;
}

std::string FirstPath(std::string_view name) {
  std::string path(name);
  if (name.find('(') != name.npos) {
    const auto target = ParseTarget(name);
    const Target* const found = target.ok() ? FindPath(*target) : nullptr;
    if (found != nullptr) path = found->text;
  }
  return path.substr(0, path.find(';'));
}

}  // namespace varve::graphite

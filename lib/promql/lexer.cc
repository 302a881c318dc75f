#include "lib/promql/lexer.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "lib/base/status.h"
#include "lib/promql/quoting.h"

namespace varve::promql {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlpha(char c) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool IsWordChar(char c) { return IsAlpha(c) || IsDigit(c); }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; }

bool IsWordText(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() &&
         std::equal(text.begin(), text.end(), lower.begin(),
                    [](char a, char b) { return Lower(a) == b; });
}

// Words that errors name in angle brackets, and before which word.
struct NamedWord {
  std::string_view word;
  std::string_view kind;
};
constexpr NamedWord kNamedWords[] = {
    {"and", "op:"},
    {"atan2", "op:"},
    {"or", "op:"},
    {"unless", "op:"},
    {"avg", "aggr:"},
    {"bottomk", "aggr:"},
    {"count", "aggr:"},
    {"group", "aggr:"},
    {"count_values", "aggr:"},
    {"limit_ratio", "aggr:"},
    {"limitk", "aggr:"},
    {"max", "aggr:"},
    {"min", "aggr:"},
    {"quantile", "aggr:"},
    {"stddev", "aggr:"},
    {"stdvar", "aggr:"},
    {"sum", "aggr:"},
    {"topk", "aggr:"},
    {"bool", ""},
    {"by", ""},
    {"group_left", ""},
    {"group_right", ""},
    {"ignoring", ""},
    {"offset", ""},
    {"on", ""},
    {"without", ""},
};

std::string WordText(std::string_view word) {
  for (const NamedWord& named : kNamedWords) {
    if (IsWordText(word, named.word)) {
      return base::StrCat("<", named.kind, word, ">");
    }
  }
  if (IsWordText(word, "start") || IsWordText(word, "end")) {
    return base::StrCat("\"", word, "\"");
  }
  return base::StrCat("identifier \"", word, "\"");
}

class Lexer {
 public:
  explicit Lexer(std::string_view query) : query_(query) {}

  TokenList Run() {
    while (!done_) Step();
    return std::move(list_);
  }

 private:
  char Peek(size_t ahead = 0) const {
    return at_ + ahead < query_.size() ? query_[at_ + ahead] : '\0';
  }

  void Emit(TokenKind kind, size_t size) {
    list_.tokens.push_back(
        {kind, static_cast<uint32_t>(at_), query_.substr(at_, size), 0});
    at_ += size;
  }

  template <typename... Pieces>
  void Fail(size_t position, const Pieces&... pieces) {
    list_.error = base::StrCat(pieces...);
    list_.tokens.push_back(
        {TokenKind::kError, static_cast<uint32_t>(position), {}, 0});
    done_ = true;
  }

  // The character at `at_` as errors show it: whole UTF-8 sequences.
  std::string_view Rune() const { return RuneAt(at_); }
  std::string_view RuneAt(size_t position) const {
    size_t size = 1;
    while (position + size < query_.size() && size < 4 &&
           (static_cast<uint8_t>(query_[position + size]) & 0xC0) == 0x80) {
      ++size;
    }
    return query_.substr(position, size);
  }

  void Step();
  void LexEnd();
  void LexInBraces();
  void LexOutside();
  bool LexPunctuation();
  bool LexOperator();
  bool LexBracket();
  void LexString();
  void LexNumberOrDuration();
  size_t NumberSize() const;
  size_t DurationSize() const;
  size_t SuffixedNumberSize() const;
  void LexWord(bool colons);
  void LexEscapedWord(bool colons);

  const std::string_view query_;
  TokenList list_;
  size_t at_ = 0;
  size_t parens_ = 0;
  bool in_braces_ = false;
  bool in_brackets_ = false;
  bool done_ = false;
};

void Lexer::Step() {
  while (at_ < query_.size() && IsSpace(query_[at_])) ++at_;
  if (at_ >= query_.size()) return LexEnd();
  if (Peek() == '#') {
    const size_t line_end = query_.find('\n', at_);
    at_ = line_end == query_.npos ? query_.size() : line_end;
    return;
  }
  if (Peek() == '"' || Peek() == '\'' || Peek() == '`') return LexString();
  if (in_braces_) return LexInBraces();
  LexOutside();
}

void Lexer::LexEnd() {
  if (in_braces_) return Fail(at_, "unexpected end of input inside braces");
  if (in_brackets_) return Fail(at_, "unclosed left bracket");
  if (parens_ > 0) return Fail(at_, "unclosed left parenthesis");
  Emit(TokenKind::kEnd, 0);
  done_ = true;
}

void Lexer::LexInBraces() {
  const char c = Peek();
  const char next = Peek(1);
  if (IsAlpha(c) || c == '\\') return LexWord(false);
  switch (c) {
    case ',':
      return Emit(TokenKind::kComma, 1);
    case '=':
      if (next == '~') return Emit(TokenKind::kMatchRegex, 2);
      return Emit(TokenKind::kAssign, 1);
    case '!':
      if (next == '~') return Emit(TokenKind::kMatchNotRegex, 2);
      if (next == '=') return Emit(TokenKind::kNotEqual, 2);
      ++at_;
      if (at_ >= query_.size()) return LexEnd();
      return Fail(at_, "unexpected character after '!' inside braces: '",
                  Rune(), "'");
    case '+':  // "a" + "b"; refused by the parser elsewhere
      return Emit(TokenKind::kAdd, 1);
    case '{':
      return Fail(at_, "unexpected left brace '{'");
    case '}':
      in_braces_ = false;
      return Emit(TokenKind::kRightBrace, 1);
    default:
      return Fail(at_, "unexpected character inside braces: '", Rune(), "'");
  }
}

void Lexer::LexOutside() {
  const char c = Peek();
  if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) {
    return LexNumberOrDuration();
  }
  // In brackets a colon separates; outside it may begin a name.
  if (IsAlpha(c) || c == '\\' || (c == ':' && !in_brackets_)) {
    if (c == ':' && !IsWordChar(Peek(1)) && Peek(1) != ':') {
      return Fail(at_, "unexpected character: '", Rune(), "'");
    }
    return LexWord(!in_brackets_);
  }
  if (LexBracket() || LexPunctuation() || LexOperator() || done_) return;
  Fail(at_, "unexpected character: '", Rune(), "'");
}

bool Lexer::LexBracket() {
  switch (Peek()) {
    case '(':
      ++parens_;
      Emit(TokenKind::kLeftParen, 1);
      return true;
    case ')':
      if (parens_ == 0) {
        Fail(at_, "unexpected right parenthesis ')'");
        return true;
      }
      --parens_;
      Emit(TokenKind::kRightParen, 1);
      return true;
    case '{':
      in_braces_ = true;
      Emit(TokenKind::kLeftBrace, 1);
      return true;
    case '}':
      Fail(at_, "unexpected right brace '}'");
      return true;
    case '[':
      if (in_brackets_) {
        Fail(at_, "unexpected left bracket '['");
        return true;
      }
      in_brackets_ = true;
      Emit(TokenKind::kLeftBracket, 1);
      return true;
    case ']':
      if (!in_brackets_) {
        Fail(at_, "unexpected right bracket ']'");
        return true;
      }
      in_brackets_ = false;
      Emit(TokenKind::kRightBracket, 1);
      return true;
    default:
      return false;
  }
}

bool Lexer::LexPunctuation() {
  switch (Peek()) {
    case ',':
      Emit(TokenKind::kComma, 1);
      return true;
    case ':':
      Emit(TokenKind::kColon, 1);
      return true;
    case '@':
      Emit(TokenKind::kAt, 1);
      return true;
    default:
      return false;
  }
}

bool Lexer::LexOperator() {
  struct Operator {
    std::string_view text;
    TokenKind kind;
  };
  // Longer ones first.
  static constexpr Operator kOperators[] = {
      {"==", TokenKind::kEqual},     {"=~", TokenKind::kMatchRegex},
      {"!=", TokenKind::kNotEqual},  {"!~", TokenKind::kMatchNotRegex},
      {"<=", TokenKind::kLessEqual}, {">=", TokenKind::kGreaterEqual},
      {"</", TokenKind::kTrimUpper}, {">/", TokenKind::kTrimLower},
      {"<", TokenKind::kLess},       {">", TokenKind::kGreater},
      {"=", TokenKind::kAssign},     {"+", TokenKind::kAdd},
      {"-", TokenKind::kSub},        {"*", TokenKind::kMul},
      {"/", TokenKind::kDiv},        {"%", TokenKind::kMod},
      {"^", TokenKind::kPow},
  };
  for (const Operator& op : kOperators) {
    if (query_.substr(at_).starts_with(op.text)) {
      Emit(op.kind, op.text.size());
      return true;
    }
  }
  if (Peek() == '!') {
    Fail(at_ + 1, "unexpected character after '!': '",
         query_.substr(at_ + 1, 1), "'");
  }
  return false;
}

void Lexer::LexString() {
  const auto size = QuotedSize(query_.substr(at_));
  if (!size.ok()) return Fail(at_, base::Message(size.status()));
  Emit(TokenKind::kString, *size);
}

// Bytes of the number at `at_`, judged only roughly: ParseNumber decides.
size_t Lexer::NumberSize() const {
  size_t i = at_;
  auto at = [&](size_t k) { return k < query_.size() ? query_[k] : '\0'; };
  if (at(i) == '0' && Lower(at(i + 1)) == 'x') {
    i += 2;
    while (IsDigit(at(i)) || at(i) == '_' ||
           (Lower(at(i)) >= 'a' && Lower(at(i)) <= 'f')) {
      ++i;
    }
    return i - at_;
  }
  auto digits = [&] {
    while (IsDigit(at(i)) || (at(i) == '_' && IsDigit(at(i + 1)))) ++i;
  };
  digits();
  if (at(i) == '.') {
    ++i;
    digits();
  }
  if (Lower(at(i)) == 'e') {
    size_t exponent = i + 1;
    if (at(exponent) == '+' || at(exponent) == '-') ++exponent;
    if (IsDigit(at(exponent))) {
      i = exponent;
      digits();
    }
  }
  return i - at_;
}

// Bytes of the duration at `at_` (1h30m, 1.5h), units in falling order, or of
// a number of steps (5i); 0 when there is none.
size_t Lexer::DurationSize() const {
  static constexpr std::string_view kUnits[] = {"y", "w", "d", "h",
                                                "m", "s", "ms"};
  auto number_end = [this](size_t i) {
    while (i < query_.size() && IsDigit(query_[i])) ++i;
    return i;
  };
  size_t i = at_;
  size_t unit_min = 0;
  while (i < query_.size() && IsDigit(query_[i])) {
    size_t digits_end = number_end(i);
    if (digits_end + 1 < query_.size() && query_[digits_end] == '.') {
      digits_end = number_end(digits_end + 1);
    }
    size_t unit_end = digits_end;
    while (unit_end < query_.size() && query_[unit_end] >= 'a' &&
           query_[unit_end] <= 'z') {
      ++unit_end;
    }
    const auto unit = query_.substr(digits_end, unit_end - digits_end);
    if (unit == "i" && i == at_) return unit_end - at_;
    const auto* found =
        std::find(std::begin(kUnits) + unit_min, std::end(kUnits), unit);
    if (found == std::end(kUnits)) return 0;
    unit_min = found - std::begin(kUnits) + 1;
    i = unit_end;
  }
  return i - at_;
}

// Bytes of a number with one of MetricsQL's suffixes: K, Ki, KB, KiB and the
// same with M, G and T. (5m is a duration.)
size_t Lexer::SuffixedNumberSize() const {
  size_t i = at_ + NumberSize();
  auto at = [&](size_t k) {
    return k < query_.size() ? Lower(query_[k]) : '\0';
  };
  const std::string_view multipliers = "kmgt";
  if (multipliers.find(at(i)) == multipliers.npos) return 0;
  ++i;
  if (at(i) == 'i') ++i;
  if (at(i) == 'b') ++i;
  return i - at_;
}

void Lexer::LexNumberOrDuration() {
  auto ends_well = [&](size_t size) {
    return at_ + size >= query_.size() || !IsWordChar(query_[at_ + size]);
  };
  const size_t number = NumberSize();
  if (ends_well(number) && !(number > 0 && Peek(number) == '.')) {
    return Emit(TokenKind::kNumber, number);
  }
  const size_t duration = DurationSize();
  if (duration > 0 && ends_well(duration)) {
    return Emit(TokenKind::kDuration, duration);
  }
  const size_t suffixed = SuffixedNumberSize();
  if (suffixed > 0 && ends_well(suffixed)) {
    return Emit(TokenKind::kNumber, suffixed);
  }
  size_t bad = 1;
  while (at_ + bad < query_.size() &&
         (IsWordChar(query_[at_ + bad]) || query_[at_ + bad] == '.')) {
    ++bad;
  }
  Fail(at_, "bad number or duration syntax: \"", query_.substr(at_, bad), "\"");
}

void Lexer::LexWord(bool colons) {
  size_t size = 0;
  while (at_ + size < query_.size() &&
         (IsWordChar(query_[at_ + size]) ||
          (colons && query_[at_ + size] == ':'))) {
    ++size;
  }
  if (Peek(size) == '\\') return LexEscapedWord(colons);
  const std::string_view word = query_.substr(at_, size);
  const bool is_number =
      !in_braces_ && (IsWordText(word, "inf") || IsWordText(word, "nan"));
  Emit(is_number ? TokenKind::kNumber : TokenKind::kWord, size);
}

// A character after a backslash stands for itself, x and two hexadecimal digits
// for a byte.
void Lexer::LexEscapedWord(bool colons) {
  std::string word;
  size_t i = at_;
  while (i < query_.size()) {
    const char c = query_[i];
    if (IsWordChar(c) || (colons && c == ':')) {
      word += c;
      ++i;
      continue;
    }
    if (c != '\\') break;
    if (i + 1 >= query_.size() || IsSpace(query_[i + 1])) {
      return Fail(i, "nothing to escape after '\\'");
    }
    const std::string_view digits = query_.substr(i + 2, 2);
    if (Lower(query_[i + 1]) == 'x' && digits.size() == 2 &&
        absl::ascii_isxdigit(static_cast<uint8_t>(digits[0])) &&
        absl::ascii_isxdigit(static_cast<uint8_t>(digits[1]))) {
      word += absl::HexStringToBytes(base::ToAbsl(digits));
      i += 4;
    } else {
      const std::string_view rune = RuneAt(i + 1);
      word += rune;
      i += 1 + rune.size();
    }
  }
  list_.unescaped.push_back(std::move(word));
  list_.tokens.push_back({TokenKind::kWord, static_cast<uint32_t>(at_),
                          list_.unescaped.back(),
                          static_cast<uint32_t>(i - at_)});
  at_ = i;
}

}  // namespace

TokenList Tokenize(std::string_view query) { return Lexer(query).Run(); }

bool IsWord(const Token& token, std::string_view lower) {
  return token.kind == TokenKind::kWord && !token.escaped() &&
         IsWordText(token.text, lower);
}

std::string TokenText(const Token& token) {
  switch (token.kind) {
    case TokenKind::kEnd:
      return "end of input";
    case TokenKind::kError:
      return "error";
    case TokenKind::kWord:
      return WordText(token.text);
    case TokenKind::kNumber:
      return base::StrCat("number \"", token.text, "\"");
    case TokenKind::kDuration:
      return base::StrCat("duration \"", token.text, "\"");
    case TokenKind::kString:
      return base::StrCat("string ", token.text);
    case TokenKind::kAdd:
    case TokenKind::kSub:
    case TokenKind::kMul:
    case TokenKind::kDiv:
    case TokenKind::kMod:
    case TokenKind::kPow:
    case TokenKind::kEqual:
    case TokenKind::kNotEqual:
    case TokenKind::kLess:
    case TokenKind::kLessEqual:
    case TokenKind::kGreater:
    case TokenKind::kGreaterEqual:
      return base::StrCat("<op:", token.text, ">");
    default:
      return base::StrCat("\"", token.text, "\"");
  }
}

}  // namespace varve::promql

// Query text to tokens.
//
// The meaning of a character depends on where it stands: inside {} words are
// label names and no keywords; inside [] a colon separates range and step
// instead of being part of a name. Comments (# to the end of the line) and
// white space vanish.
//
// In a word \- is a - and \x2d the byte 2d, as in MetricsQL; such a word is no
// keyword.
//
// Errors:  a kError token ends the list; its text is what is wrong.
// Threads: free functions without state.
// Source:  docs/querying/basics.md, docs/querying/operators.md.
#ifndef VARVE_LIB_PROMQL_LEXER_H_
#define VARVE_LIB_PROMQL_LEXER_H_

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace varve::promql {

enum class TokenKind : uint8_t {
  kEnd,
  kError,
  // A name or a keyword: which one, the parser decides by what follows.
  kWord,
  kNumber,    // also Inf, NaN and 8Ki
  kDuration,  // 5m, 1.5h, 5i
  kString,    // quotes included
  kLeftParen,
  kRightParen,
  kLeftBrace,
  kRightBrace,
  kLeftBracket,
  kRightBracket,
  kComma,
  kColon,
  kAssign,         // =
  kMatchRegex,     // =~
  kMatchNotRegex,  // !~
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kEqual,     // ==
  kNotEqual,  // !=
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kTrimUpper,  // </
  kTrimLower,  // >/
  kAt,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  uint32_t begin = 0;
  // Into the query; of kError: into `error`; of an escaped word: unescaped.
  std::string_view text;
  uint32_t escaped_size = 0;  // of MetricsQL's a\-b in the query; else 0
  bool escaped() const { return escaped_size > 0; }
  uint32_t end() const {
    return begin +
           (escaped() ? escaped_size : static_cast<uint32_t>(text.size()));
  }
};

struct TokenList {
  // Ends with kEnd or kError.
  std::vector<Token> tokens;
  std::string error;
  std::deque<std::string> unescaped;  // what texts of escaped words point at
};

// `query` must outlive the tokens.
TokenList Tokenize(std::string_view query);

// How errors name a token: `number "5"`, `<by>`, `"("`, `end of input`.
std::string TokenText(const Token& token);

// For words, letters in any case: is it the keyword `lower`?
bool IsWord(const Token& token, std::string_view lower);

}  // namespace varve::promql

#endif  // VARVE_LIB_PROMQL_LEXER_H_

// Clauses: bool, on, ignoring, group_left, group_right, fill, by, without,
// limit.
#include <cmath>

#include "lib/promql/grammar.h"
#include "lib/promql/number_text.h"
#include "lib/promql/printer.h"
#include "lib/promql/quoting.h"

namespace varve::promql {

absl::Status Grammar::ParseBinaryModifiers(BinaryExpr& binary) {
  VectorMatching matching;
  if (AtWord("bool")) {
    Take();
    binary.return_bool = true;
  }
  if (AtWord("on") || AtWord("ignoring")) {
    matching.on = AtWord("on");
    Take();
    ASSIGN_OR_RETURN(matching.labels, ParseGroupingLabels());
    RETURN_IF_ERROR(ParseGroupModifier(matching));
  }
  RETURN_IF_ERROR(ParseFills(matching));
  binary.matching = std::move(matching);
  return absl::OkStatus();
}

absl::Status Grammar::ParseGroupModifier(VectorMatching& matching) {
  const bool left = AtWord("group_left");
  if (!left && !AtWord("group_right")) return absl::OkStatus();
  Take();
  matching.cardinality =
      left ? MatchCardinality::kManyToOne : MatchCardinality::kOneToMany;
  if (At(TokenKind::kLeftParen) && Peek(1).kind == TokenKind::kMul) {
    Take();
    Take();
    RETURN_IF_ERROR(Expect(TokenKind::kRightParen, "grouping opts", "\")\""));
    matching.include = {"*"};
  } else if (At(TokenKind::kLeftParen)) {
    ASSIGN_OR_RETURN(matching.include, ParseGroupingLabels());
  }
  // `prefix` without a string is a metric's name.
  if (AtWord("prefix") && Peek(1).kind == TokenKind::kString) {
    Take();
    ASSIGN_OR_RETURN(matching.include_prefix, UnquoteToken(Take()));
  }
  return absl::OkStatus();
}

absl::Status Grammar::ParseFills(VectorMatching& matching) {
  // `fill` without parentheses is a metric's name.
  while (At(TokenKind::kWord) && Peek(1).kind == TokenKind::kLeftParen) {
    const bool both = AtWord("fill");
    const bool left = both || AtWord("fill_left");
    const bool right = both || AtWord("fill_right");
    if (!left && !right) return absl::OkStatus();
    if ((left && matching.fill_left) || (right && matching.fill_right)) {
      return Unexpected("", "");
    }
    Take();
    ASSIGN_OR_RETURN(const double value, ParseFillValue());
    if (left) matching.fill_left = value;
    if (right) matching.fill_right = value;
  }
  return absl::OkStatus();
}

absl::StatusOr<double> Grammar::ParseFillValue() {
  Take();  // (
  const bool negative = At(TokenKind::kSub);
  if (negative || At(TokenKind::kAdd)) Take();
  if (!At(TokenKind::kNumber) && !At(TokenKind::kDuration)) {
    return Unexpected("fill", "number");
  }
  ASSIGN_OR_RETURN(const ExprPtr number, ParseNumberLiteral());
  RETURN_IF_ERROR(Expect(TokenKind::kRightParen, "fill", "\")\""));
  const double value = static_cast<const NumberLiteral&>(*number).value;
  return negative ? -value : value;
}

absl::StatusOr<bool> Grammar::ParseAggregateModifier(AggregateExpr& aggregate) {
  if (!AtWord("by") && !AtWord("without")) return false;
  aggregate.without = AtWord("without");
  Take();
  ASSIGN_OR_RETURN(aggregate.grouping, ParseGroupingLabels());
  return true;
}

absl::Status Grammar::ParseLimit(AggregateExpr& aggregate) {
  if (!AtWord("limit") || Peek(1).kind != TokenKind::kNumber) {
    return absl::OkStatus();
  }
  Take();
  const uint32_t begin = Peek().begin;
  ASSIGN_OR_RETURN(const ExprPtr number, ParseNumberLiteral());
  const double value = static_cast<const NumberLiteral&>(*number).value;
  if (!(value >= 1 && value <= 1e9) || value != std::floor(value)) {
    return ErrorAt(begin, base::StrCat("limit ", PlainNumber(value),
                                       " is not a whole number of groups"));
  }
  aggregate.limit = static_cast<int64_t>(value);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> Grammar::ParseGroupingLabels() {
  RETURN_IF_ERROR(Expect(TokenKind::kLeftParen, "grouping opts", "\"(\""));
  std::vector<std::string> labels;
  while (!At(TokenKind::kRightParen)) {
    const Token& token = Peek();
    if (const Binding* found = FindTemplate(token, false); found != nullptr) {
      RETURN_IF_ERROR(ExpandLabels(*found, labels));
    } else if (token.kind == TokenKind::kString) {
      ASSIGN_OR_RETURN(std::string label, UnquoteToken(token));
      if (!IsUtf8(label) || label.empty()) {
        return ErrorAt(token.begin,
                       base::StrCat("invalid label name ", QuotedText(label)));
      }
      labels.push_back(std::move(label));
      Take();
    } else if (token.kind == TokenKind::kWord &&
               (IsPlainLabelName(token.text) ||
                (token.escaped() && IsUtf8(token.text)))) {
      labels.emplace_back(Take().text);
    } else {
      return Unexpected("grouping opts", "label");
    }
    if (At(TokenKind::kComma)) {
      Take();
    } else if (!At(TokenKind::kRightParen)) {
      return Unexpected("grouping opts", "\",\" or \")\"");
    }
  }
  Take();
  return labels;
}

}  // namespace varve::promql

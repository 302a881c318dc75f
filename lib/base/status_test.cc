#include "lib/base/status.h"

#include <catch2/catch.hpp>

namespace varve::base {
namespace {

absl::StatusOr<int> Half(int value) {
  if (value % 2 != 0) return InvalidArgument("odd: ", value);
  return value / 2;
}

absl::StatusOr<int> Quarter(int value) {
  ASSIGN_OR_RETURN(const int half, Half(value));
  RETURN_IF_ERROR(Half(half).status());
  return Half(half);
}

TEST_CASE("the macros pass errors on and values through", "[base]") {
  CHECK(*Quarter(8) == 2);
  CHECK(Message(Quarter(7).status()) == "odd: 7");
  CHECK(Message(Quarter(6).status()) == "odd: 3");
}

TEST_CASE("Annotate keeps the code and OK", "[base]") {
  CHECK(Annotate(absl::OkStatus(), "x").ok());
  const absl::Status status = Annotate(DataLoss("cut"), "wal/1");
  CHECK(absl::IsDataLoss(status));
  CHECK(Message(status) == "wal/1: cut");
}

TEST_CASE("pieces of all kinds of text are joined", "[base]") {
  std::string out = StrCat("a", std::string("b"), std::string_view("c"), 1);
  StrAppend(&out, std::string_view("-"), int64_t{-5}, absl::string_view("d"));
  CHECK(out == "abc1--5d");
  CHECK(Message(Internal("x")) == "BUG: x");
}

}  // namespace
}  // namespace varve::base

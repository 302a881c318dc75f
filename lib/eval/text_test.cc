#include "lib/eval/text.h"

#include <catch2/catch.hpp>
#include <limits>

namespace varve::eval {
namespace {

TEST_CASE("numbers are written as Go writes them", "[eval]") {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  CHECK(FixedNumber(6) == "6");
  CHECK(FixedNumber(0.1) == "0.1");
  CHECK(FixedNumber(-0.0) == "-0");
  CHECK(FixedNumber(1e21) == "1000000000000000000000");
  CHECK(FixedNumber(5e-324).size() == 326);
  CHECK(FixedNumber(kInf) == "+Inf");
  CHECK(FixedNumber(-kInf) == "-Inf");
  CHECK(GeneralNumber(1.1) == "1.1");
  CHECK(GeneralNumber(1e21) == "1e+21");
  CHECK(GeneralNumber(123456789) == "1.23456789e+08");
  CHECK(GeneralNumber(999999.5) == "999999.5");
  CHECK(GeneralNumber(1e-5) == "1e-05");
  CHECK(GeneralNumber(std::numeric_limits<double>::quiet_NaN()) == "NaN");
}

TEST_CASE("numbers without an exponent have as few digits as they need",
          "[eval]") {
  CHECK(FixedNumber(0.25) == "0.25");
  CHECK(FixedNumber(-1e-7) == "-0.0000001");
  CHECK(FixedNumber(9007199254740991) == "9007199254740991");
  CHECK(FixedNumber(9007199254740992) == "9007199254740992");
  CHECK(FixedNumber(1e22) == "1" + std::string(22, '0'));
  CHECK(FixedNumber(-1.25e300) == "-125" + std::string(298, '0'));
  CHECK(FixedNumber(std::numeric_limits<double>::max()) ==
        "17976931348623157" + std::string(292, '0'));
}

TEST_CASE("quoted text escapes quotes, controls and broken bytes", "[eval]") {
  CHECK(Quoted("a\"b\\c\n") == "\"a\\\"b\\\\c\\n\"");
  CHECK(Quoted("a\xc5z") == "\"a\\xc5z\"");
  CHECK(Quoted("\xc3\xa9") == "\"\xc3\xa9\"");
}

TEST_CASE("label names are any UTF-8 but nothing", "[eval]") {
  CHECK(IsLabelName("a b"));
  CHECK(IsLabelName("\xf0\x9f\x98\x80"));
  CHECK_FALSE(IsLabelName(""));
  CHECK_FALSE(IsLabelName("\xff"));
  CHECK_FALSE(IsLabelName("\xc0\x80"));      // overlong
  CHECK_FALSE(IsLabelName("\xed\xa0\x80"));  // surrogate
  CHECK_FALSE(IsLabelName("a\xe2\x82"));     // cut
}

TEST_CASE("label sets show the name as a label", "[eval]") {
  CHECK(LabelsText({{"__name__", "up"}, {"job", "x"}}) ==
        "{__name__=\"up\", job=\"x\"}");
  CHECK(LabelsText({}) == "{}");
}

}  // namespace
}  // namespace varve::eval

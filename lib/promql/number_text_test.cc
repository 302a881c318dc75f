#include "lib/promql/number_text.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

namespace varve::promql {
namespace {

std::string Api(double value) {
  std::string out;
  AppendApiNumber(out, value);
  return out;
}

TEST_CASE("numbers are read in all notations", "[promql]") {
  CHECK(ParseNumber("1") == 1.0);
  CHECK(ParseNumber("-2.5") == -2.5);
  CHECK(ParseNumber(".5") == 0.5);
  CHECK(ParseNumber("5.") == 5.0);
  CHECK(ParseNumber("1e3") == 1000.0);
  CHECK(ParseNumber("1E-3") == 0.001);
  CHECK(ParseNumber("0x1F") == 31.0);
  CHECK(ParseNumber("0X_1f") == 31.0);
  CHECK(ParseNumber("017") == 15.0);
  CHECK(ParseNumber("019") == 19.0);
  CHECK(ParseNumber("0") == 0.0);
  CHECK(ParseNumber("1_000") == 1000.0);
  CHECK(ParseNumber("+Inf") == std::numeric_limits<double>::infinity());
  CHECK(ParseNumber("-inf") == -std::numeric_limits<double>::infinity());
  CHECK(std::isnan(*ParseNumber("NaN")));
  CHECK(ParseNumber("9223372036854775807") == 9223372036854775807.0);
  CHECK(ParseNumber("18446744073709551616") == 18446744073709551616.0);
}

TEST_CASE("what is not a number is refused", "[promql]") {
  for (const char* text : {"", "+", "-", ".", "e5", "1e", "0x", "1__0", "_1",
                           "1_", "1 ", "0xg", "1..2", "--1", "infi", "1e999"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseNumber(text).has_value());
  }
}

TEST_CASE("plain numbers have the shortest digits and no exponent",
          "[promql]") {
  CHECK(PlainNumber(0) == "0");
  CHECK(PlainNumber(-0.0) == "-0");
  CHECK(PlainNumber(1) == "1");
  CHECK(PlainNumber(0.1) == "0.1");
  CHECK(PlainNumber(-1234.5) == "-1234.5");
  CHECK(PlainNumber(1e23) == "100000000000000000000000");
  CHECK(PlainNumber(1e-7) == "0.0000001");
  CHECK(PlainNumber(std::nan("")) == "NaN");
  CHECK(PlainNumber(std::numeric_limits<double>::infinity()) == "+Inf");
  CHECK(PlainNumber(-std::numeric_limits<double>::infinity()) == "-Inf");
}

TEST_CASE("numbers of the API have an exponent at the extremes", "[promql]") {
  CHECK(Api(1e20) == "100000000000000000000");
  CHECK(Api(1e21) == "1e+21");
  CHECK(Api(1.5e300) == "1.5e+300");
  CHECK(Api(1e-6) == "0.000001");
  CHECK(Api(1.25e-7) == "1.25e-07");
  CHECK(Api(5e-324) == "5e-324");
  CHECK(Api(0) == "0");
  CHECK(Api(-std::numeric_limits<double>::max()) == "-1.7976931348623157e+308");
}

TEST_CASE("numbers read back as they were written", "[promql]") {
  for (double value : {1.0 / 3, 1e-300, 123456789.123, 4.9e-324, 1e22, 7e15}) {
    CHECK(ParseNumber(PlainNumber(value)) == value);
    CHECK(ParseNumber(Api(value)) == value);
  }
}

}  // namespace
}  // namespace varve::promql

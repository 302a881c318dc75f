#include "lib/protocol/csv.h"

#include <catch2/catch.hpp>
#include <random>

#include "lib/base/status.h"

namespace varve::protocol {
namespace {

struct Result {
  std::vector<std::string> lines;  // labels timestamp value
  int64_t bad = 0;
  std::string error;
};

Result Read(std::string_view format, std::string_view text,
            int64_t trim_ms = 1) {
  const auto columns = CsvColumns::Parse(format);
  REQUIRE(columns.ok());
  CsvReader reader(text, *columns, 777, trim_ms, 1000);
  SampleBatch batch;
  Result result;
  for (bool more = true; more;) {
    batch.Clear();
    more = reader.Next(batch, 2);
    for (const BatchSeries& series : batch.series) {
      const auto labels = model::ParseCanonicalBytes(series.identity);
      REQUIRE(labels.ok());
      result.lines.push_back(base::StrCat(labels->Text(), " ",
                                          batch.Timestamps(series)[0], " ",
                                          batch.Values(series)[0]));
    }
  }
  result.bad = reader.bad_lines();
  result.error = reader.first_error();
  return result;
}

using Lines = std::vector<std::string>;

TEST_CASE("columns are values, labels and the time that the format says",
          "[protocol]") {
  // The examples of the documentation.
  CHECK(Read("2:metric:ask,3:metric:bid,1:label:ticker", "GOOG,1.23,4.56").lines
        == Lines{R"(ask{ticker="GOOG"} 777 1.23)",
                 R"(bid{ticker="GOOG"} 777 4.56)"});
  CHECK(Read("2:metric:ask,3:metric:bid,1:label:ticker,4:label:market",
             "GOOG,1.23,4.56,NYSE\nMSFT,3.21,1.67,NASDAQ\r\n").lines ==
        Lines{R"(ask{market="NYSE", ticker="GOOG"} 777 1.23)",
              R"(bid{market="NYSE", ticker="GOOG"} 777 4.56)",
              R"(ask{market="NASDAQ", ticker="MSFT"} 777 3.21)",
              R"(bid{market="NASDAQ", ticker="MSFT"} 777 1.67)"});
  // Columns beyond the format, and those it passes over.
  CHECK(Read("1:metric:a,3:label:l", "1,x,y,z").lines ==
        Lines{R"(a{l="y"} 777 1)"});
}

TEST_CASE("each form of time is read to the millisecond", "[protocol]") {
  const auto at = [](std::string_view form, std::string_view text) {
    return Read(base::StrCat("1:metric:m,2:time:", form),
                base::StrCat("1,", text)).lines;
  };
  CHECK(at("unix_s", "1700000000") == Lines{"m 1700000000000 1"});
  CHECK(at("unix_ms", "1700000000123") == Lines{"m 1700000000123 1"});
  CHECK(at("unix_ns", "1700000000123999999") == Lines{"m 1700000000123 1"});
  CHECK(at("rfc3339", "2023-11-14T22:13:20Z") == Lines{"m 1700000000000 1"});
  CHECK(at("rfc3339", "2023-11-15T00:13:20.5+02:00") ==
        Lines{"m 1700000000500 1"});
  CHECK(at("custom:2006-01-02 15:04:05.999Z", "2023-11-14 22:13:20.25Z") ==
        Lines{"m 1700000000250 1"});
  CHECK(at("custom:02/Jan/06 03:04:05 PM -0700", "14/Nov/23 10:13:20 PM +0000")
        == Lines{"m 1700000000000 1"});
  CHECK(at("custom:Mon Jan _2 15:04:05 2006", "Tue Nov 14 22:13:20 2023") ==
        Lines{"m 1700000000000 1"});
  CHECK(at("unix_s", "") == Lines{"m 777 1"});
  for (const char* form : {"unix_s", "unix_ms", "rfc3339"}) {
    CHECK(at(form, "then").empty());
  }
  CHECK(at("unix_s", "9223372036854775807").empty());
}

TEST_CASE("times are trimmed", "[protocol]") {
  CHECK(Read("1:metric:m,2:time:unix_ms", "1,1234567", 1000).lines ==
        Lines{"m 1234000 1"});
}

TEST_CASE("quoted fields have commas and quotes", "[protocol]") {
  const Result r = Read("1:label:l,2:metric:m",
                        "\"a,\"\"b\"\"\",\"2\"\n\"\",3\n\"open,4\n\"x\"y,5\n");
  CHECK(r.lines == Lines{R"(m{l="a,"b""} 777 2)", "m 777 3"});
  CHECK(r.bad == 2);
}

TEST_CASE("empty values are no samples, titles and short lines are bad",
          "[protocol]") {
  const Result r = Read("1:label:l,2:metric:a,3:metric:b",
                        "label,first,second\nx,,2\ny,,\n\nz\nw,5\nv,1,no\n");
  CHECK(r.lines == Lines{R"(b{l="x"} 777 2)", R"(a{l="w"} 777 5)"});
  CHECK(r.bad == 4);  // y has no last column
  CHECK(r.error == "line 1: a value is not a number");
}

TEST_CASE("a bad format names its entry", "[protocol]") {
  const auto error = [](std::string_view format) {
    const auto columns = CsvColumns::Parse(format);
    REQUIRE(absl::IsInvalidArgument(columns.status()));
    return std::string(base::Message(columns.status()));
  };
  CHECK(error("1:label:a") == "format: there is no column of a metric");
  CHECK(error("1:metric:a,1:label:b") == "format: column 1 is named twice");
  CHECK(error("1:time:unix_s,2:time:unix_s,3:metric:a") ==
        "format: there are two columns of times");
  CHECK(error("1:metric").find("\"1:metric\"") != std::string::npos);
  for (const char* bad : {"", "a:metric:b", "0:metric:a", "65537:metric:a",
                          "-1:metric:a", "1:metric:", "1:label:,2:metric:a",
                          "1:other:a", "1:time:hours,2:metric:a",
                          "1:time:custom:,2:metric:a",
                          "1:time:custom:002 2006,2:metric:a",
                          "1:metric:a,,2:label:b"}) {
    CHECK_FALSE(error(bad).empty());
  }
}

TEST_CASE("CSV: many values under long labels do not take all the memory",
          "[protocol]") {
  std::string format = "1:label:l";
  std::string line = std::string(100'000, 'x');
  for (int i = 2; i < 1'000; ++i) {
    base::StrAppend(&format, ",", i, ":metric:m");
    line += ",1";
  }
  const std::string text = line + "\nx,1\n";
  const auto columns = CsvColumns::Parse(format);
  REQUIRE(columns.ok());
  CsvReader reader(text, *columns, 777);
  SampleBatch batch;
  CHECK_FALSE(reader.Next(batch, SIZE_MAX));
  CHECK(batch.series.size() == 1);
  CHECK(reader.first_error() ==
        "line 1: its values times its labels exceed 33554432 bytes");
}

TEST_CASE("CSV that is damaged neither crashes nor loops", "[protocol]") {
  const std::string text = "\"a,\"\"b\",1.5,1700000000,x\nc,NaN,,y\n";
  std::mt19937_64 random(3);
  for (int i = 0; i < 5000; ++i) {
    std::string damaged = text;
    for (int n = 0; n < 4; ++n) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    Read("1:label:l,2:metric:m,3:time:unix_s,4:label:k", damaged);
  }
}

}  // namespace
}  // namespace varve::protocol

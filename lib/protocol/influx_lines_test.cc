#include "lib/protocol/influx_lines.h"

#include <catch2/catch.hpp>

#include "lib/protocol/read_lines.h"

namespace varve::protocol {
namespace {

constexpr int64_t kNowMs = 1'700'000'123'456;

ReadResult Read(std::string_view text, const InfluxNaming& naming = {},
                InfluxPrecision precision = InfluxPrecision::kDetected,
                std::string_view db = "", int64_t line_bytes_max = 1'000) {
  return ReadAll(InfluxLinesReader(text, naming, precision, db, kNowMs,
                                   line_bytes_max));
}

// From the InfluxDB 1.8 line protocol reference.
TEST_CASE("influx: the reference's examples are read", "[protocol]") {
  const ReadResult r = Read(
      "weather,location=us-midwest temperature=82 1465839830100400200\n"
      "weather,location=us-midwest temperature=82,humidity=71 "
      "1465839830100400200\n"
      "weather temperature=82 1465839830100400200\n"
      "weather,location=us-midwest temperature=82i 1465839830100400200\n"
      "weather,location=us-midwest temperature=true 1465839830100400200\n"
      "weather,location\\ place=us-midwest temperature=82 "
      "1465839830100400200\n"
      "wea\\,ther,location=us\\,midwest temp\\=rature=82 "
      "1465839830100400200\n");
  CHECK(r.rows == Rows{
      "weather_temperature{location=\"us-midwest\"} 1465839830100 82",
      "weather_temperature{location=\"us-midwest\"} 1465839830100 82",
      "weather_humidity{location=\"us-midwest\"} 1465839830100 71",
      "weather_temperature 1465839830100 82",
      "weather_temperature{location=\"us-midwest\"} 1465839830100 82",
      "weather_temperature{location=\"us-midwest\"} 1465839830100 1",
      "weather_temperature{location place=\"us-midwest\"} 1465839830100 82",
      "wea,ther_temp=rature{location=\"us,midwest\"} 1465839830100 82"});
  CHECK(r.bad == 0);
}

TEST_CASE("influx: plain series are named by their own text", "[protocol]") {
  const std::string_view text =
      "m,b=1,a=x=y,c=,a=2,__name__=q v=1,w=2 1\n"
      "m,b=1,a=x=y,c=,a=2,__name__=q   v=3 1\n"
      "m,b=1,a=\\2 v=4 1\n,b=1 v=5 1\nm,b v=6 1\nm,,b=1 v=7 1\n"
      "m,b=1 s=\"no number\",v=8 1\n";
  const InfluxNaming naming;
  InfluxLinesReader reader(text, naming, InfluxPrecision::kDetected, "x", 1);
  SampleBatch batch;
  CHECK_FALSE(reader.Next(batch, SIZE_MAX));
  REQUIRE(batch.series.size() == 6);
  const auto identity = [&](size_t i) { return batch.series[i].identity; };
  CHECK(identity(0) == "m,b=1,a=x=y,c=,a=2,__name__=q v");
  CHECK(identity(0).data() == text.data());  // not copied
  CHECK(identity(1) == "m,b=1,a=x=y,c=,a=2,__name__=q w");
  CHECK(identity(3).front() == kCanonicalMark);
  Rows rows;
  AddRows(batch, rows);
  CHECK(rows == Rows{R"(m_v{a="2", b="1", db="x"} 1000 1)",
                     R"(m_w{a="2", b="1", db="x"} 1000 2)",
                     R"(m_v{a="2", b="1", db="x"} 1000 3)",
                     R"(m_v{a="\2", b="1", db="x"} 1000 4)",
                     R"(v{b="1", db="x"} 1000 5)",
                     R"(m_v{b="1", db="x"} 1000 8)"});
  CHECK(reader.bad_lines() == 2);
}

TEST_CASE("influx: every kind of field is a number; texts are left out",
          "[protocol]") {
  const ReadResult r = Read(
      "m f=1.5e3,i=-7i,u=18446744073709551615u,t=T,n=False,s=\"12.5\","
      "x=\"a, b=c \\\" d\",y=\"\",inf=+Inf 1\n");
  CHECK(r.rows == Rows{"m_f 1000 1500", "m_i 1000 -7",
                       "m_u 1000 1.84467e+19", "m_t 1000 1",
                       "m_n 1000 0", "m_s 1000 12.5", "m_inf 1000 inf"});
  CHECK(r.bad == 0);
}

TEST_CASE("influx: the size of a timestamp tells its unit", "[protocol]") {
  const ReadResult r = Read(
      "m v=1 1700000000\nm v=2 1700000000001\nm v=3 1700000000002000\n"
      "m v=4 1700000000003000000\nm v=5\nm v=6 0\nm v=7 \n");
  CHECK(r.rows ==
        Rows{"m_v 1700000000000 1", "m_v 1700000000001 2",
             "m_v 1700000000002 3", "m_v 1700000000003 4",
             "m_v 1700000123456 5", "m_v 1700000123456 6",
             "m_v 1700000123456 7"});
}

TEST_CASE("influx: a precision sets the unit and that of missing timestamps",
          "[protocol]") {
  const auto rows = [](std::string_view precision) {
    return Read("m v=1 7000000\nm v=2", {}, ParseInfluxPrecision(precision))
        .rows;
  };
  CHECK(rows("ns") == Rows{"m_v 7 1", "m_v 1700000123456 2"});
  CHECK(rows("u") == Rows{"m_v 7000 1", "m_v 1700000123456 2"});
  CHECK(rows("ms") == Rows{"m_v 7000000 1", "m_v 1700000123456 2"});
  CHECK(rows("s") == Rows{"m_v 7000000000 1", "m_v 1700000123000 2"});
  CHECK(rows("m") == Rows{"m_v 420000000000 1", "m_v 1700000100000 2"});
  CHECK(rows("h") == Rows{"m_v 25200000000000 1", "m_v 1699999200000 2"});
  CHECK(ParseInfluxPrecision("fortnight") == InfluxPrecision::kDetected);
}

TEST_CASE("influx: names follow the flags", "[protocol]") {
  const std::string_view text = "m,t=a x=1,y=2 1\nm,t=a x=3 1\n,t=a x=4 1";
  CHECK(Read(text, {.separator = "::"}).rows ==
        Rows{"m::x{t=\"a\"} 1000 1", "m::y{t=\"a\"} 1000 2",
             "m::x{t=\"a\"} 1000 3", "x{t=\"a\"} 1000 4"});
  CHECK(Read(text, {.skip_single_field = true}).rows ==
        Rows{"m_x{t=\"a\"} 1000 1", "m_y{t=\"a\"} 1000 2",
             "m{t=\"a\"} 1000 3", "x{t=\"a\"} 1000 4"});
  CHECK(Read(text, {.skip_single_field = true, .skip_measurement = true})
            .rows == Rows{"x{t=\"a\"} 1000 1", "y{t=\"a\"} 1000 2",
                          "x{t=\"a\"} 1000 3", "x{t=\"a\"} 1000 4"});
  CHECK(Read("m v=1 1234", {.trim_ms = 1'000'000}).rows ==
        Rows{"m_v 1000000 1"});
}

TEST_CASE("influx: db is a label of lines that have none", "[protocol]") {
  const std::string_view text = "m v=1 1\nm,db=own v=2 1";
  constexpr auto kDetected = InfluxPrecision::kDetected;
  CHECK(Read(text, {}, kDetected, "telegraf").rows ==
        Rows{"m_v{db=\"telegraf\"} 1000 1", "m_v{db=\"own\"} 1000 2"});
  CHECK(Read(text, {.db_label = "from"}, kDetected, "telegraf").rows ==
        Rows{"m_v{from=\"telegraf\"} 1000 1",
             "m_v{db=\"own\", from=\"telegraf\"} 1000 2"});
}

TEST_CASE("influx: tags are sorted around the name, the last of a name counts",
          "[protocol]") {
  CHECK(Read("m,b=1,A=2,z=,b=3,__name__=x,é=4 v=1 1").rows ==
        Rows{"m_v{A=\"2\", b=\"3\", é=\"4\"} 1000 1"});
}

TEST_CASE("influx: backslashes before other bytes stay", "[protocol]") {
  CHECK(Read(R"(m\x,p=c:\\d\e v=1 1)").rows ==
        Rows{R"(m\x_v{p="c:\d\e"} 1000 1)"});
  CHECK(Read("m,t=a\\\\ v=1 1").rows == Rows{R"(m_v{t="a\"} 1000 1)"});
}

TEST_CASE("influx: bad lines are skipped and counted, the good ones stay",
          "[protocol]") {
  const ReadResult r = Read(
      "# a comment\n\nm v=1 1\nm\nm \nm v\nm v= 1\nm v=x 1\nm,t v=1 1\n"
      "m,t=a,=b v=1 1\nm =1\nm v=1,\nm v=\"a\nm v=\"a\"b 1\nm v=1 soon\n"
      "m v=1 1 1\nm v=9999999999999999999i\nm v=1.5i\nm v=1 9223372036854775808"
      "\nm v=2 2\r\nGET / HTTP/1.1\n" +
      std::string(1'001, 'x') + "\nm v=3 3");
  CHECK(r.rows == Rows{"m_v 1000 1", "m_v{t=\"a\"} 1000 1", "m_v 2000 2",
                       "m_v 3000 3"});
  CHECK(r.bad == 17);
  CHECK(r.error == "line 4: no fields");
}

TEST_CASE("influx: many fields under long names do not take all the memory",
          "[protocol]") {
  for (const std::string start : {"m,t=", "m"}) {
    std::string line = start + std::string(100'000, 'x') + " f=1";
    for (int i = 0; i < 1'000; ++i) line += ",f=1";
    const ReadResult r = ReadAll(InfluxLinesReader(
        line, {}, InfluxPrecision::kDetected, "", kNowMs));
    CHECK(r.rows.empty());
    CHECK(r.error ==
          "line 1: its fields times its name and tags exceed 33554432 bytes");
  }
  // ?db= is a label of each.
  std::string fields = "m f=1";
  for (int i = 0; i < 10'000; ++i) fields += ",f=1";
  const std::string db(4'096, 'x');
  CHECK(ReadAll(InfluxLinesReader(fields, {}, InfluxPrecision::kDetected, db,
                                  kNowMs))
            .rows.empty());

  std::string text;
  for (int i = 0; i < 40; ++i) {
    text += "m,t=" + std::string(10'000, 'x') + " f=1";
    for (int j = 0; j < 99; ++j) text += ",f=1";
    text += "\n";
  }
  const InfluxNaming naming;
  InfluxLinesReader reader(text, naming, InfluxPrecision::kDetected, "",
                           kNowMs);
  SampleBatch batch;
  REQUIRE(reader.Next(batch, SIZE_MAX));  // 40 MB of names are not one batch
  CHECK(batch.arena.bytes() < 18'000'000);
}

TEST_CASE("influx: cut anywhere and with any byte changed, reading ends",
          "[protocol]") {
  const std::string text = R"(m\ a,t=a\,b,u=c v="x y",w=1i,x=2.5 17)";
  for (size_t keep = 0; keep < text.size(); ++keep) {
    (void)Read(std::string_view(text).substr(0, keep));
    for (int c = 0; c < 256; ++c) {
      std::string changed = text;
      changed[keep] = static_cast<char>(c);
      (void)Read(changed);
    }
  }
}

}  // namespace
}  // namespace varve::protocol

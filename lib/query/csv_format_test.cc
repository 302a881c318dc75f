#include "lib/query/csv_format.h"

#include <catch2/catch.hpp>

#include "lib/base/status.h"

namespace varve::query {
namespace {

std::string Csv(std::string_view format) {
  cluster::MergedSeries series;
  series.labels = model::LabelSet{{"__name__", "up"}, {"job", "a,\"b\"\n"}};
  series.samples.push_back(1'795'167'840'250, 0.5);
  series.samples.push_back(1'795'167'900'000, 7);
  const auto parsed = CsvFormat::Parse(format);
  if (!parsed.ok()) return std::string(base::Message(parsed.status()));
  std::string out;
  parsed->Append(out, series, 0, series.samples.size());
  return out;
}

TEST_CASE("samples are lines of the columns asked for", "[query]") {
  CHECK(Csv("__name__,none,__value__,__timestamp__") ==
        "up,,0.5,1795167840\nup,,7,1795167900\n");
  CHECK(Csv("__timestamp__:unix_ms") == "1795167840250\n1795167900000\n");
  CHECK(Csv("__timestamp__:unix_ns,__value__") ==
        "1795167840250000000,0.5\n1795167900000000000,7\n");
  CHECK(Csv("__timestamp__:rfc3339").starts_with(
      "2026-11-20T09:44:00.250Z\n"));
  CHECK(Csv("__timestamp__:custom:%Y/%m").starts_with("2026/11\n"));
}

TEST_CASE("fields that would break a line are quoted", "[query]") {
  CHECK(Csv("job").starts_with("\"a,\"\"b\"\"\n\"\n"));
}

TEST_CASE("a bad format is told with its column", "[query]") {
  CHECK(Csv("") == "missing `format` arg");
  CHECK(Csv("a,,b").find("empty column") != std::string::npos);
  CHECK(Csv("__timestamp__:x").find("__timestamp__:x") != std::string::npos);
}

TEST_CASE("a layout of the calendar has at most 256 bytes", "[query]") {
  const auto parses = [](size_t bytes) {
    return CsvFormat::Parse("__timestamp__:custom:" + std::string(bytes, 'x'))
        .ok();
  };
  CHECK(parses(256));
  CHECK_FALSE(parses(257));
}

}  // namespace
}  // namespace varve::query

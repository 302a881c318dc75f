#include "lib/ingest/tenant_limits_file.h"

#include <catch2/catch.hpp>

#include "lib/base/hash.h"
#include "lib/base/status.h"

namespace varve::ingest {
namespace {

TenantLimitsFile Parsed(std::string_view yaml) {
  const auto file = ParseTenantLimits(yaml, {});
  INFO(base::Message(file.status()));
  REQUIRE(file.ok());
  return *file;
}

std::string ErrorOf(std::string_view yaml) {
  const auto file = ParseTenantLimits(yaml, {});
  REQUIRE_FALSE(file.ok());
  return std::string(base::Message(file.status()));
}

TEST_CASE("overrides go over the defaults, those over the flags", "[ingest]") {
  const TenantLimitsFile file = Parsed(R"(
overrides:
  42:7: {ingestion_rate: 500, max_label_value_length: 10}
  "43": {ingestion_rate: 0}
  team-a:
    max_active_series: 1000
    max_request_bytes: 1048576
  empty:
defaults:
  ingestion_rate: 1e5
  ingestion_burst_size: 200000
  max_label_names_per_series: 30
  max_label_name_length: 100
)");
  CHECK(file.defaults.ingestion_rate == 100'000);
  CHECK(file.defaults.ingestion_burst_size == 200'000);
  CHECK(file.defaults.series.labels_max == 30);
  CHECK(file.defaults.series.labels_max_name == kLabelsMaxKey);
  CHECK(file.defaults.series.label_value_bytes_max == 4096);
  CHECK(file.defaults.series.label_value_max_name == "-maxLabelValueLen");
  REQUIRE(file.overrides.size() == 4);
  const auto& one = file.overrides.at(model::TenantId::Numeric(42, 7));
  CHECK(one.ingestion_rate == 500);
  CHECK(one.ingestion_burst_size == 200'000);
  CHECK(one.series.label_value_bytes_max == 10);
  CHECK(one.series.label_value_max_name == kLabelValueMaxKey);
  CHECK(one.series.labels_max == 30);
  CHECK(file.overrides.at(model::TenantId::Numeric(43, 0)).ingestion_rate == 0);
  const model::TenantId team = {.kind = 1, .id = base::Hash64Of("team-a")};
  CHECK(file.overrides.at(team).series.active_series_max == 1000);
  CHECK(file.overrides.at(team).request_bytes_max == 1 << 20);
  CHECK(file.names.at(team) == "team-a");
  const model::TenantId empty = {.kind = 1, .id = base::Hash64Of("empty")};
  CHECK(file.overrides.at(empty) == file.defaults);
}

TEST_CASE("an empty file is the flags", "[ingest]") {
  TenantLimit flags;
  flags.series.labels_max = 7;
  for (const char* yaml : {"", "# nothing\n", "defaults:\noverrides:\n"}) {
    const auto file = ParseTenantLimits(yaml, flags);
    REQUIRE(file.ok());
    CHECK(file->defaults == flags);
    CHECK(file->overrides.empty());
  }
}

TEST_CASE("what is wrong is told with its place", "[ingest]") {
  CHECK(ErrorOf("defaults: {ingestion_rat: 5}") ==
        "line 1, column 27: unknown limit \"ingestion_rat\"");
  CHECK(ErrorOf("default: {}") ==
        "line 1, column 1: unknown key \"default\"; defaults and overrides "
        "are known");
  CHECK(ErrorOf("defaults:\n  ingestion_rate: fast\n") ==
        "line 2, column 19: ingestion_rate must be a number");
  CHECK(ErrorOf("defaults: {ingestion_rate: -1}").find("not within 0 and") !=
        std::string::npos);
  CHECK(ErrorOf("defaults: {ingestion_rate: .nan}").find("not within") !=
        std::string::npos);
  CHECK(ErrorOf("defaults: {max_active_series: 1.5}")
            .find("must be a whole number") != std::string::npos);
  CHECK(ErrorOf("defaults: {max_label_name_length: 0}").find("not within 1") !=
        std::string::npos);
  CHECK(ErrorOf("defaults: {ingestion_rate: [1]}").find("must be a number") !=
        std::string::npos);
  CHECK(ErrorOf("overrides: [a]").find("must be a mapping") !=
        std::string::npos);
  CHECK(ErrorOf("overrides: {a: 5}").find("must be a mapping") !=
        std::string::npos);
  CHECK(ErrorOf("just text").find("a mapping of defaults") !=
        std::string::npos);
  CHECK(ErrorOf("a: [1").find("it is not YAML: ") == 0);
  CHECK(ErrorOf("overrides: {\"1:2:3\": {}}").find("line 1") == 0);
  CHECK(ErrorOf("overrides: {4294967296: {}}").find("line 1") == 0);
}

TEST_CASE("a key that stands twice is an error", "[ingest]") {
  CHECK(ErrorOf("defaults: {ingestion_rate: 5, ingestion_rate: 6}")
            .find("\"ingestion_rate\" stands twice") != std::string::npos);
  CHECK(ErrorOf("overrides:\n  a: {}\n  a: {}\n")
            .find("line 3, column 3: \"a\" stands twice") == 0);
  CHECK(ErrorOf("overrides:\n  42: {}\n  42:0: {}\n")
            .find("tenant 42:0 stands twice") != std::string::npos);
}

}  // namespace
}  // namespace varve::ingest

#include "lib/ingest/upper_level_series.h"

#include <catch2/catch.hpp>
#include <string>

namespace varve::ingest {
namespace {

constexpr int64_t kPeriodMs = 600'000;

std::string Labels(const std::string& name) {
  std::string bytes;
  model::AppendCanonicalBytes(bytes, model::LabelSet{{"__name__", name}});
  return bytes;
}

struct Table {
  explicit Table(int64_t bytes_max = 1 << 20) : series(bytes_max, clock) {}
  absl::StatusOr<UpperLevelSeries::Defined> Define(
      std::string_view labels, const model::TenantId& tenant = {}) {
    const UpperLevelSeries::Definition one = {tenant, labels};
    std::vector<UpperLevelSeries::Defined> defined;
    const absl::Status status = series.Define({&one, 1}, defined);
    if (!status.ok()) return status;
    return defined[0];
  }
  bool Find(uint64_t ref, std::string* labels = nullptr,
            const model::TenantId& tenant = {}) {
    protocol::Arena arena;
    std::vector<std::string_view> found;
    if (!series.LabelsOf(tenant, {&ref, 1}, arena, found)) return false;
    if (labels != nullptr) *labels = found[0];
    return true;
  }
  base::ManualClock clock{1'000'000};
  UpperLevelSeries series;
};

TEST_CASE("a series of the level above has one ref and its tenant's labels",
          "[ingest]") {
  Table table;
  const auto up = table.Define(Labels("up"));
  REQUIRE(up.ok());
  CHECK(up->ref == 1);
  CHECK(table.Define(Labels("up"))->ref == 1);
  const model::TenantId other = model::TenantId::Numeric(1, 0);
  CHECK(table.Define(Labels("up"), other)->ref == 2);
  std::string labels;
  REQUIRE(table.Find(1, &labels));
  CHECK(labels == Labels("up"));
  CHECK(table.Find(2, &labels, other));
  CHECK_FALSE(table.Find(2));
  CHECK_FALSE(table.Find(3));
  CHECK_FALSE(table.Find(0));
  CHECK(table.series.size() == 2);
}

TEST_CASE("labels that are not canonical are refused one by one",
          "[ingest]") {
  Table table;
  for (const std::string& bad : {std::string(), Labels("up") + "x",
                                 Labels("up") + Labels("up")}) {
    const auto defined = table.Define(bad);
    REQUIRE(defined.ok());
    CHECK(defined->refused == model::Refusal::kInvalidLabels);
    CHECK(defined->ref == 0);
  }
  CHECK(table.series.bytes() == 0);
}

TEST_CASE("of too many series the ones unused for long make room",
          "[ingest]") {
  Table table(10'000);
  int defined = 0;
  while (table.Define(Labels(std::to_string(defined))).ok()) ++defined;
  REQUIRE(defined > 20);
  CHECK(table.series.bytes() >= 10'000);
  // Those of now are never dropped, and known ones not asked for are refused.
  CHECK(table.Find(1));
  const auto status = table.Define(Labels("one more")).status();
  CHECK(absl::IsResourceExhausted(status));
  table.clock.Advance(2 * kPeriodMs);
  REQUIRE(table.Find(7));
  const auto after = table.Define(Labels("one more"));
  REQUIRE(after.ok());
  CHECK(after->ref == static_cast<uint64_t>(defined) + 1);
  CHECK(table.series.size() == 2);
  CHECK(table.Find(7));
  CHECK_FALSE(table.Find(1));
  // A ref is not given again.
  CHECK(table.Define(Labels("0"))->ref == after->ref + 1);
}

}  // namespace
}  // namespace varve::ingest

#include "lib/ingest/tenant_limits.h"

#include <catch2/catch.hpp>

#include "lib/base/status.h"

namespace varve::ingest {
namespace {

const model::TenantId kOne = model::TenantId::Numeric(42, 7);
const model::TenantId kOther = model::TenantId::Numeric(1, 0);

struct Limits {
  base::ManualClock clock{1'000'000};
  telemetry::Metrics metrics{"vminsert", nullptr};
  TenantLimits limits{{}, [](uint16_t owner) { return 10 * owner; }, &metrics,
                      &clock};

  std::vector<uint16_t> Load(std::string_view yaml) {
    const auto owners = limits.Load(yaml);
    REQUIRE(owners.ok());
    return *owners;
  }
  absl::Status Take(const model::TenantId& tenant, int64_t rows) {
    return limits.Take(limits.Of(tenant), rows, false);
  }
};

TEST_CASE("a tenant over its rate is told when its request fits", "[ingest]") {
  Limits test;
  test.Load("overrides: {42:7: {ingestion_rate: 100, "
            "ingestion_burst_size: 500}}");
  CHECK(test.Take(kOne, 400).ok());
  const absl::Status over = test.Take(kOne, 250);
  CHECK(RetryAfterSeconds(over) == 2);  // 150 are too many
  CHECK(base::Message(over) ==
        "tenant 42:7 is over its ingestion rate: a request of 250 samples does "
        "not fit into 100 samples/s with a burst of 500 (ingestion_rate, "
        "ingestion_burst_size of -insert.tenantLimits); nothing of it is "
        "stored, it fits in 2 s");
  CHECK(test.limits.Admit(test.limits.Of(kOne)).ok());
  CHECK(test.Take(kOne, 100).ok());
  // Nothing fits: its body is not even read, and the wait is for a request
  // like the last one.
  const absl::Status none = test.limits.Admit(test.limits.Of(kOne));
  CHECK(RetryAfterSeconds(none) == 1);
  CHECK(test.limits.Of(kOne).use->refused_requests->value() == 2);
  CHECK(test.Take(kOther, 1'000'000'000).ok());
  test.clock.Advance(1'000);
  CHECK(test.Take(kOne, 100).ok());
}

TEST_CASE("batches after the first are charged without asking", "[ingest]") {
  Limits test;
  test.Load("defaults: {ingestion_rate: 100, ingestion_burst_size: 500}");
  const TenantNow tenant = test.limits.Of(kOne);
  CHECK(test.limits.Take(tenant, 500, false).ok());
  CHECK(test.limits.Take(tenant, 500, true).ok());
  CHECK(RetryAfterSeconds(test.limits.Admit(tenant)) == 10);
}

TEST_CASE("a burst is ten seconds' worth where the file says nothing",
          "[ingest]") {
  Limits test;
  test.Load("defaults: {ingestion_rate: 100}");
  CHECK(test.Take(kOne, 1'000).ok());
  CHECK_FALSE(test.Take(kOne, 1).ok());
}

TEST_CASE("a reload holds for tenants that are known", "[ingest]") {
  Limits test;
  const TenantNow before = test.limits.Of(kOne);
  CHECK(test.Take(kOne, 1'000'000).ok());
  CHECK(test.Load("defaults: {ingestion_rate: 1, max_active_series: 5}")
            .empty());
  CHECK(before.limit->ingestion_rate == 0);  // of a request under way
  CHECK(test.limits.Of(kOne).labels_generation == before.labels_generation);
  CHECK(test.limits.Of(kOne).limit->series.active_series_max == 5);
  CHECK(test.Load("overrides: {42:7: {max_label_names_per_series: 9}}") ==
        std::vector<uint16_t>{before.use->owner});
  CHECK(test.limits.Of(kOne).labels_generation != before.labels_generation);
  CHECK_FALSE(test.limits.Load("nonsense").ok());
  CHECK(test.limits.Of(kOne).limit->series.labels_max == 9);
}

TEST_CASE("what is counted of a tenant is in the metrics", "[ingest]") {
  Limits test;
  const TenantNow tenant = test.limits.Of(kOne);
  test.limits.CountIgnored(tenant, Rejection::kTooManyLabels, 3);
  test.limits.CountIgnored(tenant, Rejection::kTooManyLabels, 4);
  const std::string text = test.metrics.Text();
  CAPTURE(text);
  for (const char* line :
       {"varve_tenant_rows_ignored_total{accountID=\"42\",projectID=\"7\","
        "reason=\"too_many_labels\"} 7\n",
        "varve_tenant_active_series{accountID=\"42\",projectID=\"7\"} 10\n",
        "varve_tenant_requests_over_rate_total{accountID=\"42\","
        "projectID=\"7\"} 0\n"}) {
    CAPTURE(line);
    CHECK(text.find(line) != std::string::npos);
  }
}

TEST_CASE("tenants above the bound share what is left", "[ingest]") {
  Limits test;
  test.Load("defaults: {ingestion_rate: 100, ingestion_burst_size: 500}");
  for (uint32_t i = 0; i < kSeriesOwnersMax + 5; ++i) {
    (void)test.limits.Of(model::TenantId::Numeric(i, 1));
  }
  const auto late = model::TenantId::Numeric(1'000'000, 0);
  CHECK(test.limits.Of(late).use->owner == 0);
  CHECK(test.Take(late, 500).ok());
  CHECK_FALSE(test.Take(model::TenantId::Numeric(1'000'001, 0), 1).ok());
  CHECK(test.Take(model::TenantId::Numeric(5, 1), 500).ok());
  // What the file says of one tenant holds all the same.
  const uint32_t before = test.limits.Of(late).labels_generation;
  test.Load("defaults: {ingestion_rate: 100, ingestion_burst_size: 500}\n"
            "overrides: {1000000: {ingestion_rate: 1, "
            "ingestion_burst_size: 900, max_label_names_per_series: 9}}");
  CHECK(test.limits.Of(late).use->owner == 0);
  CHECK(test.limits.Of(late).labels_generation != before);
  CHECK(test.limits.Of(late).limit->series.labels_max == 9);
  CHECK(test.Take(late, 900).ok());
  CHECK_FALSE(test.Take(late, 1).ok());
}

TEST_CASE("tenants of the file are under the bound, whoever comes first",
          "[ingest]") {
  Limits test;
  test.Load("overrides: {1000000: {max_active_series: 5}}");
  for (uint32_t i = 0; i < kSeriesOwnersMax + 5; ++i) {
    (void)test.limits.Of(model::TenantId::Numeric(i, 1));
  }
  const TenantNow named =
      test.limits.Of(model::TenantId::Numeric(1'000'000, 0));
  CHECK(named.use->owner != 0);
  CHECK(named.limit->series.active_series_max == 5);
}

TEST_CASE("what others send in a tenant's name makes a debt of a burst",
          "[ingest]") {
  Limits test;
  test.Load("defaults: {ingestion_rate: 100, ingestion_burst_size: 500}");
  test.limits.ChargeForOthers(test.limits.Of(kOne), 1'000'000);
  CHECK(RetryAfterSeconds(test.limits.Admit(test.limits.Of(kOne))) == 6);
}

}  // namespace
}  // namespace varve::ingest

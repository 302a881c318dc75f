#include "lib/ingest/metadata_share.h"

#include <catch2/catch.hpp>
#include <string>

namespace varve::ingest {
namespace {

using Metadata = std::vector<model::MetricMetadata>;
using model::TenantId;

const Metadata kOne = {{.metric = "up", .help = "is up"}};

TakenMetadata Unnamed(Metadata entries) {
  const size_t count = entries.size();
  return {.entries = std::move(entries), .unnamed = count, .runs = {}};
}

std::vector<cluster::SeriesRows> RowsOf(uint32_t accounts) {
  std::vector<cluster::SeriesRows> rows(2 * accounts);
  for (uint32_t i = 0; i < rows.size(); ++i) {
    rows[i].tenant = TenantId::Numeric(i % accounts, 0);
  }
  return rows;
}

TEST_CASE("metadata with a text over the limit is counted, not taken",
          "[ingest]") {
  telemetry::Metrics metrics("vminsert", nullptr);
  const MetadataShare share(metrics);
  const std::string fits(8, 'x');
  const std::string long_text(9, 'x');
  TakenMetadata taken = Unnamed(kOne);
  protocol::SampleBatch batch;
  batch.metadata = {{.metric = fits, .help = fits, .unit = fits},
                    {.metric = long_text},
                    {.help = long_text},
                    {.unit = long_text}};
  share.Take(batch, 8, taken);
  REQUIRE(taken.entries.size() == 1);
  CHECK(taken.unnamed == 1);
  CHECK(taken.entries[0].unit == fits);
  CHECK(metrics
            .AddCounter("vm_rows_ignored_total",
                        {{"reason", "too_long_metric_metadata_value"}})
            .value() == 3);
}

TEST_CASE("metadata is for the request's tenant, or for those of its series",
          "[ingest]") {
  std::vector<cluster::MetadataRows> shared;
  const InsertTenant one{.tenant = {TenantId::Numeric(7, 8), ""}};
  const auto rows = RowsOf(3);
  CHECK(MetadataShare::Share(Unnamed(kOne), one, rows, shared) == 0);
  REQUIRE(shared.size() == 1);
  CHECK(shared[0].tenant == TenantId::Numeric(7, 8));

  const InsertTenant in_labels{.tenant = {}, .in_labels = true};
  CHECK(MetadataShare::Share(Unnamed(kOne), in_labels, rows, shared) == 0);
  REQUIRE(shared.size() == 3);
  for (uint32_t i = 0; i < 3; ++i) {
    CHECK(shared[i].tenant == TenantId::Numeric(i, 0));
    CHECK(shared[i].metadata.size() == 1);
  }
  CHECK(MetadataShare::Share(Unnamed(kOne), in_labels, {}, shared) == 0);
  REQUIRE(shared.size() == 1);
  CHECK(shared[0].tenant == TenantId());
  CHECK(MetadataShare::Share(Unnamed({}), in_labels, rows, shared) == 0);
  CHECK(shared.empty());
}

TEST_CASE("metadata that names its tenant is for that one alone", "[ingest]") {
  telemetry::Metrics metrics("vminsert", nullptr);
  const MetadataShare share(metrics);
  const TenantId five = TenantId::Numeric(5, 1), six = TenantId::Numeric(6, 2);
  protocol::SampleBatch batch;
  batch.metadata = {{.metric = "a"}, {.metric = "b"}, {.metric = "c"},
                    {.metric = "d"}, {.metric = "e"}};
  batch.metadata_tenants = {six, std::nullopt, five, six};
  TakenMetadata taken;
  share.Take(batch, 100, taken);
  std::vector<cluster::MetadataRows> shared;
  const InsertTenant in_labels{.tenant = {}, .in_labels = true};
  const auto names = [](const cluster::MetadataRows& rows) {
    std::string all;
    for (const auto& one : rows.metadata) all += one.metric;
    return all;
  };
  CHECK(MetadataShare::Share(taken, in_labels, RowsOf(1), shared) == 0);
  REQUIRE(shared.size() == 3);
  CHECK(shared[0].tenant == five);
  CHECK(names(shared[0]) == "c");
  CHECK(shared[1].tenant == six);
  CHECK(names(shared[1]) == "ad");
  CHECK(shared[2].tenant == TenantId());
  CHECK(names(shared[2]) == "be");
  // A tenant of the path is the tenant of all.
  const InsertTenant one{.tenant = {TenantId::Numeric(7, 8), ""}};
  CHECK(MetadataShare::Share(taken, one, RowsOf(1), shared) == 0);
  REQUIRE(shared.size() == 1);
  CHECK(shared[0].tenant == TenantId::Numeric(7, 8));
  CHECK(shared[0].metadata.size() == 5);
}

TEST_CASE("metadata of too many tenants is left out for the last of them",
          "[ingest]") {
  std::vector<cluster::MetadataRows> shared;
  const Metadata large = {{.help = std::string(1 << 20, 'x')}, {}};
  const InsertTenant in_labels{.tenant = {}, .in_labels = true};
  CHECK(MetadataShare::Share(Unnamed(large), in_labels, RowsOf(20), shared) == 10);
  CHECK(shared.size() == 15);
}

}  // namespace
}  // namespace varve::ingest

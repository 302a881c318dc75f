#include "lib/ingest/tenant_labels.h"

#include <catch2/catch.hpp>

namespace varve::ingest {
namespace {

using model::TenantId;
using Labels = std::vector<model::Label>;

TEST_CASE("labels say whose a series is and are taken out", "[ingest]") {
  Labels labels = {{"__name__", "up"},
                   {"vm_account_id", "5"},
                   {"job", "a"},
                   {"vm_project_id", "7"}};
  CHECK(TakeTenantLabels(labels) == TenantId::Numeric(5, 7));
  CHECK(labels == Labels{{"__name__", "up"}, {"job", "a"}});
  CHECK(TakeTenantLabels(labels) == TenantId::Numeric(0, 0));
}

TEST_CASE("the older names count where the newer are missing, and stay",
          "[ingest]") {
  const Labels older = {{"VictoriaMetrics_AccountID", "5"},
                        {"VictoriaMetrics_ProjectID", "7"}};
  Labels labels = older;
  CHECK(TakeTenantLabels(labels) == TenantId::Numeric(5, 7));
  CHECK(labels == older);
  labels.push_back({"vm_project_id", "9"});
  CHECK(TakeTenantLabels(labels) == TenantId::Numeric(5, 9));
  CHECK(labels == older);
}

TEST_CASE("what is no number below 2^32 is 0", "[ingest]") {
  for (const char* bad : {"", "-1", "+1", "1.0", "0x1", " 1", "4294967296",
                          "99999999999999999999", "a"}) {
    CAPTURE(bad);
    Labels labels = {{"vm_account_id", bad}, {"vm_project_id", "3"}};
    CHECK(TakeTenantLabels(labels) == TenantId::Numeric(0, 3));
    CHECK(labels.empty());
  }
  Labels largest = {{"vm_account_id", "4294967295"}};
  CHECK(TakeTenantLabels(largest) == TenantId::Numeric(4294967295, 0));
}

}  // namespace
}  // namespace varve::ingest

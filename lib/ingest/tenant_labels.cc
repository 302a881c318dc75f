#include "lib/ingest/tenant_labels.h"

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace varve::ingest {
namespace {

uint32_t NumberIn(std::string_view text) {
  uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [ptr, ec] = std::from_chars(text.data(), end, number);
  return ec == std::errc() && ptr == end ? number : 0;
}

}  // namespace

model::TenantId TakeTenantLabels(std::vector<model::Label>& labels) {
  std::optional<uint32_t> account, project;
  uint32_t older_account = 0, older_project = 0;
  std::erase_if(labels, [&](const model::Label& label) {
    if (label.name == "vm_account_id") {
      account = NumberIn(label.value);
      return true;
    }
    if (label.name == "vm_project_id") {
      project = NumberIn(label.value);
      return true;
    }
    if (label.name == "VictoriaMetrics_AccountID") {
      older_account = NumberIn(label.value);
    } else if (label.name == "VictoriaMetrics_ProjectID") {
      older_project = NumberIn(label.value);
    }
    return false;
  });
  return model::TenantId::Numeric(account.value_or(older_account),
                                  project.value_or(older_project));
}

}  // namespace varve::ingest

#include "lib/model/series_filter.h"

#include <algorithm>
#include <string>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"

namespace varve::model {
namespace {

constexpr std::string_view kAccountId = "vm_account_id";
constexpr std::string_view kProjectId = "vm_project_id";

std::string_view ValueIn(std::string_view canonical, std::string_view name) {
  base::ByteReader reader(canonical);
  while (reader.ok() && !reader.empty()) {
    const std::string_view one = reader.LengthPrefixed();
    const std::string_view value = reader.LengthPrefixed();
    if (one == name && reader.ok()) return value;
  }
  return {};
}

}  // namespace

absl::StatusOr<SeriesFilter> SeriesFilter::Make(const Matchers& matchers) {
  SeriesFilter filter;
  for (const Matcher& matcher : matchers) {
    ASSIGN_OR_RETURN(CompiledMatcher compiled, CompiledMatcher::Make(matcher));
    filter.matchers_.push_back(std::move(compiled));
  }
  return filter;
}

template <typename ValueOf>
bool SeriesFilter::MatchesAll(const TenantId& tenant,
                              const ValueOf& value_of) const {
  return std::all_of(
      matchers_.begin(), matchers_.end(), [&](const CompiledMatcher& one) {
        const std::string& name = one.matcher().name;
        const bool account = name == kAccountId;
        if (!account && name != kProjectId) return one.Matches(value_of(name));
        if (tenant.kind != 0) return one.MatchesEmpty();
        return one.Matches(std::to_string(account ? tenant.account_id()
                                                  : tenant.project_id()));
      });
}

bool SeriesFilter::Matches(const TenantId& tenant,
                           std::string_view labels) const {
  return MatchesAll(tenant, [labels](const std::string& name) {
    return ValueIn(labels, name);
  });
}

bool SeriesFilter::Matches(const TenantId& tenant,
                           const LabelSet& labels) const {
  return MatchesAll(tenant, [&labels](const std::string& name) {
    return labels.Get(name);
  });
}

}  // namespace varve::model

#include "lib/ingest/tenant_limits_file.h"

#include <yaml-cpp/yaml.h>

#include <set>

#include "lib/base/hash.h"
#include "lib/base/status.h"

namespace varve::ingest {
namespace {

// Above it doubles and products of rates lose whole numbers.
constexpr double kValueMax = 1e15;

std::string At(const YAML::Node& node) {
  const YAML::Mark mark = node.Mark();
  if (mark.is_null()) return "";
  return base::StrCat("line ", mark.line + 1, ", column ", mark.column + 1,
                      ": ");
}

// A key of `node`'s mapping; InvalidArgument when it stands twice.
absl::StatusOr<std::string> TakeKey(const YAML::Node& key,
                                    std::set<std::string>& seen) {
  if (!key.IsScalar()) {
    return base::InvalidArgument(At(key), "a key must be a text");
  }
  if (!seen.insert(key.Scalar()).second) {
    return base::InvalidArgument(At(key), "\"", key.Scalar(),
                                 "\" stands twice");
  }
  return key.Scalar();
}

absl::Status ReadNumber(const std::string& key, const YAML::Node& value,
                        double min, double& number) {
  if (!value.IsScalar() || !YAML::convert<double>::decode(value, number)) {
    return base::InvalidArgument(At(value), key, " must be a number");
  }
  if (!(number >= min && number <= kValueMax)) {
    return base::InvalidArgument(At(value), key, "=", value.Scalar(),
                                 " is not within ", min, " and ", kValueMax);
  }
  return absl::OkStatus();
}

absl::Status ReadWhole(const std::string& key, const YAML::Node& value,
                       int64_t min, int64_t& number) {
  double read = 0;
  RETURN_IF_ERROR(ReadNumber(key, value, static_cast<double>(min), read));
  number = static_cast<int64_t>(read);
  if (static_cast<double>(number) != read) {
    return base::InvalidArgument(At(value), key, "=", value.Scalar(),
                                 " must be a whole number");
  }
  return absl::OkStatus();
}

absl::Status ReadLimit(const std::string& key, const YAML::Node& value,
                       TenantLimit& limit) {
  SeriesLimits& series = limit.series;
  if (key == "ingestion_rate") {
    return ReadNumber(key, value, 0, limit.ingestion_rate);
  }
  if (key == "ingestion_burst_size") {
    return ReadNumber(key, value, 0, limit.ingestion_burst_size);
  }
  if (key == kRequestBytesKey) {
    return ReadWhole(key, value, 0, limit.request_bytes_max);
  }
  if (key == "max_active_series") {
    return ReadWhole(key, value, 0, series.active_series_max);
  }
  if (key == kLabelsMaxKey) {
    series.labels_max_name = kLabelsMaxKey;
    return ReadWhole(key, value, 1, series.labels_max);
  }
  if (key == kLabelNameMaxKey) {
    series.label_name_max_name = kLabelNameMaxKey;
    return ReadWhole(key, value, 1, series.label_name_bytes_max);
  }
  if (key == kLabelValueMaxKey) {
    series.label_value_max_name = kLabelValueMaxKey;
    return ReadWhole(key, value, 1, series.label_value_bytes_max);
  }
  return base::InvalidArgument(At(value), "unknown limit \"", key, "\"");
}

absl::Status ReadLimits(const std::string& of, const YAML::Node& node,
                        TenantLimit& limit) {
  if (node.IsNull()) return absl::OkStatus();
  if (!node.IsMap()) {
    return base::InvalidArgument(At(node), "the limits of ", of,
                                 " must be a mapping");
  }
  std::set<std::string> seen;
  for (const auto& pair : node) {
    ASSIGN_OR_RETURN(const std::string key, TakeKey(pair.first, seen));
    RETURN_IF_ERROR(ReadLimit(key, pair.second, limit));
  }
  return absl::OkStatus();
}

// "42", "42:7" are numeric; all else is a name of X-Scope-OrgID.
absl::StatusOr<model::TenantId> ReadTenant(const YAML::Node& node,
                                           const std::string& text) {
  if (text.find_first_not_of("0123456789:") == std::string::npos) {
    const absl::StatusOr<model::TenantId> tenant = model::ParseTenant(text);
    if (tenant.ok()) return tenant;
    return base::InvalidArgument(At(node), base::Message(tenant.status()));
  }
  return model::TenantId{.kind = 1, .id = base::Hash64Of(text)};
}

absl::Status ReadOverrides(const YAML::Node& node, TenantLimitsFile& file) {
  if (node.IsNull()) return absl::OkStatus();
  if (!node.IsMap()) {
    return base::InvalidArgument(At(node), "overrides must be a mapping");
  }
  std::set<std::string> seen;
  for (const auto& pair : node) {
    ASSIGN_OR_RETURN(const std::string text, TakeKey(pair.first, seen));
    ASSIGN_OR_RETURN(const model::TenantId tenant,
                     ReadTenant(pair.first, text));
    TenantLimit limit = file.defaults;
    RETURN_IF_ERROR(
        ReadLimits(base::StrCat("tenant ", text), pair.second, limit));
    if (!file.overrides.emplace(tenant, limit).second) {
      return base::InvalidArgument(At(pair.first), "tenant ", text,
                                   " stands twice");
    }
    file.names.emplace(tenant, text);
  }
  return absl::OkStatus();
}

absl::StatusOr<TenantLimitsFile> Read(std::string_view yaml,
                                      const TenantLimit& flags) {
  TenantLimitsFile file;
  file.defaults = flags;
  const YAML::Node root = YAML::Load(std::string(yaml));
  if (root.IsNull()) return file;
  if (!root.IsMap()) {
    return base::InvalidArgument("a mapping of defaults and overrides is due");
  }
  std::set<std::string> seen;
  YAML::Node overrides;
  for (const auto& pair : root) {
    ASSIGN_OR_RETURN(const std::string key, TakeKey(pair.first, seen));
    if (key == "defaults") {
      RETURN_IF_ERROR(ReadLimits(key, pair.second, file.defaults));
    } else if (key == "overrides") {
      overrides = pair.second;
    } else {
      return base::InvalidArgument(At(pair.first), "unknown key \"", key,
                                   "\"; defaults and overrides are known");
    }
  }
  // After the defaults, wherever they stand.
  RETURN_IF_ERROR(ReadOverrides(overrides, file));
  return file;
}

}  // namespace

absl::StatusOr<TenantLimitsFile> ParseTenantLimits(std::string_view yaml,
                                                   const TenantLimit& flags) {
  try {
    return Read(yaml, flags);
  } catch (const YAML::Exception& error) {
    return base::InvalidArgument("it is not YAML: ", error.what());
  }
}

}  // namespace varve::ingest

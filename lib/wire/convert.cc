#include "lib/wire/convert.h"

#include "lib/base/status.h"

namespace varve::wire {

void ToProto(const model::TenantId& tenant, proto::Tenant& out) {
  out.set_kind(tenant.kind);
  out.set_id(tenant.id);
}

void ToProto(const model::TenantId& tenant, std::string_view name,
             proto::Tenant& out) {
  ToProto(tenant, out);
  if (!name.empty()) out.set_name(std::string(name));
}

absl::StatusOr<model::TenantId> FromProto(const proto::Tenant& tenant) {
  if (tenant.kind() > 1) {
    return base::InvalidArgument("tenant of unknown kind ", tenant.kind());
  }
  return model::TenantId{.kind = static_cast<uint8_t>(tenant.kind()),
                         .id = tenant.id()};
}

void ToProto(const model::StoredMetadata& metadata,
             proto::MetadataResponse::Entry& out) {
  out.set_metric(metadata.metadata.metric);
  out.set_type(static_cast<uint32_t>(metadata.metadata.type));
  out.set_help(metadata.metadata.help);
  out.set_unit(metadata.metadata.unit);
  out.set_written_ms(metadata.written_ms);
}

void ToProto(std::span<const model::Matchers> groups, ProtoGroups& out) {
  out.Clear();
  for (const model::Matchers& group : groups) {
    proto::MatcherGroup& to = *out.Add();
    for (const model::Matcher& matcher : group) {
      proto::Matcher& one = *to.add_matchers();
      one.set_type(static_cast<uint32_t>(matcher.type));
      one.set_name(matcher.name);
      one.set_value(matcher.value);
    }
  }
}

absl::StatusOr<std::vector<model::Matchers>> FromProto(
    const ProtoGroups& groups) {
  if (groups.size() > kMatcherGroupsMax) {
    return base::InvalidArgument(groups.size(), " matcher groups; at most ",
                                 kMatcherGroupsMax, " are taken");
  }
  std::vector<model::Matchers> out;
  out.reserve(groups.size());
  for (const proto::MatcherGroup& group : groups) {
    if (group.matchers_size() > kMatchersMax) {
      return base::InvalidArgument(group.matchers_size(),
                                   " matchers in a group; at most ",
                                   kMatchersMax, " are taken");
    }
    model::Matchers& matchers = out.emplace_back();
    for (const proto::Matcher& matcher : group.matchers()) {
      if (matcher.type() > static_cast<uint32_t>(model::MatchType::kNotRegex)) {
        return base::InvalidArgument("matcher of unknown type ",
                                     matcher.type());
      }
      matchers.push_back({static_cast<model::MatchType>(matcher.type()),
                          matcher.name(), matcher.value()});
    }
  }
  return out;
}

}  // namespace varve::wire

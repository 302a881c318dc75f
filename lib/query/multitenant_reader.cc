#include "lib/query/multitenant_reader.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "lib/base/status.h"

namespace varve::query {
namespace {

using model::Tenant;

bool IsTenantLabel(std::string_view name, bool federated) {
  return name == kNameLabel ||
         (!federated && (name == kAccountLabel || name == kProjectLabel));
}

std::vector<model::Label> LabelsOf(const Tenant& tenant, bool federated) {
  if (federated || tenant.id.kind != 0) {
    return {{std::string(kNameLabel), federated ? model::OrgIdText(tenant)
                                                : model::TenantText(tenant)}};
  }
  return {{std::string(kAccountLabel), base::StrCat(tenant.id.account_id())},
          {std::string(kProjectLabel), base::StrCat(tenant.id.project_id())}};
}

std::string_view ValueOf(const std::vector<model::Label>& labels,
                         std::string_view name) {
  for (const model::Label& label : labels) {
    if (label.name == name) return label.value;
  }
  return "";
}

// A series' own __tenant_id__ goes by another name.
std::string_view NameInStorage(std::string_view name) {
  return name == kOriginalNameLabel ? kNameLabel : name;
}

void Join(const cluster::ReadOutcome& from, cluster::ReadOutcome& to) {
  to.is_partial = to.is_partial || from.is_partial;
  for (const std::string& warning : from.warnings) {
    if (std::find(to.warnings.begin(), to.warnings.end(), warning) ==
        to.warnings.end()) {
      to.warnings.push_back(warning);
    }
  }
}

cluster::ReadRequest RequestOf(const cluster::ReadRequest& all,
                               const TenantPart& part) {
  cluster::ReadRequest one = all;
  one.tenant = part.tenant.id;
  one.tenant_name = part.tenant.name;
  one.matcher_groups = part.groups;
  return one;
}

// One group, its matchers of the tenant's labels compiled and apart.
struct SplitGroup {
  std::vector<model::CompiledMatcher> of_tenant;
  model::Matchers others;

  bool Takes(const std::vector<model::Label>& labels) const {
    return std::ranges::all_of(of_tenant, [&](const auto& matcher) {
      return matcher.Matches(ValueOf(labels, matcher.matcher().name));
    });
  }
};

absl::StatusOr<SplitGroup> Split(const model::Matchers& group,
                                 bool federated) {
  SplitGroup split;
  for (const model::Matcher& matcher : group) {
    if (!IsTenantLabel(matcher.name, federated)) {
      split.others.push_back(matcher);
      split.others.back().name = NameInStorage(matcher.name);
      continue;
    }
    ASSIGN_OR_RETURN(auto compiled, model::CompiledMatcher::Make(matcher));
    split.of_tenant.push_back(std::move(compiled));
  }
  return split;
}

// One tenant's series after another's.
class Merge final : public cluster::SeriesMerge {
 public:
  Merge(StorageReader* reader, cluster::ReadRequest request,
        std::vector<TenantPart> parts, cluster::ReadOutcome outcome)
      : reader_(reader),
        request_(std::move(request)),
        parts_(std::move(parts)),
        outcome_(std::move(outcome)) {}

  absl::Status Next(std::vector<cluster::MergedSeries>& batch) override {
    batch.clear();
    while (true) {
      if (current_ == nullptr) {
        if (next_ == parts_.size()) return absl::OkStatus();
        ASSIGN_OR_RETURN(current_, reader_->Search(RequestOf(
                                       request_, parts_[next_++])));
      }
      RETURN_IF_ERROR(current_->Next(batch));
      if (!batch.empty()) break;
      Join(current_->outcome(), outcome_);
      current_.reset();
    }
    series_ += static_cast<int64_t>(batch.size());
    if (request_.series_max > 0 && series_ > request_.series_max) {
      return base::ResourceExhausted(
          "the number of matching timeseries exceeds ", request_.series_max,
          " over all tenants; narrow down the search");
    }
    const std::vector<model::Label>& labels = parts_[next_ - 1].labels;
    for (cluster::MergedSeries& series : batch) {
      const std::string own(series.labels.Get(kNameLabel));
      if (!own.empty()) {
        series.labels.Set(kOriginalNameLabel, own);
        series.labels.Set(kNameLabel, "");
      }
      for (const model::Label& label : labels) {
        series.labels.Set(label.name, label.value);
      }
    }
    return absl::OkStatus();
  }
  const cluster::ReadOutcome& outcome() const override { return outcome_; }

 private:
  StorageReader* const reader_;
  const cluster::ReadRequest request_;
  const std::vector<TenantPart> parts_;
  cluster::ReadOutcome outcome_;
  std::unique_ptr<cluster::SeriesMerge> current_;
  size_t next_ = 0;
  int64_t series_ = 0;
};

using Entries =
    google::protobuf::RepeatedPtrField<proto::CardinalityResponse::Entry>;

class EntrySums {
 public:
  void Add(const Entries& entries) {
    for (const auto& one : entries) counts_[one.name()] += one.count();
  }
  void MoveTo(int64_t top_n, Entries& to) const {
    std::vector<std::pair<std::string, int64_t>> all(counts_.begin(),
                                                     counts_.end());
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
      return a.second > b.second;
    });
    for (const auto& [name, count] : all) {
      if (to.size() == top_n) return;
      auto& one = *to.Add();
      one.set_name(name);
      one.set_count(count);
    }
  }

 private:
  std::map<std::string, int64_t> counts_;
};

}  // namespace

absl::StatusOr<std::vector<TenantPart>> PartsByTenant(
    const std::vector<Tenant>& tenants, bool federated,
    const std::vector<model::Matchers>& groups) {
  std::vector<SplitGroup> split;
  for (const model::Matchers& group : groups) {
    ASSIGN_OR_RETURN(SplitGroup one, Split(group, federated));
    split.push_back(std::move(one));
  }
  std::vector<TenantPart> parts;
  for (const Tenant& tenant : tenants) {
    TenantPart part;
    part.tenant = tenant;
    part.labels = LabelsOf(tenant, federated);
    bool taken = groups.empty();
    bool everything = groups.empty();
    for (const SplitGroup& group : split) {
      if (!group.Takes(part.labels)) continue;
      taken = true;
      everything = everything || group.others.empty();
      part.groups.push_back(group.others);
    }
    if (everything) part.groups.clear();
    if (taken) parts.push_back(std::move(part));
  }
  return parts;
}

absl::StatusOr<std::vector<TenantPart>> MultitenantReader::Parts(
    const cluster::ReadRequest& request, cluster::ReadOutcome& outcome) {
  outcome = cluster::ReadOutcome();
  if (!named_.empty()) {
    return PartsByTenant(named_, true, request.matcher_groups);
  }
  ASSIGN_OR_RETURN(std::vector<Tenant> tenants,
                   reader_->Tenants(request, outcome));
  std::sort(tenants.begin(), tenants.end());
  return PartsByTenant(tenants, false, request.matcher_groups);
}

absl::StatusOr<std::unique_ptr<cluster::SeriesMerge>> MultitenantReader::Search(
    const cluster::ReadRequest& request) {
  cluster::ReadOutcome outcome;
  ASSIGN_OR_RETURN(std::vector<TenantPart> parts, Parts(request, outcome));
  for (TenantPart& part : parts) {
    // Storage nodes take no search without matchers.
    if (!part.groups.empty()) continue;
    part.groups = {
        {{model::MatchType::kNotEqual, std::string(model::kMetricName), ""}}};
  }
  return std::make_unique<Merge>(reader_, request, std::move(parts),
                                 std::move(outcome));
}

absl::StatusOr<std::vector<std::string>> MultitenantReader::Labels(
    const cluster::ReadRequest& request, const std::string& label,
    int64_t limit, cluster::ReadOutcome& outcome) {
  ASSIGN_OR_RETURN(const std::vector<TenantPart> parts,
                   Parts(request, outcome));
  std::set<std::string> items;
  for (const TenantPart& part : parts) {
    cluster::ReadOutcome one;
    // Whether the tenant has anything that matches, for its own labels.
    const bool own = IsTenantLabel(label, !named_.empty());
    ASSIGN_OR_RETURN(
        const std::vector<std::string> found,
        reader_->Labels(RequestOf(request, part),
                        own ? "" : std::string(NameInStorage(label)),
                        own ? 1 : limit, one));
    Join(one, outcome);
    if (found.empty()) continue;
    if (own) {
      const std::string_view value = ValueOf(part.labels, label);
      if (!value.empty()) items.emplace(value);
      continue;
    }
    if (!label.empty()) {
      items.insert(found.begin(), found.end());
      continue;
    }
    for (const std::string& name : found) {
      items.emplace(name == kNameLabel ? kOriginalNameLabel : name);
    }
    for (const model::Label& of_tenant : part.labels) {
      items.insert(of_tenant.name);
    }
  }
  std::vector<std::string> all(items.begin(), items.end());
  if (limit > 0 && all.size() > static_cast<size_t>(limit)) {
    all.resize(static_cast<size_t>(limit));
  }
  return all;
}

absl::StatusOr<proto::CardinalityResponse> MultitenantReader::Cardinality(
    const cluster::ReadRequest& request, const std::string& focus_label,
    int64_t top_n, cluster::ReadOutcome& outcome) {
  ASSIGN_OR_RETURN(const std::vector<TenantPart> parts,
                   Parts(request, outcome));
  proto::CardinalityResponse all;
  EntrySums metrics, names, focus, pairs, values;
  for (const TenantPart& part : parts) {
    cluster::ReadOutcome one;
    ASSIGN_OR_RETURN(const proto::CardinalityResponse counts,
                     reader_->Cardinality(RequestOf(request, part), focus_label,
                                          top_n, one));
    Join(one, outcome);
    all.set_total_series(all.total_series() + counts.total_series());
    all.set_total_label_value_pairs(all.total_label_value_pairs() +
                                    counts.total_label_value_pairs());
    metrics.Add(counts.series_count_by_metric_name());
    names.Add(counts.series_count_by_label_name());
    focus.Add(counts.series_count_by_focus_label_value());
    pairs.Add(counts.series_count_by_label_value_pair());
    values.Add(counts.label_value_count_by_label_name());
  }
  metrics.MoveTo(top_n, *all.mutable_series_count_by_metric_name());
  names.MoveTo(top_n, *all.mutable_series_count_by_label_name());
  focus.MoveTo(top_n, *all.mutable_series_count_by_focus_label_value());
  pairs.MoveTo(top_n, *all.mutable_series_count_by_label_value_pair());
  values.MoveTo(top_n, *all.mutable_label_value_count_by_label_name());
  return all;
}

absl::StatusOr<std::vector<model::StoredMetadata>> MultitenantReader::Metadata(
    const cluster::ReadRequest& request, const std::string& metric,
    int64_t limit, cluster::ReadOutcome& outcome) {
  cluster::ReadRequest always = request;  // metadata has no time
  always.range = {0, model::kTimestampMaxMs};
  ASSIGN_OR_RETURN(const std::vector<TenantPart> parts, Parts(always, outcome));
  std::map<std::string, model::StoredMetadata> merged;
  for (const TenantPart& part : parts) {
    cluster::ReadOutcome one;
    ASSIGN_OR_RETURN(std::vector<model::StoredMetadata> found,
                     reader_->Metadata(RequestOf(request, part), metric, limit,
                                       one));
    Join(one, outcome);
    for (model::StoredMetadata& entry : found) {
      const std::string name = entry.metadata.metric;
      merged.try_emplace(name, std::move(entry));
    }
  }
  std::vector<model::StoredMetadata> all;
  for (auto& [name, entry] : merged) {
    if (limit > 0 && static_cast<int64_t>(all.size()) >= limit) break;
    all.push_back(std::move(entry));
  }
  return all;
}

absl::StatusOr<proto::NameUsageResponse> MultitenantReader::NameUsage(
    const cluster::ReadRequest&, cluster::ReadOutcome&) {
  return base::InvalidArgument(
      "metric_names_stats are kept by tenant: name one instead of "
      "`multitenant`");
}

absl::StatusOr<std::vector<std::vector<cluster::NodeHistory>>>
MultitenantReader::Histories(const cluster::ReadRequest&,
                             std::span<const model::TimeRange>) {
  return base::Unimplemented("histories are of one tenant");
}

absl::StatusOr<int64_t> MultitenantReader::Delete(
    const cluster::DeleteCommand&) {
  return base::InvalidArgument(
      "series are deleted tenant by tenant: name one instead of "
      "`multitenant`");
}

}  // namespace varve::query

// A StorageReader over vectors of series, and a ResponseWriter that keeps
// what it is told. For tests.
#ifndef VARVE_LIB_QUERY_FAKE_STORAGE_H_
#define VARVE_LIB_QUERY_FAKE_STORAGE_H_

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/model/matcher.h"
#include "lib/query/storage_reader.h"
#include "net/http/server.h"

namespace varve::query {

class FakeStorage final : public StorageReader {
 public:
  void Add(model::LabelSet labels,
           std::vector<std::pair<int64_t, double>> samples,
           model::TenantId tenant = {}) {
    cluster::MergedSeries series;
    series.labels = std::move(labels);
    for (const auto& [time, value] : samples) {
      series.samples.push_back(time, value);
    }
    series_[tenant].push_back(std::move(series));
  }

  absl::StatusOr<std::unique_ptr<cluster::SeriesMerge>> Search(
      const cluster::ReadRequest& request) override {
    last_request = request;
    ++searches;
    RETURN_IF_ERROR(status);
    if (one_copy_fails && request.one_copy) {
      return absl::AbortedError("a node fails within a read of one copy");
    }
    while (hang) {
      if (request.cancelled()) return base::Cancelled("query was canceled");
      std::this_thread::yield();
    }
    RETURN_IF_ERROR(Denied(request));
    std::vector<cluster::MergedSeries> found = Find(request);
    if (request.series_max > 0 &&
        static_cast<int64_t>(found.size()) > request.series_max) {
      return base::ResourceExhausted("too many series");
    }
    return std::make_unique<Merge>(std::move(found), outcome, fail_after);
  }

  absl::StatusOr<std::vector<std::string>> Labels(
      const cluster::ReadRequest& request, const std::string& label,
      int64_t limit, cluster::ReadOutcome& out) override {
    last_request = request;
    RETURN_IF_ERROR(Denied(request));
    out = outcome;
    std::set<std::string> items;
    for (const auto& series : Find(request)) {
      for (const model::Label& l : series.labels) {
        if (label.empty()) items.insert(l.name);
        if (l.name == label) items.insert(l.value);
      }
    }
    std::vector<std::string> list(items.begin(), items.end());
    if (limit > 0 && limit < static_cast<int64_t>(list.size())) {
      list.resize(limit);
    }
    return list;
  }

  absl::StatusOr<proto::CardinalityResponse> Cardinality(
      const cluster::ReadRequest& request, const std::string& focus_label,
      int64_t top_n, cluster::ReadOutcome& out) override {
    last_request = request;
    RETURN_IF_ERROR(Denied(request));
    out = outcome;
    proto::CardinalityResponse response;
    response.set_total_series(static_cast<int64_t>(Find(request).size()));
    auto* entry = response.add_series_count_by_metric_name();
    entry->set_name("m");
    entry->set_count(top_n);
    for (int64_t i = 0; !focus_label.empty() && i < focus_values && i < top_n;
         ++i) {
      response.add_series_count_by_focus_label_value()->set_name(
          i == 0 ? focus_label : base::StrCat(focus_label, i));
    }
    return response;
  }

  absl::StatusOr<std::vector<model::StoredMetadata>> Metadata(
      const cluster::ReadRequest& request, const std::string& metric,
      int64_t limit, cluster::ReadOutcome& out) override {
    last_request = request;
    RETURN_IF_ERROR(status);
    out = outcome;
    std::vector<model::StoredMetadata> found;
    const auto own = metadata_of.find(request.tenant);
    for (const model::StoredMetadata& one :
         own == metadata_of.end() ? metadata : own->second) {
      if (!metric.empty() && one.metadata.metric != metric) continue;
      if (limit > 0 && static_cast<int64_t>(found.size()) == limit) break;
      found.push_back(one);
    }
    return found;
  }
  absl::StatusOr<proto::NameUsageResponse> NameUsage(
      const cluster::ReadRequest& request, cluster::ReadOutcome& out) override {
    last_request = request;
    RETURN_IF_ERROR(status);
    out = outcome;
    return name_usage;
  }
  absl::Status ResetNameUsage(const cluster::ReadRequest&) override {
    name_usage.Clear();
    return status;
  }

  absl::StatusOr<std::vector<model::Tenant>> Tenants(
      const cluster::ReadRequest& request, cluster::ReadOutcome& out) override {
    RETURN_IF_ERROR(status);
    out = outcome;
    std::vector<model::Tenant> tenants;
    for (const auto& [tenant, ignored] : series_) {
      const auto name = names.find(tenant);
      tenants.push_back({tenant, name == names.end() ? "" : name->second});
    }
    return tenants;
  }

  absl::StatusOr<std::vector<std::vector<cluster::NodeHistory>>> Histories(
      const cluster::ReadRequest&,
      std::span<const model::TimeRange> ranges) override {
    RETURN_IF_ERROR(status);
    return std::vector<std::vector<cluster::NodeHistory>>(ranges.size(),
                                                          outcome.histories);
  }

  absl::StatusOr<int64_t> Delete(
      const cluster::DeleteCommand& command) override {
    last_delete = command;
    RETURN_IF_ERROR(status);
    return 1;
  }

  // To the series of these labels, if there is one.
  void AddHistogram(model::LabelSet labels, int64_t at_ms,
                    model::Histogram histogram) {
    for (cluster::MergedSeries& known : series_[{}]) {
      if (known.labels != labels) continue;
      known.histograms.push_back(at_ms, std::move(histogram));
      return;
    }
    cluster::MergedSeries series;
    series.labels = std::move(labels);
    series.histograms.push_back(at_ms, std::move(histogram));
    series_[{}].push_back(std::move(series));
  }
  void AddExemplar(model::LabelSet labels, model::Exemplar exemplar) {
    cluster::MergedSeries series;
    series.labels = std::move(labels);
    series.exemplars.push_back(std::move(exemplar));
    series_[{}].push_back(std::move(series));
  }

  std::map<model::TenantId, std::string> names;  // of tenants
  std::vector<model::StoredMetadata> metadata;  // of tenants without their own
  std::map<model::TenantId, std::vector<model::StoredMetadata>> metadata_of;
  int64_t focus_values = 1;  // of a focus label
  absl::Status status;           // of every call
  cluster::ReadOutcome outcome;  // of every answer
  proto::NameUsageResponse name_usage;
  int fail_after = -1;           // batches before DataLoss; -1: never
  bool one_copy_fails = false;   // reads of one copy are to be read again
  bool hang = false;             // searches wait until they are cancelled
  cluster::ReadRequest last_request;
  int searches = 0;
  cluster::DeleteCommand last_delete;

 private:
  class Merge final : public cluster::SeriesMerge {
   public:
    Merge(std::vector<cluster::MergedSeries> series,
          cluster::ReadOutcome outcome, int fail_after)
        : series_(std::move(series)),
          outcome_(std::move(outcome)),
          fail_after_(fail_after) {}

    absl::Status Next(std::vector<cluster::MergedSeries>& batch) override {
      batch.clear();
      if (fail_after_-- == 0) return base::DataLoss("a bad block");
      // Two a batch, so that more than one is met.
      while (next_ < series_.size() && batch.size() < 2) {
        batch.push_back(std::move(series_[next_++]));
      }
      return absl::OkStatus();
    }
    const cluster::ReadOutcome& outcome() const override { return outcome_; }

   private:
    std::vector<cluster::MergedSeries> series_;
    const cluster::ReadOutcome outcome_;
    int fail_after_;
    size_t next_ = 0;
  };

  absl::Status Denied(const cluster::ReadRequest& request) const {
    RETURN_IF_ERROR(status);
    if (!outcome.is_partial || !request.deny_partial) return absl::OkStatus();
    return base::Unavailable("partial answers are denied");
  }

  static bool Matches(const model::Matchers& group,
                      const model::LabelSet& labels) {
    return std::ranges::all_of(group, [&](const model::Matcher& matcher) {
      return model::CompiledMatcher::Make(matcher)->Matches(
          labels.Get(matcher.name));
    });
  }

  std::vector<cluster::MergedSeries> Find(const cluster::ReadRequest& request) {
    std::vector<cluster::MergedSeries> found;
    const auto of_tenant = series_.find(request.tenant);
    if (of_tenant == series_.end()) return found;
    for (const cluster::MergedSeries& series : of_tenant->second) {
      const bool wanted =
          request.matcher_groups.empty() ||
          std::ranges::any_of(request.matcher_groups, [&](const auto& group) {
            return Matches(group, series.labels);
          });
      if (!wanted) continue;
      cluster::MergedSeries& copy = found.emplace_back();
      copy.labels = series.labels;
      bool any = false;
      if (request.exemplars) {
        copy.exemplars = series.exemplars;
        any = !copy.exemplars.empty();
      } else {
        copy.histograms = series.histograms;
        model::KeepRange(request.range.start_ms, request.range.end_ms, 0,
                         copy.histograms);
        any = !copy.histograms.empty();
      }
      for (size_t i = 0; i < series.samples.size(); ++i) {
        if (!request.range.Contains(series.samples.timestamps_ms[i])) continue;
        any = any || !request.exemplars;
        if (request.labels_only || request.exemplars) break;
        copy.samples.push_back(series.samples.timestamps_ms[i],
                               series.samples.values[i]);
      }
      if (!any) found.pop_back();
    }
    return found;
  }

  std::map<model::TenantId, std::vector<cluster::MergedSeries>> series_;
};

class KeptAnswer final : public http::ResponseWriter {
 public:
  void SetHeader(std::string name, std::string value) override {
    headers[std::move(name)] = std::move(value);
  }
  void Send(int code, std::string_view type, std::string_view text) override {
    status = code;
    content_type = type;
    body = text;
  }
  void Begin(int code, std::string_view type) override {
    status = code;
    content_type = type;
    chunked = true;
  }
  absl::Status Write(std::string_view bytes) override {
    body += bytes;
    largest_piece = std::max(largest_piece, bytes.size());
    return absl::OkStatus();
  }
  void Abort() override { aborted = true; }
  bool client_gone() const override { return gone; }

  int status = 0;
  std::string content_type;
  std::string body;
  std::map<std::string, std::string> headers;
  bool chunked = false;
  size_t largest_piece = 0;
  bool aborted = false;
  bool gone = false;
};

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_FAKE_STORAGE_H_

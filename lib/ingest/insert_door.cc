#include "lib/ingest/insert_door.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "lib/base/log.h"
#include "lib/base/status.h"

namespace varve::ingest {
namespace {

// A node that restarts is back in about this time.
constexpr const char* kRetryAfterSeconds = "2";

// Series of /metrics for tenants; more tenants are counted nowhere but in
// vm_rows_inserted_total.
constexpr size_t kTenantsCounted = 10'000;

absl::StatusOr<std::vector<model::Label>> ExtraLabels(
    const http::Request& request) {
  std::vector<model::Label> labels;
  const std::vector<std::string> texts = request.AllArguments("extra_label");
  RETURN_IF_ERROR(CheckExtraLabels(texts.size(), "arguments extra_label"));
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return base::InvalidArgument("extra_label=", text.substr(0, 100),
                                   " is not of the form name=value");
    }
    SetLabel({text.substr(0, equals), text.substr(equals + 1)}, labels);
  }
  return labels;
}

}  // namespace

absl::Status CheckExtraLabels(size_t count, std::string_view what) {
  if (count <= kExtraLabelsMax) return absl::OkStatus();
  return base::InvalidArgument(count, " ", what, " are over ", kExtraLabelsMax);
}

KeptBatch::~KeptBatch() {
  batch().Clear();  // its texts
  if (batch().rows_capacity() > 2 * InsertDoor::kBatchRows) {
    batch() = protocol::SampleBatch();
  }
}

protocol::SampleBatch& KeptBatch::batch() {
  static thread_local protocol::SampleBatch batch;
  return batch;
}

int HttpCode(const absl::Status& status) {
  if (RetryAfterSeconds(status)) return 429;
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kUnimplemented:
      return 415;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      return 503;
    default:
      return 500;
  }
}

void SetRetryAfter(const absl::Status& status, http::ResponseWriter& response) {
  if (const auto seconds = RetryAfterSeconds(status)) {
    response.SetHeader("Retry-After", base::StrCat(*seconds));
  } else if (HttpCode(status) == 503) {
    response.SetHeader("Retry-After", kRetryAfterSeconds);
  }
}

void SendError(const absl::Status& status, http::ResponseWriter& response) {
  SendError(status, kPlainText, base::StrCat(base::Message(status), "\n"),
            response);
}

void SendError(const absl::Status& status, std::string_view content_type,
               std::string_view body, http::ResponseWriter& response) {
  const int code = HttpCode(status);
  static base::LogEvery log_every(10'000);
  if (code >= 500 && log_every.Due()) {
    base::LogWarn("a write was not stored: ", base::Message(status));
  }
  response.Send(code, content_type, std::string(body));
}

InsertDoor::InsertDoor(Inserter* inserter, InsertGate* gate,
                       const InsertRouteOptions& options)
    : inserter_(inserter), gate_(gate), options_(options) {}

InsertFormat InsertDoor::AddFormat(const std::string& type) {
  telemetry::Metrics& metrics = *options_.metrics;
  const telemetry::MetricLabels labels = {{"type", type}};
  return {
      .rows = &metrics.AddCounter("vm_rows_inserted_total", labels),
      .invalid = &metrics.AddCounter("vm_rows_invalid_total", labels),
      .metadata =
          &metrics.AddCounter("vm_metadata_rows_inserted_total", labels),
      .rows_per_insert = &metrics.AddHistogram("vm_rows_per_insert", labels)};
}

absl::StatusOr<std::string> InsertDoor::Body(
    const InsertRequest& request) const {
  const BodyLimit limit = LimitOfBody(request);
  return http::DecodedBody(request.http, limit.bytes_max, limit.flag);
}

BodyLimit InsertDoor::LimitOfBody(const InsertRequest& request) const {
  const TenantNow tenant = inserter_->tenant_limits().Of(request.tenant.tenant);
  const int64_t of_tenant = tenant.limit->request_bytes_max;
  if (of_tenant > 0 && of_tenant < request.limit.bytes_max) {
    return {of_tenant, kRequestBytesKey};
  }
  return request.limit;
}

absl::Status InsertDoor::Store(const InsertRequest& request,
                               const NextBatch& next, InsertOutcome& outcome) {
  KeptBatch kept;
  protocol::SampleBatch& batch = kept.batch();
  bool started = false;
  for (bool more = true; more;) {
    batch.Clear();
    batch.form = protocol::IdentityForm::kCanonical;
    ASSIGN_OR_RETURN(more, next(batch));
    RETURN_IF_ERROR(Store(request, batch, started, outcome));
  }
  return absl::OkStatus();
}

absl::Status InsertDoor::Store(const InsertRequest& request,
                               const protocol::SampleBatch& batch,
                               bool& started, InsertOutcome& outcome) {
  const auto rows = static_cast<int64_t>(
      batch.values.size() + batch.histograms.size() + batch.exemplars.size());
  TenantLimits& limits = inserter_->tenant_limits();
  const TenantNow tenant = limits.Of(request.tenant.tenant);
  // Tenants in labels are known later, see Count.
  const bool charged = !request.tenant.in_labels;
  if (charged) RETURN_IF_ERROR(limits.Take(tenant, rows, started));
  started = started || rows > 0;
  absl::Status status =
      inserter_->Store(request.tenant, request.extra_labels, batch, outcome);
  if (charged && !status.ok()) limits.GiveBack(tenant, rows);
  return status;
}

absl::Status InsertDoor::StoreLines(const InsertRequest& request,
                                    protocol::SkippingReader& reader,
                                    const InsertFormat& format) {
  InsertOutcome outcome;
  const absl::Status status = Store(
      request,
      [&reader](protocol::SampleBatch& batch) {
        return reader.Next(batch, kBatchRows);
      },
      outcome);
  Count(format, request.tenant, status, outcome);
  format.invalid->Add(reader.bad_lines());
  static base::LogEvery log_every(60'000);
  if (reader.bad_lines() > 0 && log_every.Due()) {
    base::LogInfo(reader.bad_lines(), " bad lines of an import from ",
                  request.http.remote_addr,
                  " were skipped, the first: ", reader.first_error());
  }
  return status;
}

void InsertDoor::Count(const InsertFormat& format, const InsertTenant& tenant,
                       const absl::Status& status,
                       const InsertOutcome& outcome) {
  format.metadata->Add(outcome.metadata_stored);
  format.rows->Add(outcome.rows_stored);
  if (status.ok() || outcome.rows_stored > 0) {
    format.rows_per_insert->Observe(static_cast<double>(outcome.rows_stored));
  }
  if (!tenant.in_labels) {
    return CountTenant(tenant.tenant, outcome.rows_stored);
  }
  TenantLimits& limits = inserter_->tenant_limits();
  for (const auto& [id, rows] : outcome.tenant_rows) {
    CountTenant({id, ""}, rows);
    limits.ChargeForOthers(limits.Of({id, ""}), rows);
  }
}

void InsertDoor::CountTenant(const model::Tenant& tenant, int64_t rows) {
  telemetry::Counter* counter = nullptr;
  {
    base::MutexLock lock(mutex_);
    const auto found = tenant_rows_.find(tenant);
    if (found != tenant_rows_.end()) {
      counter = found->second;
    } else if (tenant_rows_.size() < kTenantsCounted) {
      const telemetry::MetricLabels labels =
          tenant.id.kind != 0
              ? telemetry::MetricLabels{{"tenant", tenant.name}}
              : telemetry::MetricLabels{
                    {"accountID", base::StrCat(tenant.id.account_id())},
                    {"projectID", base::StrCat(tenant.id.project_id())}};
      counter = &options_.metrics->AddCounter("vm_tenant_inserted_rows_total",
                                              labels);
      tenant_rows_[tenant] = counter;
    }
  }
  if (counter != nullptr) counter->Add(rows);
}

BodyLimit InsertDoor::LimitOf(const InsertEndpoint& endpoint) const {
  if (endpoint.limit.bytes_max > 0) return endpoint.limit;
  return {.bytes_max = options_.request_bytes_max};
}

absl::Status InsertDoor::Take(const http::Request& request, TenantSource source,
                              const InsertEndpoint& endpoint,
                              http::ResponseWriter& response) {
  ASSIGN_OR_RETURN(const InsertTenant tenant,
                   RequestTenant(request, source, options_.tenant_headers));
  if (request.body.empty() && !endpoint.takes_empty_body) {
    response.Send(204, "", "");
    return absl::OkStatus();
  }
  TenantLimits& limits = inserter_->tenant_limits();
  std::optional<InsertGate::Pass> pass;
  // What asks for the server's health or version stores nothing.
  if (!request.body.empty()) {
    // Before it waits for a place that others need.
    if (!tenant.in_labels) {
      RETURN_IF_ERROR(limits.Admit(limits.Of(tenant.tenant)));
    }
    pass.emplace(*gate_);
    if (!pass->granted()) {
      return base::Unavailable(
          "no place for this insert within -insert.maxQueueDuration; ",
          gate_->concurrent_max(),
          " are under way, the most -maxConcurrentInserts allows");
    }
  }
  InsertRequest insert{.http = request,
                       .limit = LimitOf(endpoint),
                       .tenant = tenant,
                       .extra_labels = {}};
  ASSIGN_OR_RETURN(insert.extra_labels, ExtraLabels(request));
  return endpoint.take(insert, response);
}

http::Route InsertDoor::MakeRoute(std::string pattern, std::string label,
                                  const InsertEndpoint& endpoint,
                                  TenantSource source) {
  http::Route route;
  route.pattern = std::move(pattern);
  route.label = std::move(label);
  route.protocol = endpoint.protocol;
  // What does not compress grows a little in snappy and zstd.
  const BodyLimit limit = LimitOf(endpoint);
  route.body_bytes_max = limit.bytes_max + limit.bytes_max / 8;
  route.limit_flag = limit.flag;
  route.raw_body = true;
  route.handler = [this, source, endpoint](const http::Request& request,
                                           http::ResponseWriter& response) {
    const absl::Status status = Take(request, source, endpoint, response);
    if (status.ok()) return;
    SetRetryAfter(status, response);
    if (endpoint.send_error) {
      endpoint.send_error(request, status, response);
    } else {
      SendError(status, response);
    }
  };
  return route;
}

void InsertDoor::AddRoutes(const InsertEndpoint& endpoint,
                           std::vector<http::Route>& routes) {
  const std::string label = base::StrCat("/insert/{}", endpoint.label);
  const auto add = [&](std::string pattern, std::string labelled,
                       TenantSource source) {
    routes.push_back(
        MakeRoute(std::move(pattern), std::move(labelled), endpoint, source));
  };
  add(base::StrCat("/insert/{}", endpoint.suffix), label, TenantSource::kPath);
  add(base::StrCat("/insert", endpoint.suffix), label, TenantSource::kHeaders);
  const std::vector<std::string>& mimir = endpoint.mimir_paths;
  for (const std::string& path : mimir) add(path, path, TenantSource::kMimir);
  const auto add_root = [&](const std::string& path) {
    if (std::ranges::find(mimir, path) != mimir.end()) return;
    add(path, "", TenantSource::kHeaders);
  };
  for (const std::string& path : endpoint.root_paths) add_root(path);
  if (!options_.tenantless_paths) return;
  for (const std::string& path : endpoint.single_process_paths) add_root(path);
  if (!endpoint.root_paths.empty() || !endpoint.single_process_paths.empty()) {
    return;
  }
  constexpr std::string_view kPrometheus = "/prometheus";
  const bool api = endpoint.suffix.starts_with("/prometheus/api/");
  // Remote write to /prometheus alone would stand in the query API's way.
  if (!api && endpoint.suffix.starts_with(kPrometheus)) return;
  add_root(endpoint.suffix);
  if (api) add_root(endpoint.suffix.substr(kPrometheus.size()));
}

}  // namespace varve::ingest

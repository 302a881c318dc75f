#include "lib/ingest/insert_door.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"

namespace varve::ingest {
namespace {

// A node that restarts is back in about this time.
constexpr const char* kRetryAfterSeconds = "2";

// Series of /metrics for tenants; more tenants are counted nowhere but in
// vm_rows_inserted_total.
constexpr size_t kTenantsCounted = 10'000;

// How soon one that waits for its rate sees that nobody waits for it.
constexpr absl::Duration kRateLook = absl::Milliseconds(200);
// Imports that wait for their tenants' rates: each holds one of the threads
// that read large bodies, of which there are eight at least.
constexpr int kRateWaitersMax = 4;

class Waiter {
 public:
  explicit Waiter(std::atomic<int>& all) : all_(all), number_(++all) {}
  ~Waiter() { --all_; }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  int number() const { return number_; }

 private:
  std::atomic<int>& all_;
  const int number_;
};

int64_t RowsOf(const protocol::SampleBatch& batch) {
  return static_cast<int64_t>(batch.values.size() + batch.histograms.size() +
                              batch.exemplars.size());
}

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
    : inserter_(inserter), gate_(gate), options_(options) {
  options_.metrics->AddCallback(
      this, "varve_imports_waiting_for_rate", {},
      [this] { return static_cast<double>(rate_waiters_.load()); });
}

InsertDoor::~InsertDoor() { options_.metrics->RemoveCallbacks(this); }

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

BodyBlocks InsertDoor::Blocks(const InsertRequest& request,
                              RecordForm form) const {
  const TenantNow tenant = inserter_->tenant_limits().Of(request.tenant.tenant);
  return BodyBlocks(request.http, LimitOfBody(request),
                    {tenant.limit->request_bytes_max, kRequestBytesKey}, form);
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
    ASSIGN_OR_RETURN(more, next(batch));
    if (batch.series.empty() && batch.metadata.empty()) continue;
    if (request.http.rest == nullptr) {
      RETURN_IF_ERROR(Store(request, batch, started, outcome));
    } else if (started && !request.tenant.in_labels) {
      RETURN_IF_ERROR(StoreLater(request, batch, outcome));
    } else {
      std::optional<InsertGate::Pass> pass;
      RETURN_IF_ERROR(TakePlace(pass));
      RETURN_IF_ERROR(Store(request, batch, started, outcome));
    }
  }
  return absl::OkStatus();
}

absl::Status InsertDoor::StoreLater(const InsertRequest& request,
                                    const protocol::SampleBatch& batch,
                                    InsertOutcome& outcome) {
  // Before it has a place that others need.
  RETURN_IF_ERROR(AwaitRate(request, RowsOf(batch)));
  std::optional<InsertGate::Pass> pass;
  absl::Status status = TakePlace(pass);
  if (status.ok()) {
    status =
        inserter_->Store(request.tenant, request.extra_labels, batch, outcome);
  }
  if (!status.ok()) {
    TenantLimits& limits = inserter_->tenant_limits();
    limits.GiveBack(limits.Of(request.tenant.tenant), RowsOf(batch));
  }
  return status;
}

absl::Status InsertDoor::AwaitRate(const InsertRequest& request,
                                   int64_t rows) {
  TenantLimits& limits = inserter_->tenant_limits();
  // The limits may become others meanwhile.
  const auto take = [&] {
    return limits.TakeLater(limits.Of(request.tenant.tenant), rows);
  };
  absl::Duration wait = take();
  if (wait <= absl::ZeroDuration()) return absl::OkStatus();
  const Waiter waiter(rate_waiters_);
  if (waiter.number() > kRateWaitersMax) {
    // It cannot wait: a 429, if the rows do not fit by now.
    return limits.Take(limits.Of(request.tenant.tenant), rows,
                       /*started=*/false);
  }
  for (; wait > absl::ZeroDuration(); wait = take()) {
    if (request.http.rest->Ends()) {
      return base::Cancelled("the import from ", request.http.remote_addr,
                             " ended while it waited for its tenant's rate");
    }
    absl::SleepFor(std::min(wait, kRateLook));
  }
  return absl::OkStatus();
}

absl::Status InsertDoor::Store(const InsertRequest& request,
                               const protocol::SampleBatch& batch,
                               bool& started, InsertOutcome& outcome) {
  const int64_t rows = RowsOf(batch);
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
  LogBadLines(request, reader);
  return status;
}

absl::Status InsertDoor::StoreLines(const InsertRequest& request,
                                    BodyBlocks& blocks,
                                    protocol::ImportReader& reader,
                                    const InsertFormat& format) {
  const absl::Status status = StoreBlocks(request, blocks, reader, format);
  LogBadLines(request, reader);
  return status;
}

void InsertDoor::LogBadLines(const InsertRequest& request,
                             const protocol::SkippingReader& reader) {
  static base::LogEvery log_every(60'000);
  if (reader.bad_lines() > 0 && log_every.Due()) {
    base::LogInfo(reader.bad_lines(), " bad lines of an import from ",
                  request.http.remote_addr,
                  " were skipped, the first: ", reader.first_error());
  }
}

absl::Status InsertDoor::FailedAt(const BodyBlocks& blocks,
                                  const absl::Status& status,
                                  const InsertOutcome& outcome) {
  if (status.ok() || outcome.rows_stored == 0) return status;
  const std::string text = base::StrCat(
      base::Message(status), "; the ", outcome.rows_stored,
      " rows before are stored; it is in the decoded body's bytes from ",
      blocks.start(), " on");
  absl::Status told(status.code(), base::ToAbsl(text));
  // When to come again.
  status.ForEachPayload(
      [&told](absl::string_view type, const absl::Cord& payload) {
        told.SetPayload(type, payload);
      });
  return told;
}

void InsertDoor::Count(const InsertFormat& format, const InsertTenant& tenant,
                       const absl::Status& status,
                       const InsertOutcome& outcome) {
  InsertOutcome counted;
  CountMore(format, tenant, outcome, counted);
  CountRequest(format, status, outcome);
}

void InsertDoor::CountRequest(const InsertFormat& format,
                              const absl::Status& status,
                              const InsertOutcome& outcome) {
  if (status.ok() || outcome.rows_stored > 0) {
    format.rows_per_insert->Observe(static_cast<double>(outcome.rows_stored));
  }
}

void InsertDoor::CountMore(const InsertFormat& format,
                           const InsertTenant& tenant,
                           const InsertOutcome& outcome,
                           InsertOutcome& counted) {
  const int64_t rows = outcome.rows_stored - counted.rows_stored;
  counted.rows_stored = outcome.rows_stored;
  format.metadata->Add(outcome.metadata_stored - counted.metadata_stored);
  counted.metadata_stored = outcome.metadata_stored;
  format.rows->Add(rows);
  if (!tenant.in_labels) return CountTenant(tenant.tenant, rows);
  TenantLimits& limits = inserter_->tenant_limits();
  for (const auto& [id, all] : outcome.tenant_rows) {
    int64_t& before = counted.tenant_rows[id];
    if (all == before) continue;
    CountTenant({id, ""}, all - before);
    limits.ChargeForOthers(limits.Of({id, ""}), all - before);
    before = all;
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
  return {options_.request_bytes_max, kRequestBytesFlag};
}

absl::Status InsertDoor::TakePlace(std::optional<InsertGate::Pass>& pass) {
  pass.emplace(*gate_);
  if (pass->granted()) return absl::OkStatus();
  return base::Unavailable(
      "no place for this insert within -insert.maxQueueDuration; ",
      gate_->concurrent_max(),
      " are under way, the most -maxConcurrentInserts allows");
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
    // One that still comes would keep it from others, see Store.
    if (request.rest == nullptr) RETURN_IF_ERROR(TakePlace(pass));
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
  route.streamed = endpoint.streamed;
  route.streamed_rate_min = options_.import_bytes_per_second_min;
  route.streamed_rate_flag = "-import.minBytesPerSecond";
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

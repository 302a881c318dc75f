#include "lib/ingest/insert_routes.h"

#include <charconv>

#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/ingest/request_tenant.h"
#include "lib/protocol/json_lines.h"
#include "lib/protocol/prometheus_text.h"
#include "lib/protocol/remote_write.h"
#include "lib/protocol/remote_write_2.h"
#include "lib/protocol/remote_write_body.h"

namespace varve::ingest {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kLimitFlag = "-maxInsertRequestSize";

// Rows of one write to the cluster: far more than agents send at once, few
// enough that the columns of a large import stay in the cache's reach.
constexpr size_t kBatchRows = 1 << 15;

// A node that restarts is back in about this time.
constexpr const char* kRetryAfterSeconds = "2";

// Series of /metrics for tenants; more tenants are counted nowhere but in
// vm_rows_inserted_total.
constexpr size_t kTenantsCounted = 10'000;

// Types whose series dashboards and alerts want from the start.
constexpr const char* kTypes[] = {
    "clusternative", "csvimport",       "datadogsketches", "datadogv1",
    "datadogv2",     "graphite",        "influx",          "native",
    "newrelic",      "opentelemetry",   "opentsdb",        "opentsdbhttp",
    "prometheus",    "promremotewrite", "vmimport",        "zabbixconnector"};

int HttpCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return 400;
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

void SendError(const absl::Status& status, http::ResponseWriter& response) {
  const int code = HttpCode(status);
  if (code == 503) response.SetHeader("Retry-After", kRetryAfterSeconds);
  static base::LogEvery log_every(10'000);
  if (code >= 500 && log_every.Due()) {
    base::LogWarn("a write was not stored: ", base::Message(status));
  }
  response.Send(code, kText, base::StrCat(base::Message(status), "\n"));
}

absl::StatusOr<std::vector<model::Label>> ExtraLabels(
    const http::Request& request) {
  std::vector<model::Label> labels;
  for (const std::string& text : request.AllArguments("extra_label")) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return base::InvalidArgument("extra_label=", text.substr(0, 100),
                                   " is not of the form name=value");
    }
    labels.push_back({text.substr(0, equals), text.substr(equals + 1)});
  }
  return labels;
}

enum class WriteVersion { k1, k2 };

// By the parameter `proto` of the Content-Type; 1.0 without one.
absl::StatusOr<WriteVersion> WriteVersionOf(const http::Request& request) {
  const std::string_view type = request.Header("content-type");
  for (size_t at = type.find(';'); at != std::string_view::npos;) {
    const size_t next = type.find(';', at + 1);
    std::string_view parameter = type.substr(at + 1, next - at - 1);
    at = next;
    while (parameter.starts_with(' ')) parameter.remove_prefix(1);
    while (parameter.ends_with(' ')) parameter.remove_suffix(1);
    constexpr std::string_view kProto = "proto=";
    if (!parameter.starts_with(kProto)) continue;
    const std::string_view message = parameter.substr(kProto.size());
    if (message == "io.prometheus.write.v2.Request") return WriteVersion::k2;
    if (message == "prometheus.WriteRequest") return WriteVersion::k1;
    return base::Unimplemented(
        "remote write of the message ", message.substr(0, 100),
        " is not supported; prometheus.WriteRequest (1.0) and "
        "io.prometheus.write.v2.Request (2.0) are");
  }
  return WriteVersion::k1;
}

// Remote write 2.0 tells with every answer what was written.
void SetWrittenHeaders(const InsertOutcome& outcome,
                       http::ResponseWriter& response) {
  const auto set = [&response](std::string_view what, int64_t count) {
    response.SetHeader(
        base::StrCat("X-Prometheus-Remote-Write-", what, "-Written"),
        base::StrCat(count));
  };
  set("Samples", outcome.samples_stored);
  set("Histograms", outcome.histograms_stored);
  set("Exemplars", outcome.exemplars_stored);
}

// Frees what an unusually large request has grown, however it ends: there are
// many threads, and each keeps its buffers.
class ShrinkAfter {
 public:
  explicit ShrinkAfter(std::string& body) : body_(&body) {}
  explicit ShrinkAfter(protocol::SampleBatch& batch) : batch_(&batch) {}
  ~ShrinkAfter() {
    constexpr size_t kBodyBytesKept = 4 << 20;
    if (body_ != nullptr && body_->capacity() > kBodyBytesKept) {
      std::string().swap(*body_);
    }
    if (batch_ != nullptr && batch_->rows_capacity() > 2 * kBatchRows) {
      *batch_ = protocol::SampleBatch();
    }
  }
  ShrinkAfter(const ShrinkAfter&) = delete;
  ShrinkAfter& operator=(const ShrinkAfter&) = delete;

 private:
  std::string* const body_ = nullptr;
  protocol::SampleBatch* const batch_ = nullptr;
};

std::string RejectionText(const InsertOutcome& outcome) {
  std::string text =
      base::StrCat(outcome.series_rejected, " series with ",
                   outcome.rows_rejected, " samples were rejected, the other ",
                   outcome.rows_stored, " samples are stored; rejected:");
  for (const std::string& one : outcome.rejected) {
    base::StrAppend(&text, "\n", one);
  }
  text += '\n';
  return text;
}

}  // namespace

InsertRoutes::InsertRoutes(Inserter* inserter, InsertGate* gate,
                           const InsertRouteOptions& options)
    : inserter_(inserter), gate_(gate), options_(options) {
  for (const char* type : kTypes) AddFormat(type);
  remote_write_ = AddFormat("promremotewrite");
  text_ = AddFormat("prometheus");
  json_ = AddFormat("vmimport");
  options_.metrics->AddCounter("vm_metadata_rows_inserted_total",
                               {{"type", "opentelemetry"}});
  options_.metrics->AddCounter("vm_relabel_metrics_dropped_total");
}

InsertRoutes::Format InsertRoutes::AddFormat(const std::string& type) {
  telemetry::Metrics& metrics = *options_.metrics;
  const telemetry::MetricLabels labels = {{"type", type}};
  return {
      .rows = &metrics.AddCounter("vm_rows_inserted_total", labels),
      .invalid = &metrics.AddCounter("vm_rows_invalid_total", labels),
      .metadata =
          &metrics.AddCounter("vm_metadata_rows_inserted_total", labels),
      .rows_per_insert = &metrics.AddHistogram("vm_rows_per_insert", labels)};
}

void InsertRoutes::CountRows(Format& format, const model::TenantId& tenant,
                             int64_t rows) {
  format.rows->Add(rows);
  format.rows_per_insert->Observe(static_cast<double>(rows));
  telemetry::Counter* counter = nullptr;
  {
    base::MutexLock lock(mutex_);
    const auto found = tenant_rows_.find(tenant);
    if (found != tenant_rows_.end()) {
      counter = found->second;
    } else if (tenant_rows_.size() < kTenantsCounted) {
      counter = &options_.metrics->AddCounter(
          "vm_tenant_inserted_rows_total",
          {{"accountID", base::StrCat(tenant.account_id())},
           {"projectID", base::StrCat(tenant.project_id())}});
      tenant_rows_[tenant] = counter;
    }
  }
  if (counter != nullptr) counter->Add(rows);
}

template <typename Walker>
absl::Status InsertRoutes::StoreSeries(const std::string& body,
                                       absl::Status (*check)(std::string_view),
                                       const model::TenantId& tenant,
                                       const std::vector<model::Label>& extra,
                                       InsertOutcome& outcome) {
  // Kept by the thread, as the body is.
  static thread_local protocol::SampleBatch batch;
  const ShrinkAfter shrink(batch);
  Walker walker(body);
  bool more = true;
  for (bool first = true; more; first = false) {
    batch.Clear();
    batch.form = protocol::IdentityForm::kRemoteWriteLabels;
    ASSIGN_OR_RETURN(more, walker.Next(batch, kBatchRows));
    // A broken request is stored not at all: before its first part is, the
    // rest is looked through.
    if (first && more) RETURN_IF_ERROR(check(body));
    RETURN_IF_ERROR(inserter_->Store(tenant, extra, batch, outcome));
  }
  return absl::OkStatus();
}

absl::StatusOr<protocol::BodyCodec> InsertRoutes::StoreRemoteWrite(
    const http::Request& request, bool version_2,
    const model::TenantId& tenant, InsertOutcome& outcome) {
  ASSIGN_OR_RETURN(const std::vector<model::Label> extra, ExtraLabels(request));
  // Kept by the thread: a fresh megabyte per request is page faults.
  static thread_local std::string body;
  const ShrinkAfter shrink(body);
  ASSIGN_OR_RETURN(const protocol::BodyCodec codec,
                   protocol::OpenRemoteWriteBody(
                       request.body, request.Header("content-encoding"),
                       options_.request_bytes_max, kLimitFlag, body));
  RETURN_IF_ERROR(
      version_2
          ? StoreSeries<protocol::RemoteWrite2Walker>(
                body, protocol::CheckRemoteWrite2, tenant, extra, outcome)
          : StoreSeries<protocol::RemoteWriteWalker>(
                body, protocol::CheckRemoteWrite, tenant, extra, outcome));
  return codec;
}

absl::Status InsertRoutes::TakeRemoteWrite(const http::Request& request,
                                           const model::TenantId& tenant,
                                           http::ResponseWriter& response) {
  ASSIGN_OR_RETURN(const WriteVersion version, WriteVersionOf(request));
  const bool version_2 = version == WriteVersion::k2;
  InsertOutcome outcome;
  const absl::StatusOr<protocol::BodyCodec> codec =
      StoreRemoteWrite(request, version_2, tenant, outcome);
  if (version_2) SetWrittenHeaders(outcome, response);
  RETURN_IF_ERROR(codec.status());
  CountRows(remote_write_, tenant, outcome.rows_stored);
  remote_write_.metadata->Add(outcome.metadata_stored);
  if (outcome.series_rejected > 0 && *codec != protocol::BodyCodec::kZstd) {
    response.Send(400, kText, RejectionText(outcome));
  } else {
    response.Send(204, "", "");
  }
  return absl::OkStatus();
}

absl::Status InsertRoutes::TakeImport(const http::Request& request,
                                      const model::TenantId& tenant,
                                      Format& format,
                                      protocol::ImportReader& reader,
                                      http::ResponseWriter& response) {
  ASSIGN_OR_RETURN(const std::vector<model::Label> extra, ExtraLabels(request));
  protocol::SampleBatch batch;
  InsertOutcome outcome;
  for (bool more = true; more;) {
    batch.Clear();
    batch.form = protocol::IdentityForm::kCanonical;
    more = reader.Next(batch, kBatchRows);
    RETURN_IF_ERROR(inserter_->Store(tenant, extra, batch, outcome));
  }
  CountRows(format, tenant, outcome.rows_stored);
  format.metadata->Add(outcome.metadata_stored);
  format.invalid->Add(reader.bad_lines());
  static base::LogEvery log_every(60'000);
  if (reader.bad_lines() > 0 && log_every.Due()) {
    base::LogInfo(reader.bad_lines(), " bad lines of an import from ",
                  request.remote_addr,
                  " were skipped, the first: ", reader.first_error());
  }
  response.Send(204, "", "");
  return absl::OkStatus();
}

absl::Status InsertRoutes::TakeText(const http::Request& request,
                                    const model::TenantId& tenant,
                                    http::ResponseWriter& response) {
  int64_t default_ms = options_.clock->NowMs();
  if (const std::string_view text = request.Argument("timestamp");
      !text.empty()) {
    const char* const end = text.data() + text.size();
    const auto [ptr, ec] = std::from_chars(text.data(), end, default_ms);
    if (ec != std::errc() || ptr != end) {
      return base::InvalidArgument("timestamp=", text.substr(0, 40),
                                   " is not a number of milliseconds");
    }
  }
  ASSIGN_OR_RETURN(
      const std::string body,
      http::DecodedBody(request, options_.request_bytes_max, kLimitFlag));
  protocol::PrometheusTextReader reader(body, default_ms,
                                        options_.line_bytes_max);
  return TakeImport(request, tenant, text_, reader, response);
}

absl::Status InsertRoutes::TakeJson(const http::Request& request,
                                    const model::TenantId& tenant,
                                    http::ResponseWriter& response) {
  ASSIGN_OR_RETURN(
      const std::string body,
      http::DecodedBody(request, options_.request_bytes_max, kLimitFlag));
  protocol::JsonLinesReader reader(body, options_.line_bytes_max);
  return TakeImport(request, tenant, json_, reader, response);
}

void InsertRoutes::Handle(const http::Request& request, bool tenant_in_path,
                          Take take, http::ResponseWriter& response) {
  const absl::StatusOr<model::TenantId> tenant =
      RequestTenant(request, tenant_in_path, options_.tenants_in_headers);
  if (!tenant.ok()) return SendError(tenant.status(), response);
  if (request.HasArgument("get_vm_proto_version")) {
    return response.Send(200, kText, "1");
  }
  if (request.body.empty()) return response.Send(204, "", "");
  InsertGate::Pass pass(*gate_);
  if (!pass.granted()) {
    return SendError(
        base::Unavailable(
            "no place for this insert within -insert.maxQueueDuration; ",
            gate_->concurrent_max(),
            " are under way, the most -maxConcurrentInserts allows"),
        response);
  }
  const absl::Status status = (this->*take)(request, *tenant, response);
  if (!status.ok()) SendError(status, response);
}

http::Route InsertRoutes::MakeRoute(std::string pattern, std::string label,
                                    const Endpoint& endpoint,
                                    bool tenant_in_path) {
  http::Route route;
  route.pattern = std::move(pattern);
  route.label = std::move(label);
  route.protocol = endpoint.protocol;
  // What does not compress grows a little in snappy and zstd.
  route.body_bytes_max =
      options_.request_bytes_max + options_.request_bytes_max / 8;
  route.limit_flag = kLimitFlag;
  route.raw_body = true;
  const Take take = endpoint.take;
  route.handler = [this, tenant_in_path, take](const http::Request& request,
                                               http::ResponseWriter& response) {
    Handle(request, tenant_in_path, take, response);
  };
  return route;
}

std::vector<http::Route> InsertRoutes::Routes() {
  const char* const kWrite = "/prometheus/";
  const Endpoint endpoints[] = {
      {"/prometheus/api/v1/write", kWrite, "promremotewrite",
       &InsertRoutes::TakeRemoteWrite},
      {"/prometheus/api/v1/push", kWrite, "promremotewrite",
       &InsertRoutes::TakeRemoteWrite},
      {"/prometheus", kWrite, "promremotewrite",
       &InsertRoutes::TakeRemoteWrite},
      {"/prometheus/", kWrite, "promremotewrite",
       &InsertRoutes::TakeRemoteWrite},
      {"/prometheus/api/v1/import/prometheus",
       "/prometheus/api/v1/import/prometheus", "prometheusimport",
       &InsertRoutes::TakeText},
      {"/prometheus/api/v1/import", "/prometheus/api/v1/import", "vmimport",
       &InsertRoutes::TakeJson},
  };
  std::vector<http::Route> routes;
  for (const Endpoint& endpoint : endpoints) {
    const std::string label = base::StrCat("/insert/{}", endpoint.label);
    routes.push_back(MakeRoute(base::StrCat("/insert/{}", endpoint.suffix),
                               label, endpoint, true));
    routes.push_back(MakeRoute(base::StrCat("/insert", endpoint.suffix), label,
                               endpoint, false));
    const std::string_view suffix = endpoint.suffix;
    const size_t api = suffix.find("/api/");
    if (!options_.tenantless_paths || api == std::string_view::npos) continue;
    routes.push_back(MakeRoute(std::string(suffix), "", endpoint, false));
    routes.push_back(
        MakeRoute(std::string(suffix.substr(api)), "", endpoint, false));
  }
  return routes;
}

}  // namespace varve::ingest

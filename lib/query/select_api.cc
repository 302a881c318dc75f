#include "lib/query/select_api.h"

#include <algorithm>
#include <utility>

#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/base/stopwatch.h"
#include "lib/base/version.h"
#include "lib/query/arguments.h"
#include "lib/query/cost_text.h"
#include "lib/query/json.h"
#include "lib/query/result_cache_file.h"
#include "lib/query/statistics.h"
#include "lib/query/tenant_path.h"

namespace varve::query {
namespace {

// Tenants with counters of their own; each costs a few hundred bytes for the
// life of the process, and any path names a tenant.
constexpr size_t kCountedTenantsMax = 10'000;

// Query arguments are short; matchers of label APIs are lists of them.
constexpr int64_t kFormBytesMax = 4 << 20;

constexpr std::string_view kText = "text/plain; charset=utf-8";

}  // namespace

int HttpStatusOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kUnimplemented:
      return 400;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
      return 500;
    default:
      return 422;
  }
}

absl::Status AsExecutionError(const absl::Status& status) {
  if (status.code() != absl::StatusCode::kInvalidArgument) return status;
  return base::FailedPrecondition(base::Message(status));
}

std::string ErrorJson(int http_status, std::string_view text,
                      const telemetry::Trace* trace) {
  std::string out = base::StrCat("{\"status\":\"error\",\"errorType\":\"",
                                 http_status, "\",\"error\":");
  AppendJsonString(out, text);
  AppendTrace(out, trace);
  out.push_back('}');
  return out;
}

struct SelectApi::Endpoint {
  const char* suffix;
  Method method;
  // Label of vm_request_duration_seconds; null for none.
  const char* duration_path = nullptr;
  // Reads storage: takes a place of -search.maxConcurrentRequests.
  bool limited = false;
  bool sees_all = false;  // other tenants' queries too
  bool raw_body = false;  // a form's fields are no arguments
};

SelectApi::SelectApi(SelectOptions options, StorageReader* reader,
                     telemetry::Metrics* metrics, base::ThreadPool* pool,
                     const base::Clock* clock)
    : options_(std::move(options)),
      reader_(reader),
      all_tenants_(reader),
      metrics_(metrics),
      pool_(pool),
      clock_(clock),
      gate_(options_.max_concurrent_requests, options_.max_queue_duration,
            *metrics),
      cache_(options_.cache_bytes),
      top_(options_.top_queries),
      statistics_(std::make_unique<Statistics>(*metrics)),
      started_ms_(clock->NowMs()) {
  if (options_.transport != nullptr && !options_.select_nodes.empty()) {
    peers_.emplace(options_.transport, options_.select_nodes,
                   options_.peer_access, options_.reset_cache_auth_key);
  }
  if (options_.transport != nullptr && options_.vmalert_url) {
    vmalert_.emplace(options_.transport, *options_.vmalert_url);
  }
  const telemetry::MetricLabels labels = {{"type", "promql/rollupResult"}};
  metrics->AddCallback(this, "vm_cache_entries", labels,
                       [this] { return cache_.entries(); });
  metrics->AddCallback(this, "vm_cache_size_bytes", labels,
                       [this] { return cache_.bytes(); });
  metrics->AddCallback(this, "vm_cache_size_max_bytes", labels,
                       [this] { return cache_.bytes_max(); });
  metrics->AddCallback(this, "vm_cache_requests_total", labels, [this] {
    return statistics_->cache_requests.value();
  });
  metrics->AddCallback(this, "vm_cache_misses_total", labels, [this] {
    return statistics_->cache_misses.value();
  });
}

SelectApi::~SelectApi() { metrics_->RemoveCallbacks(this); }

void SelectApi::Drain() {
  if (vmalert_) vmalert_->GiveUp();
}

void SelectApi::LoadKeptAnswers() {
  if (options_.cache_path.empty() || !options_.load_cache) return;
  const auto loaded = LoadResults(options_.cache_path,
                                  options_.cache_configuration, cache_);
  if (loaded.ok()) {
    base::LogInfo("loaded ", *loaded, " kept answers from ",
                  options_.cache_path);
  } else if (!absl::IsNotFound(loaded.status())) {
    base::LogWarn("kept answers: ", base::Message(loaded.status()));
  }
}

void SelectApi::SaveKeptAnswers() {
  if (options_.cache_path.empty()) return;
  const auto saved = SaveResults(options_.cache_path,
                                 options_.cache_configuration, cache_);
  if (saved.ok()) {
    base::LogInfo("saved ", *saved, " kept answers to ", options_.cache_path);
  } else {
    base::LogWarn("kept answers: ", base::Message(saved.status()));
  }
}

const std::vector<SelectApi::Endpoint>& SelectApi::Endpoints() {
  using A = SelectApi;
  static const std::vector<Endpoint> endpoints = {
      {"api/v1/query", &A::Query, "/api/v1/query", true},
      {"api/v1/query_range", &A::QueryRange, "/api/v1/query_range", true},
      {"api/v1/series", &A::Series, "/api/v1/series", true},
      {"api/v1/series/count", &A::SeriesCount, "/api/v1/series/count", true},
      {"api/v1/labels", &A::LabelNames, "/api/v1/labels", true},
      {"api/v1/label/{}/values", &A::LabelValues, "/api/v1/label/{}/values",
       true},
      {"api/v1/export", &A::Export, "/api/v1/export", true},
      {"api/v1/export/csv", &A::ExportCsv, "/api/v1/export/csv", true},
      {"api/v1/export/native", &A::ExportNative, "/api/v1/export/native", true},
      {"api/v1/read", &A::RemoteRead, "/api/v1/read", true},
      {"api/v1/status/tsdb", &A::StatusTsdb, "/api/v1/status/tsdb", true},
      {"api/v1/status/metric_names_stats", &A::MetricNamesStats,
       "/api/v1/status/metric_names_stats", true},
      {"federate", &A::Federate, "/federate", true},
      {"api/v1/status/active_queries", &A::ListActiveQueries},
      {"api/v1/status/active_queries/cancel", &A::CancelQuery},
      {"api/v1/status/top_queries", &A::ListTopQueries},
      {"api/v1/status/buildinfo", &A::BuildInfo},
      {"api/v1/status/runtimeinfo", &A::RuntimeInfo},
      {"api/v1/status/flags", &A::Flags},
      {"api/v1/status/config", &A::Config},
      {"api/v1/metadata", &A::Metadata, nullptr, true},
      {"api/v1/query_exemplars", &A::QueryExemplars, nullptr, true},
      {"api/v1/format_query", &A::FormatQuery, nullptr, true},
      {"api/v1/parse_query", &A::ParseQuery, nullptr, true},
      {"prettify-query", &A::PrettifyQuery, nullptr, true},
      {"expand-with-exprs", &A::ExpandWithExprs, nullptr, true},
      {.suffix = "api/v1/rules", .method = &A::Rules, .raw_body = true},
      {.suffix = "api/v1/alerts", .method = &A::Alerts, .raw_body = true},
      {.suffix = "api/v1/notifiers",
       .method = &A::Notifiers,
       .raw_body = true},
      {.suffix = "rules", .method = &A::Rules, .raw_body = true},
      {.suffix = "alerts", .method = &A::Alerts, .raw_body = true},
      {.suffix = "vmalert/{*}", .method = &A::Vmalert, .raw_body = true},
      {"-/healthy", &A::Healthy},
      {"-/ready", &A::Ready},
  };
  return endpoints;
}

const std::vector<SelectApi::Endpoint>& SelectApi::GlobalEndpoints() {
  using A = SelectApi;
  static const std::vector<Endpoint> endpoints = {
      {.suffix = "api/v1/status/active_queries",
       .method = &A::ListActiveQueries,
       .sees_all = true},
      {.suffix = "api/v1/status/active_queries/cancel",
       .method = &A::CancelQuery,
       .sees_all = true},
      {.suffix = "api/v1/status/top_queries",
       .method = &A::ListTopQueries,
       .sees_all = true},
  };
  return endpoints;
}

const std::vector<SelectApi::Endpoint>& SelectApi::GraphiteEndpoints() {
  using A = SelectApi;
  static const std::vector<Endpoint> endpoints = {
      {"metrics/find", &A::GraphiteFind, nullptr, true},
      {"metrics/find/", &A::GraphiteFind, nullptr, true},
      {"metrics/expand", &A::GraphiteExpand, nullptr, true},
      {"metrics/expand/", &A::GraphiteExpand, nullptr, true},
      {"metrics/index.json", &A::GraphiteIndex, nullptr, true},
      {"metrics/index.json/", &A::GraphiteIndex, nullptr, true},
      {"render", &A::GraphiteRender, "/render", true},
      {"render/", &A::GraphiteRender, "/render", true},
      {"functions", &A::GraphiteFunctions},
      {"functions/", &A::GraphiteFunctions},
      {"functions/{}", &A::GraphiteFunctions},
      {"tags", &A::GraphiteTags, nullptr, true},
      {"tags/findSeries", &A::GraphiteFindSeries, nullptr, true},
      {"tags/autoComplete/tags", &A::GraphiteCompleteTags, nullptr, true},
      {"tags/autoComplete/values", &A::GraphiteCompleteValues, nullptr, true},
      {"tags/tagSeries", &A::GraphiteTagSeries},
      {"tags/tagMultiSeries", &A::GraphiteTagSeries},
      {"tags/{}", &A::GraphiteTagValues, nullptr, true},
  };
  return endpoints;
}

bool SelectApi::TellsOfQueries(const Endpoint& endpoint) {
  return std::ranges::any_of(GlobalEndpoints(), [&](const Endpoint& one) {
    return std::string_view(one.suffix) == endpoint.suffix;
  });
}

std::vector<http::Route> SelectApi::Routes(bool from_root) {
  std::vector<Prefix> prefixes = {{"/select/{}/prometheus/", true},
                                  {"/select/{}/", true},
                                  {"/select/prometheus/", false},
                                  {"/select/", false}};
  prefixes.push_back({"/prometheus/", false});
  if (from_root) prefixes.push_back({"/", false});
  std::vector<http::Route> routes;
  for (const Prefix& prefix : prefixes) {
    for (const Endpoint& endpoint : Endpoints()) {
      // /-/healthy of the root is a route of every role; queries are told of
      // there over all tenants, see below.
      if (prefix.text == "/" &&
          (endpoint.suffix[0] == '-' || TellsOfQueries(endpoint))) {
        continue;
      }
      routes.push_back(MakeRoute(prefix.text, prefix.has_tenant, endpoint));
    }
  }
  AddGraphiteRoutes(from_root, routes);
  AddDeleteRoutes(from_root, routes);
  AddNodeRoutes(routes);
  return routes;
}

void SelectApi::AddGraphiteRoutes(bool from_root,
                                  std::vector<http::Route>& routes) {
  std::vector<Prefix> graphites = {{"/select/{}/graphite/", true},
                                   {"/select/graphite/", false}};
  if (from_root) graphites.push_back({"/graphite/", false});
  for (const Prefix& prefix : graphites) {
    for (const Endpoint& endpoint : GraphiteEndpoints()) {
      routes.push_back(MakeRoute(prefix.text, prefix.has_tenant, endpoint));
      routes.back().label =
          base::StrCat("/select/{}/graphite/", endpoint.suffix);
    }
  }
}

void SelectApi::AddDeleteRoutes(bool from_root,
                                std::vector<http::Route>& routes) {
  static const Endpoint kDelete = {"api/v1/admin/tsdb/delete_series",
                                   &SelectApi::DeleteSeries};
  std::vector<Prefix> deletes = {{"/delete/{}/prometheus/", true},
                                 {"/delete/{}/", true},
                                 {"/delete/prometheus/", false},
                                 {"/delete/", false}};
  deletes.push_back({"/prometheus/", false});
  if (from_root) deletes.push_back({"/", false});
  for (const Prefix& prefix : deletes) {
    routes.push_back(MakeRoute(prefix.text, prefix.has_tenant, kDelete));
    routes.back().label =
        "/delete/{}/prometheus/api/v1/admin/tsdb/delete_series";
    routes.back().auth_key = options_.delete_auth_key;
  }
}

// Of the node as a whole.
void SelectApi::AddNodeRoutes(std::vector<http::Route>& routes) {
  static const Endpoint kTenants = {"admin/tenants", &SelectApi::AdminTenants,
                                    "/admin/tenants", true};
  static const Endpoint kReset = {"internal/resetRollupResultCache",
                                  &SelectApi::ResetCache};
  routes.push_back(MakeRoute("/", false, kTenants));
  routes.back().label = "/admin/tenants";
  routes.push_back(MakeRoute("/", false, kReset));
  routes.back().label = "/internal/resetRollupResultCache";
  routes.back().auth_key = options_.reset_cache_auth_key;
  static const Endpoint kResetUsage = {
      "api/v1/admin/status/metric_names_stats/reset",
      &SelectApi::ResetMetricNamesStats};
  for (const Endpoint& endpoint : GlobalEndpoints()) {
    routes.push_back(MakeRoute("/", false, endpoint));
    routes.back().label = base::StrCat("/", endpoint.suffix);
  }
  for (const char* const prefix : {"/", "/admin/"}) {
    routes.push_back(MakeRoute(prefix, false, kResetUsage));
    routes.back().label = "/admin/api/v1/admin/status/metric_names_stats/reset";
    routes.back().auth_key = options_.reset_usage_auth_key;
  }
}

http::Route SelectApi::MakeRoute(const std::string& prefix, bool has_tenant,
                                 const Endpoint& endpoint) {
  http::Route route;
  route.pattern = prefix + endpoint.suffix;
  route.label = base::StrCat("/select/{}/prometheus/", endpoint.suffix);
  route.body_bytes_max = kFormBytesMax;
  route.raw_body = endpoint.raw_body;
  if (endpoint.duration_path != nullptr) {
    metrics_->AddSummary("vm_request_duration_seconds",
                         {{"path", endpoint.duration_path}});
  }
  route.handler = [this, &endpoint, has_tenant](const http::Request& request,
                                                http::ResponseWriter& writer) {
    Run(endpoint, has_tenant, request, writer);
  };
  return route;
}

absl::StatusOr<QueryTenants> SelectApi::TenantsOf(
    bool has_tenant, const http::Request& request) const {
  if (!has_tenant && options_.tenants_in_headers) {
    return TenantsOfHeaders(request);
  }
  QueryTenants tenants;
  if (!has_tenant) return tenants;
  if (request.captures[0] == kMultitenant) {
    tenants.all = true;
    return tenants;
  }
  ASSIGN_OR_RETURN(tenants.tenants[0].id,
                   TenantOfPath(request.captures[0], request.path));
  return tenants;
}

void SelectApi::Run(const Endpoint& endpoint, bool has_tenant,
                    const http::Request& request,
                    http::ResponseWriter& writer) {
  const auto tenants = TenantsOf(has_tenant, request);
  if (!tenants.ok()) {
    return writer.Send(400, kText, base::Message(tenants.status()));
  }
  Context context{request, writer, *tenants};
  context.captures.assign(request.captures.begin() + (has_tenant ? 1 : 0),
                          request.captures.end());
  context.sees_all = endpoint.sees_all;
  context.reader = reader_;
  if (tenants->all) {
    context.reader = &all_tenants_;
  } else if (tenants->several()) {
    context.federation.emplace(reader_, tenants->tenants);
    context.reader = &*context.federation;
  }
  if (endpoint.limited) {
    RunLimited(endpoint, context);
  } else {
    Call(endpoint, context);
  }
}

void SelectApi::RunLimited(const Endpoint& endpoint, Context& context) {
  http::ResponseWriter& writer = context.writer;
  const base::Stopwatch queued;
  const ConcurrencyGate::Pass pass(
      gate_, [&writer] { return writer.client_gone(); });
  if (!pass.held()) {
    writer.SetHeader("Retry-After", "10");
    return writer.Send(
        429, kText,
        base::StrCat("could not start the query in ",
                     absl::FormatDuration(options_.max_queue_duration),
                     " (-search.maxQueueDuration), since ", gate_.capacity(),
                     " queries (-search.maxConcurrentRequests) are running; "
                     "try later, or add resources\n"));
  }
  context.queued_us = queued.ElapsedUs();
  context.run.emplace(&active_, &writer, context.tenants,
                      context.request.remote_addr);
  context.text.filters = FiltersText(context.request);
  if (!options_.deny_trace && BoolArgument(context.request, "trace")) {
    context.trace = std::make_unique<telemetry::Trace>(
        base::StrCat("varve-select ", base::kVersion, ": ",
                     context.request.path));
  }
  Call(endpoint, context);
}

void SelectApi::Call(const Endpoint& endpoint, Context& context) {
  context.now_ms = clock_->NowMs();
  context.steady_start_ms = base::SystemClock().SteadyMs();
  const absl::Status status = (this->*endpoint.method)(context);
  if (!status.ok()) {
    const int code = HttpStatusOf(status);
    context.writer.Send(
        code, "application/json",
        ErrorJson(code, base::Message(status), context.trace.get()));
  }
  Finish(endpoint, context);
}

void SelectApi::Finish(const Endpoint& endpoint, const Context& context) {
  const int64_t elapsed_ms =
      base::SystemClock().SteadyMs() - context.steady_start_ms;
  if (endpoint.duration_path != nullptr) {
    metrics_
        ->AddSummary("vm_request_duration_seconds",
                     {{"path", endpoint.duration_path}})
        .Observe(static_cast<double>(elapsed_ms) / 1000);
  }
  if (endpoint.limited) CountTenant(context, elapsed_ms);
  if (context.text.query.empty()) return;
  RanQuery ran;
  ran.query = context.text.query;
  ran.filters = context.text.filters;
  ran.tenants = context.tenants;
  ran.range_s =
      (context.text.range.end_ms - context.text.range.start_ms) / 1000;
  ran.end_steady_ms = base::SystemClock().SteadyMs();
  ran.duration_ms = elapsed_ms;
  ran.memory_bytes = context.stats.memory_bytes_peak;
  top_.Add(std::move(ran));
  LogSlow(context, elapsed_ms);
}

void SelectApi::LogSlow(const Context& context, int64_t elapsed_ms) {
  const int64_t slow_ms =
      absl::ToInt64Milliseconds(options_.log_slow_query_duration);
  if (slow_ms <= 0 || elapsed_ms < slow_ms) return;
  statistics_->slow_queries.Increment();
  base::LogWarn("slow query according to -search.logSlowQueryDuration=",
                absl::FormatDuration(options_.log_slow_query_duration),
                ": remoteAddr=\"", context.request.remote_addr,
                "\", duration=", static_cast<double>(elapsed_ms) / 1000,
                " seconds, start=", context.text.range.start_ms,
                ", end=", context.text.range.end_ms,
                ", step=", context.text.step_ms,
                ", tenant=", context.tenants.Text(), ", ",
                CostText(context.stats, context.meter), ", query=\"",
                context.text.query, "\"");
}

void SelectApi::CountTenant(const Context& context, int64_t elapsed_ms) {
  if (context.tenants.several()) return;
  const model::Tenant& tenant = context.tenants.one();
  base::MutexLock lock(tenants_mutex_);
  auto found = tenant_counters_.find(tenant);
  if (found == tenant_counters_.end()) {
    if (tenant_counters_.size() >= kCountedTenantsMax) return;
    const telemetry::MetricLabels labels =
        tenant.id.kind != 0
            ? telemetry::MetricLabels{{"tenant", tenant.name}}
            : telemetry::MetricLabels{
                  {"accountID", base::StrCat(tenant.id.account_id())},
                  {"projectID", base::StrCat(tenant.id.project_id())}};
    found = tenant_counters_
                .emplace(
                    tenant,
                    std::pair(&metrics_->AddCounter(
                                  "vm_tenant_select_requests_total", labels),
                              &metrics_->AddCounter(
                                  "vm_tenant_select_requests_duration_ms_total",
                                  labels)))
                .first;
  }
  found->second.first->Increment();
  found->second.second->Add(elapsed_ms);
}

void SelectApi::CountPartial(std::string_view action, bool is_partial) {
  if (!is_partial) return;
  const auto found = statistics_->partial.find(action);
  if (found != statistics_->partial.end()) found->second->Increment();
}

}  // namespace varve::query

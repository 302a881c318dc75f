// The HTTP API of the select role: queries, labels, series, export.
//
// Every endpoint is reachable under /select/<tenant>/prometheus/…, without
// `prometheus`, without a tenant (then AccountID and ProjectID headers count, or
// X-Scope-OrgID), below /prometheus/, and, in the single process, from the root.
// The tenant `multitenant` reads all of them, X-Scope-OrgID: a|b those named
// (multitenant_reader.h). Answers have Prometheus' shapes
// plus isPartial and stats; errors are
// {"status":"error","errorType":"<HTTP code>","error":"…"}.
//
// Codes: 400 for a request that cannot be read, 422 for one that cannot be
// answered as asked (limits, evaluation), 429 when too many queries wait, 503
// when storage is not reachable or a partial answer is denied.
//
// Lifetime: the reader, the metrics, the clock and the pool outlive it; it
//           outlives the server that has its routes.
// Threads:  handlers run on any thread, many at a time.
#ifndef VARVE_LIB_QUERY_SELECT_API_H_
#define VARVE_LIB_QUERY_SELECT_API_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/flags.h"
#include "lib/base/mutex.h"
#include "lib/base/thread_pool.h"
#include "lib/eval/evaluator.h"
#include "lib/graphite/path_pattern.h"
#include "lib/promql/ast.h"
#include "lib/query/active_queries.h"
#include "lib/query/cluster_source.h"
#include "lib/query/concurrency_gate.h"
#include "lib/query/dialect.h"
#include "lib/query/graphite_host.h"
#include "lib/query/multitenant_reader.h"
#include "lib/query/result_cache.h"
#include "lib/query/result_json.h"
#include "lib/query/select_peers.h"
#include "lib/query/storage_reader.h"
#include "lib/query/tenant_path.h"
#include "lib/query/top_queries.h"
#include "lib/query/vmalert_proxy.h"
#include "lib/telemetry/metrics.h"
#include "lib/telemetry/trace.h"
#include "net/http/client.h"
#include "net/http/server.h"

namespace varve::query {

// Named after the flags they come from, without `search.`.
struct SelectOptions {
  int64_t max_concurrent_requests = 4;
  absl::Duration max_queue_duration = absl::Seconds(10);
  absl::Duration max_query_duration = absl::Seconds(30);
  absl::Duration max_export_duration = absl::Hours(720);
  absl::Duration max_labels_duration = absl::Seconds(5);
  absl::Duration max_status_duration = absl::Minutes(5);
  absl::Duration log_slow_query_duration = absl::Seconds(5);
  int64_t max_query_bytes = 16 << 10;
  int64_t max_unique_series = 0;  // 0: the storage decides
  int64_t max_series = 30'000;
  int64_t max_labels_series = 1'000'000;
  int64_t max_export_series = 10'000'000;
  int64_t max_federate_series = 1'000'000;
  int64_t max_status_series = 10'000'000;
  int64_t max_status_top = 1'000;
  int64_t max_response_series = 0;  // 0: no limit
  int64_t lookback_ms = 300'000;
  int64_t cache_bytes = 0;  // of kept answers; 0: none are kept
  absl::Duration cache_timestamp_offset = absl::Minutes(5);
  std::string cache_path;  // of the file that keeps them over a restart; or ""
  bool load_cache = true;  // false: what is there is not read
  // Differs where flags make answers differ.
  uint64_t cache_configuration = 0;
  DialectOptions dialect;
  bool deny_partial = false;
  bool delayed_name_removal = true;
  // Asked of /internal/resetRollupResultCache; null or "" for none.
  const std::string* reset_cache_auth_key = nullptr;
  // Asked of delete_series.
  const std::string* delete_auth_key = nullptr;
  int64_t max_delete_series = 1'000'000;  // on one node
  absl::Duration max_delete_duration = absl::Minutes(5);
  // Likewise of /admin/api/v1/admin/status/metric_names_stats/reset.
  const std::string* reset_usage_auth_key = nullptr;
  bool tenants_in_headers = true;  // -enableMultitenancyViaHeaders
  bool deny_trace = false;  // trace=1 has no effect
  int64_t max_graphite_items = 300'000;  // -search.maxGraphiteSeries
  int64_t graphite_step_ms = 10'000;     // -search.graphiteStorageStep
  int64_t graphite_points_max = 1'000'000;  // …graphiteMaxPointsPerSeries
  int64_t max_samples_per_series = 30'000'000;
  const base::FlagSet* flags = nullptr;  // told by status/flags
  // By which other processes are asked; outlives the API. Null: there are
  // none, whatever the next two say.
  net::Transport* transport = nullptr;
  std::vector<std::string> select_nodes;      // host:port
  http::ServerAccess peer_access;             // of select_nodes
  std::optional<http::BaseUrl> vmalert_url;  // -vmalert.proxyURL
  TopQueriesOptions top_queries;
  eval::Limits limits;
};

class SelectApi {
 public:
  // `pool` may be null: queries then run on one thread each.
  SelectApi(SelectOptions options, StorageReader* reader,
            telemetry::Metrics* metrics, base::ThreadPool* pool,
            const base::Clock* clock);
  ~SelectApi();

  // The process is to stop: requests that wait for vmalert's answer end.
  // Before the server waits for requests under way.
  void Drain();

  // Where requests of an upper level wait with queries.
  ConcurrencyGate& gate() { return gate_; }

  // Kept answers from and to options.cache_path; the log tells what failed.
  void LoadKeptAnswers();
  void SaveKeptAnswers();

  // `from_root`: also /api/v1/… and /prometheus/… without /select.
  std::vector<http::Route> Routes(bool from_root);

 private:
  struct Endpoint;
  struct Statistics;
  // One request under way.
  struct Context {
    const http::Request& request;
    http::ResponseWriter& writer;
    QueryTenants tenants;
    std::vector<std::string> captures;  // after the tenant
    int64_t now_ms = 0;
    int64_t steady_start_ms = 0;
    StorageReader* reader = nullptr;  // of the tenant, or of several
    std::optional<MultitenantReader> federation;  // of those named: a|b
    bool sees_all = false;            // other tenants' queries too
    QueryText text;         // empty unless the endpoint evaluates one
    std::optional<QueryRun> run;
    // What it took.
    int64_t queued_us = 0;
    cluster::ReadMeter meter;
    eval::EvalStats stats;
    std::unique_ptr<telemetry::Trace> trace;  // null unless asked for
    bool is_partial = false;                  // by TellPartial

    // Whether it may know of a query: of its tenant and, where it has extra
    // filters, of the same ones. `filters` are FiltersText of this request.
    bool MayKnow(std::string_view filters, const QueryTenants& other,
                 std::string_view other_filters) const {
      if (sees_all) return true;
      if (!filters.empty() && filters != other_filters) return false;
      return other == tenants;
    }
  };
  using Method = absl::Status (SelectApi::*)(Context&);

  static const std::vector<Endpoint>& Endpoints();
  // Those of the node as a whole, without a tenant.
  static const std::vector<Endpoint>& GlobalEndpoints();
  static const std::vector<Endpoint>& GraphiteEndpoints();
  static bool TellsOfQueries(const Endpoint& endpoint);
  struct Prefix {
    std::string text;
    bool has_tenant;
  };
  void AddGraphiteRoutes(bool from_root, std::vector<http::Route>& routes);
  void AddDeleteRoutes(bool from_root, std::vector<http::Route>& routes);
  void AddNodeRoutes(std::vector<http::Route>& routes);
  http::Route MakeRoute(const std::string& prefix, bool has_tenant,
                        const Endpoint& endpoint);
  absl::StatusOr<QueryTenants> TenantsOf(bool has_tenant,
                                         const http::Request& request) const;
  void Run(const Endpoint& endpoint, bool has_tenant,
           const http::Request& request, http::ResponseWriter& writer);
  // Waits for a place and runs the endpoint's method.
  void RunLimited(const Endpoint& endpoint, Context& context);
  void Call(const Endpoint& endpoint, Context& context);
  void Finish(const Endpoint& endpoint, const Context& context);
  void LogSlow(const Context& context, int64_t elapsed_ms);
  void CountTenant(const Context& context, int64_t elapsed_ms);

  // query_endpoints.cc
  absl::Status Query(Context& context);
  absl::Status QueryRange(Context& context);
  // `shift_ms`: the answer of an instant query is of so much later.
  absl::Status Evaluate(Context& context, eval::EvalRequest& request,
                        bool is_range, int64_t shift_ms = 0);
  absl::StatusOr<ClusterSource::Options> SourceOptions(Context& context) const;
  absl::Status AnswerResult(Context& context, const eval::EvalResult& result,
                            const ResultFormat& format,
                            const OutcomeCollector& outcomes);
  // By a kept answer where that is possible.
  absl::StatusOr<eval::EvalResult> EvaluateExpr(
      const Context& context, const ClusterSource::Options& read,
      const eval::EvalRequest& request, const OutcomeCollector& outcomes);
  void CountEvaluation(const eval::EvalStats& stats);
  void AppendStats(std::string& out, const Context& context) const;
  absl::Status ReadEvalArguments(Context& context, eval::EvalRequest& request);
  // language_endpoints.cc
  absl::StatusOr<promql::ExprPtr> ParseArgument(const Context& context) const;
  absl::Status FormatQuery(Context& context);
  absl::Status ParseQuery(Context& context);
  absl::Status PrettifyQuery(Context& context);
  absl::Status ExpandWithExprs(Context& context);
  // series_endpoints.cc
  absl::Status Series(Context& context);
  absl::Status LabelNames(Context& context);
  absl::Status LabelValues(Context& context);
  absl::Status SeriesCount(Context& context);
  absl::Status StatusTsdb(Context& context);
  using Entries =
      google::protobuf::RepeatedPtrField<proto::CardinalityResponse::Entry>;
  void AppendMetricNames(std::string& out, const Context& context,
                         const Entries& entries,
                         const cluster::ReadRequest& read);
  absl::Status AdminTenants(Context& context);
  // status_endpoints.cc
  absl::Status ListActiveQueries(Context& context);
  absl::Status CancelQuery(Context& context);
  absl::Status ListTopQueries(Context& context);
  // usage_endpoints.cc
  absl::Status MetricNamesStats(Context& context);
  absl::Status ResetMetricNamesStats(Context& context);
  absl::Status AnswerLabels(Context& context, const std::string& label,
                            std::string_view action);
  // A read of match[], extra filters and a range of whole days.
  absl::StatusOr<cluster::ReadRequest> LabelsRequest(
      Context& context, absl::Duration duration_max, int64_t series_max);
  // delete_endpoint.cc
  absl::Status DeleteSeries(Context& context);
  // export_endpoints.cc, federate_endpoint.cc
  absl::Status Export(Context& context);
  absl::Status ExportCsv(Context& context);
  absl::Status ExportNative(Context& context);
  absl::Status Federate(Context& context);
  absl::StatusOr<cluster::ReadRequest> ExportRequest(Context& context);
  // kind_endpoints.cc
  absl::Status Metadata(Context& context);
  absl::Status QueryExemplars(Context& context);
  // remote_read_endpoint.cc
  absl::Status RemoteRead(Context& context);
  // graphite_endpoints.cc
  absl::Status GraphiteFind(Context& context);
  absl::Status GraphiteExpand(Context& context);
  absl::Status GraphiteIndex(Context& context);
  absl::StatusOr<cluster::ReadRequest> GraphiteRequest(Context& context);
  // Names or values, at most -search.maxGraphiteSeries of them.
  absl::StatusOr<std::vector<std::string>> GraphiteLabels(
      Context& context, cluster::ReadRequest read,
      std::vector<model::Matchers> groups, const std::string& label);
  absl::StatusOr<std::vector<graphite::PathNode>> GraphiteNodes(
      Context& context, const graphite::PathPattern& pattern);
  static absl::Status OneTenant(const Context& context);
  // MarkPartial is for just before an answer that is no error.
  void TellPartial(Context& context, std::string_view action, bool is_partial);
  static void MarkPartial(const Context& context);
  static absl::Status SendJsonp(const Context& context, std::string json);
  // graphite_render.cc
  absl::Status GraphiteRender(Context& context);
  absl::Status GraphiteFunctions(Context& context);
  absl::StatusOr<GraphiteHost::Options> GraphiteRead(Context& context) const;
  // graphite_tags.cc
  absl::Status GraphiteTags(Context& context);
  absl::Status GraphiteTagValues(Context& context);
  absl::Status GraphiteFindSeries(Context& context);
  absl::Status GraphiteCompleteTags(Context& context);
  absl::Status GraphiteCompleteValues(Context& context);
  absl::Status GraphiteTagSeries(Context& context);
  // rules_endpoints.cc
  absl::Status Rules(Context& context);
  absl::Status Alerts(Context& context);
  absl::Status Notifiers(Context& context);
  absl::Status Vmalert(Context& context);
  // What vmalert answers at `path`; without one 200 and `otherwise`.
  absl::Status AskVmalert(Context& context, std::string_view path,
                          std::string_view otherwise);
  // static_endpoints.cc
  absl::Status RuntimeInfo(Context& context);
  absl::Status Flags(Context& context);
  absl::Status Config(Context& context);
  absl::Status BuildInfo(Context& context);
  absl::Status Healthy(Context& context);
  absl::Status Ready(Context& context);
  absl::Status ResetCache(Context& context);

  // request_parts.cc: what several endpoints read from a request.
  // Tenant, deadline (`timeout` may only lower `duration_max`), deny_partial.
  // The reads that are made with it end when the request does.
  absl::StatusOr<cluster::ReadRequest> BaseRequest(
      Context& context, absl::Duration duration_max) const;
  // match[] and match, parsed; the extra filters of the request.
  absl::StatusOr<std::vector<model::Matchers>> Selectors(
      const Context& context) const;
  absl::StatusOr<std::vector<model::Matchers>> ExtraFilters(
      const Context& context) const;
  // The extra filters as they were given, in one text; "" without any.
  static std::string FiltersText(const http::Request& request);
  absl::Status CheckQueryLength(std::string_view text) const;
  void CountPartial(std::string_view action, bool is_partial);

  const SelectOptions options_;
  StorageReader* const reader_;
  MultitenantReader all_tenants_;
  telemetry::Metrics* const metrics_;
  base::ThreadPool* const pool_;
  const base::Clock* const clock_;
  ConcurrencyGate gate_;
  ResultCache cache_;
  ActiveQueries active_;
  TopQueries top_;
  const std::unique_ptr<Statistics> statistics_;
  std::optional<SelectPeers> peers_;      // none without -selectNode
  std::optional<VmalertProxy> vmalert_;  // none without -vmalert.proxyURL
  const int64_t started_ms_;

  base::Mutex tenants_mutex_;
  std::map<model::Tenant, std::pair<telemetry::Counter*, telemetry::Counter*>>
      tenant_counters_ GUARDED_BY(tenants_mutex_);
};

// The HTTP status that an endpoint's error stands for.
int HttpStatusOf(const absl::Status& status);
// For errors after a request was understood: InvalidArgument becomes
// FailedPrecondition (422 instead of 400).
absl::Status AsExecutionError(const absl::Status& status);
// {"status":"error",…}
std::string ErrorJson(int http_status, std::string_view text,
                      const telemetry::Trace* trace = nullptr);

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_SELECT_API_H_

// What all endpoints that take samples share: whose data it is, a place in the
// queue, arguments, batches to the inserter, counters, and errors as answers.
//
// Lifetime: outlives the server its routes are given to.
// Threads:  all members from any thread; handlers run on many.
#ifndef VARVE_LIB_INGEST_INSERT_DOOR_H_
#define VARVE_LIB_INGEST_INSERT_DOOR_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/ingest/body_blocks.h"
#include "lib/ingest/insert_gate.h"
#include "lib/ingest/inserter.h"
#include "lib/ingest/line_options.h"
#include "lib/ingest/request_tenant.h"
#include "lib/protocol/check_body.h"
#include "lib/protocol/import_reader.h"
#include "lib/protocol/otlp_labels.h"
#include "lib/telemetry/metrics.h"
#include "net/http/server.h"

namespace varve::ingest {

// Names the limit of bodies in errors.
inline constexpr const char* kRequestBytesFlag = "-maxInsertRequestSize";

inline constexpr std::string_view kPlainText = "text/plain; charset=utf-8";

struct InsertRouteOptions {
  int64_t request_bytes_max = 32 << 20;  // -maxInsertRequestSize
  int64_t otlp_bytes_max = 64 << 20;     // -opentelemetry.maxRequestSize
  protocol::OtlpOptions otlp;
  int64_t line_bytes_max = 10 << 20;  // -import.maxLineLen
  // -import.minBytesPerSecond
  int64_t import_bytes_per_second_min = 32 << 10;
  int64_t csv_trim_ms = 1;            // -csvTrimTimestamp
  TenantHeaderRules tenant_headers;
  // Also "/api/v1/write" and the like, for the one-process server.
  bool tenantless_paths = false;
  LineOptions lines;
  telemetry::Metrics* metrics = nullptr;
  const base::Clock* clock = &base::SystemClock();
};

// A request whose tenant is known and that has its place in the queue.
struct InsertRequest {
  const http::Request& http;
  BodyLimit limit;
  InsertTenant tenant;
  std::vector<model::Label> extra_labels;  // of ?extra_label=name=value
};

// Stores the request and answers it. An error is answered by the caller.
using TakeRequest =
    std::function<absl::Status(const InsertRequest&, http::ResponseWriter&)>;

struct InsertEndpoint {
  std::string suffix;    // below /insert/<tenant>
  std::string label;     // of vm_http_requests_total, likewise
  std::string protocol;  // its other label
  TakeRequest take;
  // How errors look to this protocol's clients; empty: as text.
  std::function<void(const http::Request&, const absl::Status&,
                     http::ResponseWriter&)>
      send_error = {};
  // Otherwise a request without a body stores nothing and is answered 204.
  // Neither waits for a place or is held against the tenant's rate.
  bool takes_empty_body = false;
  BodyLimit limit = {};  // 0: -maxInsertRequestSize
  // Its bodies may have any size: `take` reads them by Blocks.
  bool streamed = false;
  // Paths without /insert: as Grafana Mimir has them, as other servers have
  // them, and of the one-process server alone. Where the latter two are empty
  // that server has the suffix, and the suffix without /prometheus.
  std::vector<std::string> mimir_paths = {};
  std::vector<std::string> root_paths = {};
  std::vector<std::string> single_process_paths = {};
};

// Labels of the arguments, or of the path, that a request may set: each is
// looked for among those of every series.
inline constexpr size_t kExtraLabelsMax = 64;

// The error names `what` there are too many of.
absl::Status CheckExtraLabels(size_t count, std::string_view what);

// Counters of one type of data.
struct InsertFormat {
  telemetry::Counter* rows = nullptr;
  telemetry::Counter* invalid = nullptr;
  telemetry::Counter* metadata = nullptr;
  telemetry::RangeHistogram* rows_per_insert = nullptr;
};

class InsertDoor {
 public:
  InsertDoor(Inserter* inserter, InsertGate* gate,
             const InsertRouteOptions& options);
  ~InsertDoor();

  const InsertRouteOptions& options() const { return options_; }

  // The routes of an endpoint: with the tenant in the path, in headers, on
  // Mimir's path, and without /insert for the one-process server.
  void AddRoutes(const InsertEndpoint& endpoint,
                 std::vector<http::Route>& routes);

  // The same counters for the same `type`.
  InsertFormat AddFormat(const std::string& type);

  // The body after its Content-Encoding, within the endpoint's limit.
  absl::StatusOr<std::string> Body(const InsertRequest& request) const;

  // Of a body after decompression: the endpoint's or the tenant's.
  BodyLimit LimitOfBody(const InsertRequest& request) const;

  // The body of a streamed endpoint, decoded.
  BodyBlocks Blocks(const InsertRequest& request, RecordForm form) const;

  // Stores what `next` appends to the batch until it answers false: batches
  // of kBatchRows rows or so. Before each call of `next` the batch is empty
  // and of form kCanonical. The tenant's rate takes or refuses the request with
  // the first batch, before any of it is stored. A request whose body still
  // comes waits for the rate before each later one, and its client with it;
  // it has its place in the queue while a batch is stored. What a batch without
  // rows and metadata would do is not done.
  using NextBatch = std::function<absl::StatusOr<bool>(protocol::SampleBatch&)>;
  absl::Status Store(const InsertRequest& request, const NextBatch& next,
                     InsertOutcome& outcome);

  // Stores one batch of a request; `started` is false for the first, and kept
  // here: of a request that has begun the rate refuses nothing.
  absl::Status Store(const InsertRequest& request,
                     const protocol::SampleBatch& batch, bool& started,
                     InsertOutcome& outcome);

  // Stores all series of a decompressed body or none of them, by a reader of
  // lib/protocol/check_body.h.
  template <typename Reader>
  absl::Status StoreBody(const InsertRequest& request, std::string_view body,
                         InsertOutcome& outcome) {
    Reader reader(body);
    bool checked = false;
    const auto next =
        [&](protocol::SampleBatch& batch) -> absl::StatusOr<bool> {
      batch.form = Reader::kForm;
      ASSIGN_OR_RETURN(const bool more, reader.Next(batch, kBatchRows));
      if (more && !checked) {
        RETURN_IF_ERROR(protocol::CheckBody<Reader>(body));
        checked = true;
      }
      return more;
    };
    return Store(request, next, outcome);
  }

  // Stores what `reader` makes of its block, the first, and of those that
  // follow, which it gets by Feed, and counts it batch by batch: a body may
  // come for hours. What was stored before an error stands, which the error
  // tells.
  template <typename Reader>
  absl::Status StoreBlocks(const InsertRequest& request, BodyBlocks& blocks,
                           Reader& reader, const InsertFormat& format) {
    InsertOutcome outcome;
    InsertOutcome counted;
    int64_t bad_lines_counted = 0;
    const auto count = [&] {
      CountMore(format, request.tenant, outcome, counted);
      if constexpr (std::is_base_of_v<protocol::SkippingReader, Reader>) {
        format.invalid->Add(reader.bad_lines() - bad_lines_counted);
        bad_lines_counted = reader.bad_lines();
      }
    };
    bool more = true;  // of the block
    const auto next =
        [&](protocol::SampleBatch& batch) -> absl::StatusOr<bool> {
      count();
      if (!more) {
        ASSIGN_OR_RETURN(const std::string_view block, blocks.Next());
        if (block.empty()) return false;
        reader.Feed(block);
      }
      absl::StatusOr<bool> left = reader.Next(batch, kBatchRows);
      if (left.ok()) more = std::exchange(*left, true);
      return left;
    };
    const absl::Status status = Store(request, next, outcome);
    count();
    CountRequest(format, status, outcome);
    return FailedAt(blocks, status, outcome);
  }

  // Stores what a reader gives and counts it. Bad lines are skipped, counted
  // and logged.
  absl::Status StoreLines(const InsertRequest& request,
                          protocol::SkippingReader& reader,
                          const InsertFormat& format);
  // The same of a body in blocks, of which the reader has the first.
  absl::Status StoreLines(const InsertRequest& request, BodyBlocks& blocks,
                          protocol::ImportReader& reader,
                          const InsertFormat& format);

  // Also of a request that failed: its earlier batches are stored.
  void Count(const InsertFormat& format, const InsertTenant& tenant,
             const absl::Status& status, const InsertOutcome& outcome);

  // Rows of one write to the cluster: far more than agents send at once, few
  // enough that the columns of a large import stay in the cache's reach.
  static constexpr size_t kBatchRows = 1 << 15;

 private:
  http::Route MakeRoute(std::string pattern, std::string label,
                        const InsertEndpoint& endpoint, TenantSource source);
  BodyLimit LimitOf(const InsertEndpoint& endpoint) const;
  // Tells where in the body a request failed that is stored in part.
  static absl::Status FailedAt(const BodyBlocks& blocks,
                               const absl::Status& status,
                               const InsertOutcome& outcome);
  static void LogBadLines(const InsertRequest& request,
                          const protocol::SkippingReader& reader);
  // What was stored and is not yet among `counted`, which then has it.
  void CountMore(const InsertFormat& format, const InsertTenant& tenant,
                 const InsertOutcome& outcome, InsertOutcome& counted);
  static void CountRequest(const InsertFormat& format,
                           const absl::Status& status,
                           const InsertOutcome& outcome);
  // A batch but the first of a body that still comes.
  absl::Status StoreLater(const InsertRequest& request,
                          const protocol::SampleBatch& batch,
                          InsertOutcome& outcome);
  // Charges the rows when the tenant's rate lets them in; ResourceExhausted
  // when too many wait for that already.
  absl::Status AwaitRate(const InsertRequest& request, int64_t rows);
  absl::Status TakePlace(std::optional<InsertGate::Pass>& pass);
  void CountTenant(const model::Tenant& tenant, int64_t rows);
  absl::Status Take(const http::Request& request, TenantSource source,
                    const InsertEndpoint& endpoint,
                    http::ResponseWriter& response);

  Inserter* const inserter_;
  InsertGate* const gate_;
  const InsertRouteOptions options_;

  std::atomic<int> rate_waiters_{0};
  base::Mutex mutex_;
  std::map<model::Tenant, telemetry::Counter*> tenant_rows_ GUARDED_BY(mutex_);
};

// 400, 401, 415, 429, 500 or 503.
int HttpCode(const absl::Status& status);

// With the status as text. What a retry cures has its Retry-After already,
// whoever answers.
void SendError(const absl::Status& status, http::ResponseWriter& response);
// The same with a body of the protocol's own.
void SendError(const absl::Status& status, std::string_view content_type,
               std::string_view body, http::ResponseWriter& response);

// Frees what an unusually large request has grown, however it ends: there are
// many threads, and each keeps its buffers.
class ShrinkAfter {
 public:
  explicit ShrinkAfter(std::string& body) : body_(body) {}
  ~ShrinkAfter() {
    constexpr size_t kBytesKept = 4 << 20;
    if (body_.capacity() > kBytesKept) std::string().swap(body_);
  }
  ShrinkAfter(const ShrinkAfter&) = delete;
  ShrinkAfter& operator=(const ShrinkAfter&) = delete;

 private:
  std::string& body_;
};

// The thread's batch, which keeps its memory from request to request; but not
// the much that an unusual one has grown. One at a time in a thread.
class KeptBatch {
 public:
  KeptBatch() = default;
  ~KeptBatch();
  KeptBatch(const KeptBatch&) = delete;
  KeptBatch& operator=(const KeptBatch&) = delete;

  protocol::SampleBatch& batch();
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_INSERT_DOOR_H_

#include "lib/ingest/otlp_routes.h"

#include <functional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "lib/base/status.h"
#include "lib/protocol/otlp_json.h"
#include "lib/protocol/otlp_mapper.h"
#include "lib/protocol/otlp_protobuf.h"

namespace varve::ingest {
namespace {

protocol::OtlpOptions AsPrometheus(protocol::OtlpOptions options) {
  options.prometheus = true;
  return options;
}

// Hands a whole request to the mapper, as often as it is called.
using ReadRequest = std::function<absl::Status(protocol::OtlpMapper&)>;

absl::StatusOr<ReadRequest> Opened(protocol::OtlpEncoding encoding,
                                   std::string body) {
  using protocol::OtlpMapper;
  if (encoding == protocol::OtlpEncoding::kProtobuf) {
    return ReadRequest([body = std::move(body)](OtlpMapper& mapper) {
      return protocol::ReadOtlpProtobuf(body, mapper);
    });
  }
  ASSIGN_OR_RETURN(const protocol::OtlpJson json,
                   protocol::OtlpJson::Parse(body));
  return ReadRequest([json](OtlpMapper& mapper) { return json.Read(mapper); });
}

// Looks through a body that is stored in parts, so that a broken one is not
// stored half.
absl::Status Check(const protocol::OtlpOptions& options,
                   const ReadRequest& read) {
  constexpr size_t kCheckedRows = 4096;  // keeps the columns in cache
  protocol::SampleBatch batch;
  protocol::OtlpMapper mapper(
      &options, 0, kCheckedRows, &batch,
      [](const protocol::SampleBatch&, const std::vector<uint32_t>&, bool) {
        return absl::OkStatus();
      });
  return read(mapper);
}

protocol::OtlpEncoding EncodingOf(const http::Request& request) {
  return protocol::OtlpEncodingOf(request.Header("content-type"))
      .value_or(protocol::OtlpEncoding::kProtobuf);
}

void SendOtlpError(const http::Request& request, const absl::Status& status,
                   http::ResponseWriter& response) {
  const protocol::OtlpEncoding encoding = EncodingOf(request);
  SendError(status, protocol::OtlpContentType(encoding),
            protocol::OtlpStatus(encoding, status), response);
}

}  // namespace

// Data points that were not stored, and why the first was not.
struct OtlpRoutes::Refused {
  int64_t unreadable = 0;  // by the mapper
  absl::flat_hash_set<uint32_t> points;
  std::string why;
};

OtlpRoutes::OtlpRoutes(InsertDoor* door)
    : door_(door),
      format_(door->AddFormat("opentelemetry")),
      named_by_flags_(door->options().otlp),
      named_as_prometheus_(AsPrometheus(door->options().otlp)) {}

absl::Status OtlpRoutes::Store(const protocol::OtlpOptions& options,
                               protocol::OtlpEncoding encoding,
                               std::string body, const InsertRequest& request,
                               Refused& refused) {
  ASSIGN_OR_RETURN(const ReadRequest read, Opened(encoding, std::move(body)));
  KeptBatch kept;
  protocol::SampleBatch& batch = kept.batch();
  batch.Clear();
  std::vector<uint32_t> rejected;
  InsertOutcome outcome;
  outcome.rejected_series = &rejected;
  bool first = true;
  bool started = false;
  protocol::OtlpMapper mapper(
      &options, door_->options().clock->NowMs(), InsertDoor::kBatchRows, &batch,
      [&](const protocol::SampleBatch& part,
          const std::vector<uint32_t>& points, bool more) {
        if (first && more) RETURN_IF_ERROR(Check(options, read));
        first = false;
        rejected.clear();
        RETURN_IF_ERROR(door_->Store(request, part, started, outcome));
        for (const uint32_t series : rejected) {
          refused.points.insert(points[series]);
        }
        return absl::OkStatus();
      });
  const absl::Status status = read(mapper);
  door_->Count(format_, request.tenant, status, outcome);
  format_.invalid->Add(mapper.rejected());
  RETURN_IF_ERROR(status);
  refused.unreadable = mapper.rejected();
  refused.why = mapper.first_error();
  for (const std::string& one : outcome.rejected) {
    base::StrAppend(&refused.why, refused.why.empty() ? "" : "\n", one);
  }
  return absl::OkStatus();
}

absl::Status OtlpRoutes::Take(const protocol::OtlpOptions& options,
                              const InsertRequest& request,
                              http::ResponseWriter& response) {
  ASSIGN_OR_RETURN(
      const protocol::OtlpEncoding encoding,
      protocol::OtlpEncodingOf(request.http.Header("content-type")));
  ASSIGN_OR_RETURN(std::string body, door_->Body(request));
  Refused refused;
  // No bytes are a request without data, in protobuf; in JSON a GET of
  // somebody who looks.
  if (!body.empty()) {
    RETURN_IF_ERROR(
        Store(options, encoding, std::move(body), request, refused));
  }
  response.Send(
      200, protocol::OtlpContentType(encoding),
      protocol::OtlpResponse(
          encoding,
          refused.unreadable + static_cast<int64_t>(refused.points.size()),
          refused.why));
  return absl::OkStatus();
}

std::vector<InsertEndpoint> OtlpRoutes::Endpoints() {
  struct Path {
    const char* suffix;
    const protocol::OtlpOptions* options;
    bool mimir = false;  // also without /insert
  };
  const Path paths[] = {
      {"/opentelemetry/v1/metrics", &named_by_flags_},
      {"/opentelemetry/api/v1/push", &named_by_flags_},
      {"/otlp/v1/metrics", &named_as_prometheus_, true},
      {"/prometheus/api/v1/otlp/v1/metrics", &named_as_prometheus_}};
  std::vector<InsertEndpoint> endpoints;
  for (const Path& path : paths) {
    InsertEndpoint& endpoint = endpoints.emplace_back();
    endpoint.suffix = path.suffix;
    endpoint.label = "/opentelemetry/v1/metrics";
    endpoint.protocol = "opentelemetry";
    endpoint.take = [this, options = path.options](
                        const InsertRequest& request,
                        http::ResponseWriter& response) {
      return Take(*options, request, response);
    };
    endpoint.send_error = SendOtlpError;
    endpoint.takes_empty_body = true;
    if (path.mimir) endpoint.mimir_paths = {endpoint.suffix};
    endpoint.limit = {door_->options().otlp_bytes_max,
                      "-opentelemetry.maxRequestSize"};
  }
  return endpoints;
}

}  // namespace varve::ingest

#include "lib/ingest/remote_write_routes.h"

#include "lib/base/status.h"
#include "lib/protocol/remote_write.h"
#include "lib/protocol/remote_write_2.h"
#include "lib/protocol/remote_write_body.h"

namespace varve::ingest {
namespace {

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
    std::string_view message = parameter.substr(kProto.size());
    if (message.size() > 1 && message.starts_with('"') &&
        message.ends_with('"')) {
      message = message.substr(1, message.size() - 2);
    }
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

RemoteWriteRoutes::RemoteWriteRoutes(InsertDoor* door)
    : door_(door), format_(door->AddFormat("promremotewrite")) {}

absl::StatusOr<protocol::BodyCodec> RemoteWriteRoutes::StoreBody(
    const InsertRequest& request, bool version_2, InsertOutcome& outcome) {
  // Kept by the thread: a fresh megabyte per request is page faults.
  static thread_local std::string body;
  const ShrinkAfter shrink(body);
  const BodyLimit limit = door_->LimitOfBody(request);
  ASSIGN_OR_RETURN(
      const protocol::BodyCodec codec,
      protocol::OpenRemoteWriteBody(
          request.http.body, request.http.Header("content-encoding"),
          limit.bytes_max, limit.flag, body));
  RETURN_IF_ERROR(
      version_2 ? door_->StoreBody<protocol::RemoteWrite2Walker>(request, body,
                                                                 outcome)
                : door_->StoreBody<protocol::RemoteWriteWalker>(request, body,
                                                                outcome));
  return codec;
}

absl::Status RemoteWriteRoutes::Take(const InsertRequest& request,
                                     http::ResponseWriter& response) {
  if (request.http.HasArgument("get_vm_proto_version")) {
    response.Send(200, kPlainText, "1");
    return absl::OkStatus();
  }
  if (request.http.body.empty()) {
    response.Send(204, "", "");
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const WriteVersion version, WriteVersionOf(request.http));
  const bool version_2 = version == WriteVersion::k2;
  InsertOutcome outcome;
  const absl::StatusOr<protocol::BodyCodec> codec =
      StoreBody(request, version_2, outcome);
  if (version_2) SetWrittenHeaders(outcome, response);
  door_->Count(format_, request.tenant, codec.status(), outcome);
  RETURN_IF_ERROR(codec.status());
  if (outcome.series_rejected > 0 &&
      (version_2 || *codec != protocol::BodyCodec::kZstd)) {
    response.Send(400, kPlainText, RejectionText(outcome));
  } else {
    response.Send(204, "", "");
  }
  return absl::OkStatus();
}

std::vector<InsertEndpoint> RemoteWriteRoutes::Endpoints() {
  std::vector<InsertEndpoint> endpoints;
  for (const char* suffix :
       {"/prometheus/api/v1/write", "/prometheus/api/v1/push", "/prometheus",
        "/prometheus/"}) {
    InsertEndpoint& endpoint = endpoints.emplace_back();
    endpoint.suffix = suffix;
    endpoint.label = "/prometheus/";
    endpoint.protocol = "promremotewrite";
    endpoint.take = [this](const InsertRequest& request,
                           http::ResponseWriter& response) {
      return Take(request, response);
    };
    endpoint.takes_empty_body = true;
    if (endpoint.suffix.ends_with("/push")) {
      endpoint.mimir_paths = {"/api/v1/push"};
    }
  }
  return endpoints;
}

}  // namespace varve::ingest

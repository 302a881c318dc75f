#include "lib/ingest/import_routes.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/escaping.h"
#include "lib/base/status.h"
#include "lib/protocol/check_body.h"
#include "lib/protocol/csv.h"
#include "lib/protocol/json_lines.h"
#include "lib/protocol/prometheus_text.h"
#include "lib/protocol/vm_native_reader.h"

namespace varve::ingest {
namespace {

// ?timestamp= in milliseconds, of samples without one; `now_ms` without it.
absl::StatusOr<int64_t> DefaultTimestamp(const http::Request& request,
                                         int64_t now_ms) {
  const std::string_view text = request.Argument("timestamp");
  if (text.empty()) return now_ms;
  int64_t timestamp_ms = 0;
  const char* const end = text.data() + text.size();
  const auto [ptr, ec] = std::from_chars(text.data(), end, timestamp_ms);
  if (ec != std::errc() || ptr != end) {
    return base::InvalidArgument("timestamp=", text.substr(0, 40),
                                 " is not a number of milliseconds");
  }
  return timestamp_ms;
}

// The labels of "job/<job>/<label>/<value>…".
absl::StatusOr<std::vector<model::Label>> PushLabels(std::string_view path) {
  constexpr std::string_view kBase64 = "@base64";
  std::vector<model::Label> labels;
  if (!path.starts_with("job/") && !path.starts_with("job@base64/")) {
    return base::InvalidArgument("the path metrics/", path.substr(0, 100),
                                 " does not begin with job/<name>");
  }
  const auto slashes = std::ranges::count(path, '/');
  RETURN_IF_ERROR(CheckExtraLabels(static_cast<size_t>(slashes + 1) / 2,
                                   "labels of the path"));
  for (std::string_view rest = path; !rest.empty();) {
    const size_t slash = rest.find('/');
    if (slash == std::string_view::npos) {
      return base::InvalidArgument("the label ", rest.substr(0, 100),
                                   " of the path has no value");
    }
    std::string_view name = rest.substr(0, slash);
    rest.remove_prefix(slash + 1);
    const size_t end = std::min(rest.find('/'), rest.size());
    std::string value(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (name.ends_with(kBase64)) {
      name.remove_suffix(kBase64.size());
      while (value.ends_with('=')) value.pop_back();
      std::string decoded;
      if (!absl::WebSafeBase64Unescape(value, &decoded)) {
        return base::InvalidArgument("the value \"", value.substr(0, 100),
                                     "\" of the label ", name.substr(0, 100),
                                     " of the path is not base64");
      }
      value = decoded;
    }
    if (name.empty()) {
      return base::InvalidArgument("a label of the path has no name");
    }
    // An empty value is no label, also not one of the series.
    SetLabel({std::string(name), std::move(value)}, labels);
  }
  return labels;
}

}  // namespace

ImportRoutes::ImportRoutes(InsertDoor* door)
    : door_(door),
      text_(door->AddFormat("prometheus")),
      json_(door->AddFormat("vmimport")),
      csv_(door->AddFormat("csvimport")),
      native_(door->AddFormat("native")) {}

absl::Status ImportRoutes::StoreText(const InsertRequest& request) {
  const InsertRouteOptions& options = door_->options();
  ASSIGN_OR_RETURN(const int64_t default_ms,
                   DefaultTimestamp(request.http, options.clock->NowMs()));
  BodyBlocks blocks =
      door_->Blocks(request, LineRecords(options.line_bytes_max));
  ASSIGN_OR_RETURN(const std::string_view first, blocks.Next());
  const bool open_metrics = request.http.Header("content-type")
                                .starts_with("application/openmetrics-text");
  protocol::PrometheusTextReader reader(
      first, default_ms, options.line_bytes_max,
      open_metrics     ? protocol::TextFormat::kOpenMetrics
      : blocks.ended() ? protocol::TextFormat::kPrometheus
                       : protocol::TextFormat::kPrometheusPart);
  return door_->StoreLines(request, blocks, reader, text_);
}

absl::Status ImportRoutes::TakeText(const InsertRequest& request,
                                    http::ResponseWriter& response) {
  RETURN_IF_ERROR(StoreText(request));
  response.Send(204, "", "");
  return absl::OkStatus();
}

absl::Status ImportRoutes::TakePush(const InsertRequest& request,
                                    http::ResponseWriter& response) {
  ASSIGN_OR_RETURN(std::vector<model::Label> labels,
                   PushLabels(request.http.captures.back()));
  InsertRequest labelled = request;
  // Those of arguments win over those of the path.
  for (const model::Label& label : request.extra_labels) {
    SetLabel(label, labels);
  }
  labelled.extra_labels = std::move(labels);
  RETURN_IF_ERROR(StoreText(labelled));
  response.Send(200, "", "");
  return absl::OkStatus();
}

absl::Status ImportRoutes::TakeCsv(const InsertRequest& request,
                                   http::ResponseWriter& response) {
  const InsertRouteOptions& options = door_->options();
  ASSIGN_OR_RETURN(
      const protocol::CsvColumns columns,
      protocol::CsvColumns::Parse(request.http.Argument("format")));
  BodyBlocks blocks =
      door_->Blocks(request, LineRecords(options.line_bytes_max));
  ASSIGN_OR_RETURN(const std::string_view first, blocks.Next());
  protocol::CsvReader reader(first, columns, options.clock->NowMs(),
                             options.csv_trim_ms, options.line_bytes_max);
  RETURN_IF_ERROR(door_->StoreLines(request, blocks, reader, csv_));
  response.Send(204, "", "");
  return absl::OkStatus();
}

absl::Status ImportRoutes::TakeJson(const InsertRequest& request,
                                    http::ResponseWriter& response) {
  const int64_t line_bytes_max = door_->options().line_bytes_max;
  BodyBlocks blocks = door_->Blocks(request, LineRecords(line_bytes_max));
  ASSIGN_OR_RETURN(const std::string_view first, blocks.Next());
  protocol::JsonLinesReader reader(first, line_bytes_max);
  RETURN_IF_ERROR(door_->StoreLines(request, blocks, reader, json_));
  response.Send(204, "", "");
  return absl::OkStatus();
}

absl::Status ImportRoutes::TakeNative(const InsertRequest& request,
                                      http::ResponseWriter& response) {
  using protocol::VmNativeReader;
  BodyBlocks blocks = door_->Blocks(
      request, {.whole = VmNativeReader::WholeBytes,
                .bytes_max = protocol::kVmHeadBytes + protocol::kVmPairBytesMax,
                .flag = ""});
  ASSIGN_OR_RETURN(const std::string_view first, blocks.Next());
  // Of what is here already nothing need be stored when some is broken.
  if (blocks.ended()) {
    RETURN_IF_ERROR(protocol::CheckBody<VmNativeReader>(first));
  }
  VmNativeReader reader(first);
  RETURN_IF_ERROR(door_->StoreBlocks(request, blocks, reader, native_));
  response.Send(204, "", "");
  return absl::OkStatus();
}

std::vector<InsertEndpoint> ImportRoutes::Endpoints() {
  using Method = absl::Status (ImportRoutes::*)(const InsertRequest&,
                                                http::ResponseWriter&);
  std::vector<InsertEndpoint> endpoints;
  const std::string import = "/prometheus/api/v1/import";
  const auto add = [&](const char* path, const char* label,
                       const char* protocol, Method method) {
    InsertEndpoint& endpoint = endpoints.emplace_back();
    endpoint.suffix = import + path;
    endpoint.label = import + label;
    endpoint.protocol = protocol;
    endpoint.streamed = true;
    endpoint.take = [this, method](const InsertRequest& request,
                                   http::ResponseWriter& response) {
      return (this->*method)(request, response);
    };
  };
  add("", "", "vmimport", &ImportRoutes::TakeJson);
  add("/csv", "/csv", "csvimport", &ImportRoutes::TakeCsv);
  add("/native", "/native", "nativeimport", &ImportRoutes::TakeNative);
  add("/prometheus", "/prometheus", "prometheusimport",
      &ImportRoutes::TakeText);
  add("/prometheus/metrics/{*}", "/prometheus", "prometheusimport",
      &ImportRoutes::TakePush);
  return endpoints;
}

}  // namespace varve::ingest

// Answers that do not depend on data.
#include "lib/query/select_api.h"

namespace varve::query {
namespace {

absl::Status SendJson(http::ResponseWriter& writer, std::string_view json) {
  writer.Send(200, "application/json", json);
  return absl::OkStatus();
}

}  // namespace

// Dashboards choose their label API by this version; a newer one would make
// them call endpoints that are not there.
absl::Status SelectApi::BuildInfo(Context& context) {
  return SendJson(context.writer,
                  "{\"status\":\"success\",\"data\":{\"version\":\"2.24.0\"}}");
}

absl::Status SelectApi::Rules(Context& context) {
  return SendJson(context.writer,
                  "{\"status\":\"success\",\"data\":{\"groups\":[]}}");
}

absl::Status SelectApi::Alerts(Context& context) {
  return SendJson(context.writer,
                  "{\"status\":\"success\",\"data\":{\"alerts\":[]}}");
}

absl::Status SelectApi::Notifiers(Context& context) {
  return SendJson(context.writer,
                  "{\"status\":\"success\",\"data\":{\"notifiers\":[]}}");
}

absl::Status SelectApi::Healthy(Context& context) {
  context.writer.Send(200, "text/plain; charset=utf-8",
                      "VictoriaMetrics is Healthy.\n");
  return absl::OkStatus();
}

absl::Status SelectApi::Ready(Context& context) {
  context.writer.Send(200, "text/plain; charset=utf-8",
                      "VictoriaMetrics is Ready.\n");
  return absl::OkStatus();
}

// There is no result cache yet: nothing to reset is a success.
absl::Status SelectApi::ResetCache(Context& context) {
  cache_.Clear();
  context.writer.Send(200, "text/plain; charset=utf-8", "OK");
  return absl::OkStatus();
}

}  // namespace varve::query

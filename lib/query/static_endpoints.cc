// Answers that do not depend on data.
#include <unistd.h>

#include <string>

#include "absl/time/time.h"
#include "lib/base/log.h"
#include "lib/base/machine.h"
#include "lib/base/status.h"
#include "lib/query/arguments.h"
#include "lib/query/json.h"
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

absl::Status SelectApi::RuntimeInfo(Context& context) {
  const auto calendar = [](int64_t ms) {
    return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", absl::FromUnixMillis(ms),
                            absl::UTCTimeZone());
  };
  char host[256] = {};
  if (gethostname(host, sizeof(host) - 1) != 0) host[0] = '\0';
  std::string out = base::StrCat(
      "{\"status\":\"success\",\"data\":{\"startTime\":\"",
      calendar(started_ms_), "\",\"serverTime\":\"",
      calendar(context.now_ms), "\",\"hostname\":");
  AppendJsonString(out, host);
  base::StrAppend(&out, ",\"GOMAXPROCS\":", base::CpuThreads(),
                  ",\"reloadConfigSuccess\":true,\"lastConfigTime\":\"",
                  calendar(started_ms_), "\",\"memoryLimitBytes\":",
                  base::MemoryLimitBytes(), "}}");
  return SendJson(context.writer, out);
}

// Set or not; secrets are hidden.
absl::Status SelectApi::Flags(Context& context) {
  std::string out = "{\"status\":\"success\",\"data\":{";
  bool first = true;
  if (options_.flags != nullptr) {
    for (const auto& [name, flag] : options_.flags->flags()) {
      if (!first) out.push_back(',');
      first = false;
      AppendJsonString(out, name);
      out.push_back(':');
      AppendJsonString(out, options_.flags->ShownText(*flag));
    }
  }
  out += "}}";
  return SendJson(context.writer, out);
}

// All configuration is flags.
absl::Status SelectApi::Config(Context& context) {
  return SendJson(context.writer,
                  "{\"status\":\"success\",\"data\":{\"yaml\":\"\"}}");
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

// Kept answers of this process and, with propagate=1, of -selectNode.
absl::Status SelectApi::ResetCache(Context& context) {
  cache_.Clear();
  if (peers_ && BoolArgument(context.request, "propagate")) {
    const absl::Status told = peers_->ResetCaches();
    if (!told.ok()) {
      base::LogWarn(base::Message(told));
      return told;
    }
  }
  context.writer.Send(200, "text/plain; charset=utf-8", "OK");
  return absl::OkStatus();
}

}  // namespace varve::query

#include "lib/query/cost_text.h"

#include "absl/strings/str_format.h"
#include "lib/base/status.h"
#include "lib/query/json.h"

namespace varve::query {
namespace {

void AppendTraceNode(std::string& out, const telemetry::Trace& trace) {
  absl::StrAppendFormat(&out, "{\"duration_msec\":%.3f,\"message\":",
                        static_cast<double>(trace.duration_us()) / 1000);
  AppendJsonString(out, trace.message());
  bool first = true;
  trace.ForEachChild([&](const telemetry::Trace& child) {
    out += first ? ",\"children\":[" : ",";
    first = false;
    AppendTraceNode(out, child);
  });
  out += first ? "}" : "]}";
}

}  // namespace

void AppendTrace(std::string& out, const telemetry::Trace* trace) {
  if (trace == nullptr) return;
  out += ",\"trace\":";
  AppendTraceNode(out, *trace);
}

std::string CostText(const eval::EvalStats& stats,
                     const cluster::ReadMeter& meter) {
  return base::StrCat(
      "series=", stats.series_fetched, ", samples=", stats.samples_scanned,
      ", bytes=", meter.bytes.load(), ", blocks=", meter.blocks.load(),
      ", blockBytes=", meter.block_bytes.load(),
      ", cpuMsec=", meter.cpu.us() / 1000,
      ", storageCpuMsec=", meter.storage_cpu_us.load() / 1000,
      ", peakMemoryBytes=", stats.memory_bytes_peak);
}

void AppendCost(std::string& out, const eval::EvalStats& stats,
                const cluster::ReadMeter& meter) {
  base::StrAppend(&out, ",\"samplesRead\":", stats.samples_scanned,
                  ",\"bytesRead\":", meter.bytes.load(),
                  ",\"blocksRead\":", meter.blocks.load(),
                  ",\"blockBytesRead\":", meter.block_bytes.load(),
                  ",\"cpuTimeMsec\":", meter.cpu.us() / 1000,
                  ",\"storageCpuTimeMsec\":",
                  meter.storage_cpu_us.load() / 1000,
                  ",\"peakMemoryBytes\":", stats.memory_bytes_peak);
}

}  // namespace varve::query

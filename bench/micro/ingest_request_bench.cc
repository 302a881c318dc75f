// Whole requests through an insert node's routes, without network and storage:
// what opening, parsing, identifying and routing of a body costs.
//
//   ingest_request_bench [SERIES [FORMAT]]
//                                  default: small, runs with the tests
//
// One sample per series per request, kBatchSeries series a request, all of them
// known from a first round that is not measured. The storage node
// acknowledges what it is sent without reading it; frames are built and
// compressed for it. B/sample are those of the bodies.
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/node_series.h"
#include "bench/load/request_bodies.h"
#include "bench/micro/bench_report.h"
#include "lib/ingest/test_insert.h"

namespace varve::ingest {
namespace {

constexpr int64_t kBatchSeries = 2'000;
constexpr int64_t kStartMs = 1'780'000'000'000;
constexpr int64_t kStepMs = 15'000;
constexpr int64_t kJitterMs = 50;

struct Load {
  const char* name;
  const char* format;
  const char* codec;
  const char* path;
};
constexpr Load kLoads[] = {
    {"remote write 1.0, snappy", "write1", "snappy",
     "/insert/{}/prometheus/api/v1/write"},
    {"remote write 1.0, zstd", "write1", "zstd",
     "/insert/{}/prometheus/api/v1/write"},
    {"remote write 2.0, snappy", "write2", "snappy",
     "/insert/{}/prometheus/api/v1/write"},
    {"Influx lines", "influx", "none", "/insert/{}/influx/write"},
    {"Prometheus text", "text", "none",
     "/insert/{}/prometheus/api/v1/import/prometheus"},
    {"OTLP", "otlp", "none", "/insert/{}/opentelemetry/v1/metrics"},
};

http::Arguments HeadersOf(const Load& load) {
  http::Arguments headers;
  if (std::string_view(load.codec) != "none") {
    headers.emplace_back("content-encoding", load.codec);
  }
  const bool version_2 = std::string_view(load.format) == "write2";
  headers.emplace_back("content-type",
                       version_2 ? "application/x-protobuf;"
                                   "proto=io.prometheus.write.v2.Request"
                                 : "application/x-protobuf");
  return headers;
}

// Requests of one round over all series.
std::vector<http::Request> RequestsOf(const Load& load,
                                      const bench::RequestBodies& bodies,
                                      int64_t series, int64_t round) {
  std::vector<http::Request> requests;
  for (int64_t first = 0; first < series; first += kBatchSeries) {
    std::vector<int64_t> times_ms;
    for (int64_t s = first; s < std::min(first + kBatchSeries, series); ++s) {
      times_ms.push_back(kStartMs + round * kStepMs +
                         bench::JitterAt(s, round, kJitterMs));
    }
    http::Request& request = requests.emplace_back();
    request.method = "POST";
    request.path = load.path;
    request.captures = {"0"};
    request.headers = HeadersOf(load);
    request.body = bodies.Make(first, round, times_ms);
  }
  return requests;
}

// Answers of a code other than 2xx.
uint64_t SendAll(Insert& insert, const std::vector<http::Request>& requests) {
  uint64_t errors = 0;
  for (const http::Route& route : insert.list) {
    if (route.pattern != requests.front().path) continue;
    for (const http::Request& request : requests) {
      Reply reply;
      route.handler(request, reply);
      errors += reply.status / 100 == 2 ? 0 : 1;
    }
    return errors;
  }
  return requests.size();
}

// False when a request failed.
bool Bench(const Load& load, int64_t series) {
  Insert insert;
  const std::string acknowledged = proto::Ack().SerializeAsString();
  insert.node.interfere =
      [&](rpc::Method method) -> std::optional<cluster::Answer> {
    if (method != wire::kData) return std::nullopt;
    return acknowledged;
  };
  const bench::RequestBodies bodies(bench::ParseBodyFormat(load.format),
                                    load.codec, series);
  uint64_t errors = SendAll(insert, RequestsOf(load, bodies, series, 0));
  const std::vector<http::Request> requests =
      RequestsOf(load, bodies, series, 1);
  int64_t bytes = 0;
  for (const http::Request& request : requests) {
    bytes += static_cast<int64_t>(request.body.size());
  }
  bench::Report(
      load.name, series, bytes, [&] { return errors += SendAll(insert, requests); },
      series > kBatchSeries * 10 ? bench::kManyRuns : bench::kRuns);
  return errors == 0;
}

}  // namespace
}  // namespace varve::ingest

int main(int argc, char** argv) {
  const int64_t series = varve::bench::RowsFromArgs(argc, argv, 4'000);
  const std::string_view only = argc > 2 ? argv[2] : "";
  bool good = true;
  for (const varve::ingest::Load& load : varve::ingest::kLoads) {
    if (!only.empty() && only != load.format) continue;
    good = varve::ingest::Bench(load, series) && good;
  }
  if (!good) std::fprintf(stderr, "requests failed\n");
  return good ? 0 : 1;
}

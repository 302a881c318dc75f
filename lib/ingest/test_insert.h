// An insert node over a storage node that only remembers: for tests.
#ifndef VARVE_LIB_INGEST_TEST_INSERT_H_
#define VARVE_LIB_INGEST_TEST_INSERT_H_

#include <catch2/catch.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/byte_coding.h"
#include "lib/cluster/fake_storage.h"
#include "lib/ingest/insert_routes.h"
#include "lib/model/sample.h"
#include "lib/protocol/test_bodies.h"
#include "lib/wire/features.h"

namespace varve::ingest {

class Reply final : public http::ResponseWriter {
 public:
  void SetHeader(std::string name, std::string value) override {
    headers[name] = value;
  }
  void Send(int code, std::string_view, std::string_view text) override {
    status = code;
    body = text;
  }
  void Begin(int, std::string_view) override {}
  absl::Status Write(std::string_view) override { return absl::OkStatus(); }
  void Abort() override {}
  bool client_gone() const override { return false; }

  int status = 0;
  std::string body;
  std::map<std::string, std::string> headers;
};

inline std::string Field(char tag, std::string_view bytes) {
  std::string out(1, tag);
  base::PutLengthPrefixed(out, bytes);
  return out;
}

using Labels = std::vector<std::pair<std::string, std::string>>;

inline std::string Series(const Labels& labels, int64_t timestamp_ms,
                          double value) {
  std::string series;
  for (const auto& [name, text] : labels) {
    series += Field('\x0a', Field('\x0a', name) + Field('\x12', text));
  }
  std::string sample = "\x09";
  base::PutFixedLe(sample, value);
  sample += '\x10';
  base::PutVarint(sample, static_cast<uint64_t>(timestamp_ms));
  return Field('\x0a', series + Field('\x12', sample));
}

inline constexpr const char* kWrite = "/insert/{}/prometheus/api/v1/write";

struct Insert {
  cluster::FakeNode node;
  telemetry::Metrics metrics{"vminsert", nullptr};
  std::unique_ptr<cluster::NodeSet> nodes;
  std::unique_ptr<cluster::Writer> writer;
  std::unique_ptr<Inserter> inserter;
  std::unique_ptr<InsertGate> gate;
  std::unique_ptr<InsertRoutes> routes;
  std::vector<http::Route> list;

  explicit Insert(int64_t request_bytes_max = 32 << 20,
                  const SeriesLimits& limits = {})
      : Insert(WithRequestBytesMax(request_bytes_max), limits) {}
  explicit Insert(InsertRouteOptions route_options,
                  const SeriesLimits& limits = {}) {
    node.id = 5;
    std::vector<std::shared_ptr<const cluster::Node>> one;
    one.push_back(std::make_shared<const cluster::Node>(
        "s:8400", "",
        std::make_unique<cluster::FakeChannel>(&node, "s:8400")));
    nodes = std::make_unique<cluster::NodeSet>(std::move(one));
    cluster::WriterOptions writer_options;
    writer_options.metrics = &metrics;
    writer = std::make_unique<cluster::Writer>(nodes.get(), writer_options);
    InserterOptions options;
    options.metrics = &metrics;
    options.limits = limits;
    inserter = std::make_unique<Inserter>(writer.get(), options);
    gate = std::make_unique<InsertGate>(1, absl::ZeroDuration(), metrics);
    route_options.metrics = &metrics;
    routes = std::make_unique<InsertRoutes>(inserter.get(), gate.get(),
                                            route_options);
    list = routes->Routes();
  }
  static InsertRouteOptions WithRequestBytesMax(int64_t bytes) {
    InsertRouteOptions options;
    options.request_bytes_max = bytes;
    return options;
  }
  Reply Post(const std::string& pattern, std::string body,
             http::Arguments headers = {}, http::Arguments arguments = {},
             const std::string& tenant = "0") {
    http::Request request;
    request.method = "POST";
    request.path = pattern;
    request.body = std::move(body);
    request.headers = std::move(headers);
    request.arguments = std::move(arguments);
    if (pattern.find("{}") != std::string::npos) request.captures = {tenant};
    Reply reply;
    for (const http::Route& route : list) {
      if (route.pattern == pattern) route.handler(request, reply);
    }
    return reply;
  }
  int64_t Counted(const std::string& name, telemetry::MetricLabels labels) {
    return metrics.AddCounter(name, labels).value();
  }
  int64_t Ignored(const std::string& reason) {
    return Counted("vm_rows_ignored_total", {{"reason", reason}});
  }
  // Samples of the series with these canonical labels under tenant 0:0.
  std::vector<std::pair<int64_t, double>> Samples(const model::LabelSet& set,
                                                  uint64_t tenant = 0) {
    std::string canonical;
    model::AppendCanonicalBytes(canonical, set);
    const auto found = node.refs.find(base::StrCat(tenant, "/", canonical));
    if (found == node.refs.end()) return {};
    return node.samples[found->second];
  }
};

inline const Labels kUp = {{"__name__", "up"}, {"job", "a"}};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_TEST_INSERT_H_

#include "lib/ingest/insert_routes.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "lib/base/byte_coding.h"
#include "lib/cluster/fake_storage.h"
#include "lib/model/sample.h"
#include "lib/protocol/test_bodies.h"
#include "lib/wire/features.h"

namespace varve::ingest {
namespace {

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

std::string Field(char tag, std::string_view bytes) {
  std::string out(1, tag);
  base::PutLengthPrefixed(out, bytes);
  return out;
}

using Labels = std::vector<std::pair<std::string, std::string>>;

std::string Series(const Labels& labels, int64_t timestamp_ms, double value) {
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

constexpr const char* kWrite = "/insert/{}/prometheus/api/v1/write";

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
                  const SeriesLimits& limits = {}) {
    node.id = 5;
    std::vector<cluster::Node> one;
    one.push_back(
        {.address = "s:8400",
         .group = "",
         .channel = std::make_unique<cluster::FakeChannel>(&node, "s:8400")});
    nodes = std::make_unique<cluster::NodeSet>(std::move(one));
    cluster::WriterOptions writer_options;
    writer_options.metrics = &metrics;
    writer = std::make_unique<cluster::Writer>(nodes.get(), writer_options);
    InserterOptions options;
    options.metrics = &metrics;
    options.limits = limits;
    inserter = std::make_unique<Inserter>(writer.get(), options);
    gate = std::make_unique<InsertGate>(1, absl::ZeroDuration(), metrics);
    InsertRouteOptions route_options;
    route_options.metrics = &metrics;
    route_options.request_bytes_max = request_bytes_max;
    routes = std::make_unique<InsertRoutes>(inserter.get(), gate.get(),
                                            route_options);
    list = routes->Routes();
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

const Labels kUp = {{"__name__", "up"}, {"job", "a"}};

TEST_CASE("a remote write is stored, as snappy and as zstd", "[ingest]") {
  Insert insert;
  const std::string body = Series(kUp, 1000, 1) + Series(kUp, 2000, 2);
  CHECK(insert.Post(kWrite, protocol::SnappyBody(body)).status == 204);
  CHECK(insert
            .Post(kWrite, protocol::ZstdBody(body),
                  {{"content-encoding", "zstd"}})
            .status == 204);
  // Headers that name the other codec.
  CHECK(insert.Post(kWrite, protocol::ZstdBody(body)).status == 204);
  CHECK(insert
            .Post(kWrite, protocol::SnappyBody(body),
                  {{"content-encoding", "zstd"}})
            .status == 204);
  CHECK(insert.Samples({{"__name__", "up"}, {"job", "a"}}).size() == 8);
  CHECK(insert.node.refs.size() == 1);
  CHECK(insert.Counted("vm_rows_inserted_total",
                       {{"type", "promremotewrite"}}) == 8);
  CHECK(insert.Counted("vm_tenant_inserted_rows_total",
                       {{"accountID", "0"}, {"projectID", "0"}}) == 8);
}

TEST_CASE("labels in another order are the same series", "[ingest]") {
  Insert insert;
  CHECK(insert.Post(kWrite, protocol::SnappyBody(Series(kUp, 1, 1))).status ==
        204);
  CHECK(insert
            .Post(kWrite,
                  protocol::SnappyBody(Series(
                      {{"job", "a"}, {"x", ""}, {"__name__", "up"}}, 2, 1)))
            .status == 204);
  CHECK(insert.node.refs.size() == 1);
}

TEST_CASE("the tenant is the path's, else the headers'", "[ingest]") {
  Insert insert;
  const std::string body = protocol::SnappyBody(Series(kUp, 1, 1));
  const model::LabelSet up = {{"__name__", "up"}, {"job", "a"}};
  CHECK(insert.Post(kWrite, body, {{"accountid", "9"}}, {}, "42:7").status ==
        204);
  CHECK(insert.Samples(up, uint64_t{42} << 32 | 7).size() == 1);
  const char* const tenantless = "/insert/prometheus/api/v1/write";
  CHECK(insert.Post(tenantless, body, {{"accountid", "3"}, {"projectid", "4"}})
            .status == 204);
  CHECK(insert.Samples(up, uint64_t{3} << 32 | 4).size() == 1);
  CHECK(insert.Post(tenantless, body).status == 204);
  CHECK(insert.Samples(up).size() == 1);
  for (const char* bad : {"1:2:3", "abc", "4294967296", "-1", ""}) {
    CHECK(insert.Post(kWrite, body, {}, {}, bad).status == 400);
  }
  CHECK(insert.Post(tenantless, body, {{"accountid", "abc"}}).status == 400);
  CHECK(insert.Post(tenantless, body, {{"x-scope-orgid", "acme"}}).status ==
        400);
}

TEST_CASE("of a request with bad series the good ones are stored", "[ingest]") {
  Insert insert;
  const std::string body =
      Series(kUp, 1, 1) +
      Series({{"__name__", "a"}, {"v", std::string(4097, 'x')}}, 1, 1) +
      Series({{"__name__", "b"}, {std::string(257, 'n'), "x"}}, 1, 1) +
      Series({{"__name__", "c"}, {"v", "\xff"}}, 1, 1) +
      Series({{"__name__", "d"}, {"v", "1"}, {"v", "2"}}, 1, 1) +
      Series({{"__name__", "e"}, {"", "1"}}, 1, 1) + Series({}, 1, 1);
  const Reply reply = insert.Post(kWrite, protocol::SnappyBody(body));
  CHECK(reply.status == 400);
  CHECK(reply.body.find("6 series with 6 samples were rejected") !=
        std::string::npos);
  CHECK(reply.body.find("other 1 samples are stored") != std::string::npos);
  for (const char* line :
       {"label value of 4097 bytes is over 4096 (-maxLabelValueLen): {__name__",
        "label name of 257 bytes is over 256 (-maxLabelNameLen): {__name__",
        "not valid UTF-8: {__name__=\"c\",v=\"?\"}",
        "duplicate label name \"v\": {__name__=\"d\",v=\"1\",v=\"2\"}",
        "empty label name: {__name__=\"e\",=\"1\"}", "no labels: {}"}) {
    INFO(line);
    CHECK(reply.body.find(line) != std::string::npos);
  }
  CHECK(reply.body.find('\xff') == std::string::npos);
  CHECK(insert.node.rows() == 1);
  for (const char* reason :
       {"too_long_label_value", "too_long_label_name", "invalid_utf8",
        "duplicate_label_name", "empty_label_name", "no_labels"}) {
    CHECK(insert.Ignored(reason) == 1);
  }
  // Known by now, and told again; zstd senders are not.
  CHECK(insert.Post(kWrite, protocol::SnappyBody(body)).status == 400);
  CHECK(insert
            .Post(kWrite, protocol::ZstdBody(body),
                  {{"content-encoding", "zstd"}})
            .status == 204);
  CHECK(insert.Ignored("no_labels") == 3);
  CHECK(insert.node.rows() == 3);
}

TEST_CASE("a series over what nodes take is rejected whatever the flags say",
          "[ingest]") {
  Insert insert(32 << 20, {.labels_max = 10'000,
                           .label_name_bytes_max = 1 << 20,
                           .label_value_bytes_max = 1 << 20});
  Labels labels;
  for (size_t i = 0; i <= kSeriesLabelsMax; ++i) {
    labels.emplace_back(base::StrCat("l", i), "v");
  }
  const std::string body =
      Series(kUp, 1, 1) + Series(labels, 1, 1) +
      Series({{"__name__", std::string(kSeriesBytesMax, 'x')}}, 1, 1);
  const Reply reply = insert.Post(kWrite, protocol::SnappyBody(body));
  CHECK(reply.status == 400);
  CHECK(reply.body.find("a series of 4097 labels and ") != std::string::npos);
  CHECK(insert.Ignored("too_large_series") == 2);
  CHECK(insert.node.rows() == 1);
}

TEST_CASE("a label with an empty value does not exist", "[ingest]") {
  Insert insert;
  for (const Labels& labels :
       {Labels{{"x", "1"}, {"x", ""}}, Labels{{"x", ""}, {"x", "1"}},
        Labels{{"", ""}, {"x", "1"}, {"y", ""}}}) {
    const Reply reply =
        insert.Post(kWrite, protocol::SnappyBody(Series(labels, 1, 1)));
    CHECK(reply.status == 204);
    CHECK(reply.body == "");
  }
  CHECK(insert.Samples({{"x", "1"}}).size() == 3);
}

TEST_CASE("41 labels are too many, 40 are not", "[ingest]") {
  Insert insert;
  Labels labels;
  for (int i = 0; i < 40; ++i) labels.emplace_back(base::StrCat("l", i), "v");
  CHECK(
      insert.Post(kWrite, protocol::SnappyBody(Series(labels, 1, 1))).status ==
      204);
  labels.emplace_back("l40", "");
  CHECK(
      insert.Post(kWrite, protocol::SnappyBody(Series(labels, 1, 1))).status ==
      204);
  labels.back().second = "v";
  CHECK(
      insert.Post(kWrite, protocol::SnappyBody(Series(labels, 1, 1))).status ==
      400);
  CHECK(insert.Ignored("too_many_labels") == 1);
}

TEST_CASE("broken bodies are 400 and nothing of them is stored", "[ingest]") {
  Insert insert;
  const std::string good = Series(kUp, 1, 1);
  CHECK(insert.Post(kWrite, "garbage").status == 400);
  CHECK(insert.Post(kWrite, protocol::SnappyBody(good + "\x0a\x7f")).status ==
        400);
  CHECK(insert.Post(kWrite, protocol::SnappyBody(good).substr(0, 20)).status ==
        400);
  // Broken after more than one batch of good series.
  std::string large;
  for (int i = 0; i < 40'000; ++i) large += good;
  CHECK(insert.Post(kWrite, protocol::SnappyBody(large + "\x0a\x7f")).status ==
        400);
  CHECK(insert.node.rows() == 0);
  CHECK(insert.Post(kWrite, protocol::SnappyBody(large)).status == 204);
  CHECK(insert.node.rows() == 40'000);
}

TEST_CASE("a body over the limit once decompressed names limit and flag",
          "[ingest]") {
  Insert insert(1000);
  const std::string bomb(100'000, '\0');
  for (const std::string& body :
       {protocol::SnappyBody(bomb), protocol::ZstdBody(bomb)}) {
    const Reply reply = insert.Post(kWrite, body);
    CHECK(reply.status == 400);
    CHECK(reply.body.find("-maxInsertRequestSize=1000") != std::string::npos);
  }
}

http::Arguments OfMessage(const std::string& proto) {
  return {{"content-type", "application/x-protobuf; proto=" + proto}};
}
const char* const kRequest2 = "io.prometheus.write.v2.Request";

// {__name__="up"} 1.5 @1000 and a series without labels, of remote write 2.0.
std::string TwoSeries2() {
  std::string body = Field('\x22', "") + Field('\x22', "__name__") +
                     Field('\x22', "up");
  std::string sample = "\x09";
  base::PutFixedLe(sample, 1.5);
  sample += '\x10';
  base::PutVarint(sample, 1000);
  body += Field('\x2a', Field('\x0a', "\x01\x02") + Field('\x12', sample));
  return body + Field('\x2a', Field('\x12', sample));
}

int64_t Written(const Reply& reply, const std::string& what) {
  const auto found =
      reply.headers.find("X-Prometheus-Remote-Write-" + what + "-Written");
  return found == reply.headers.end() ? -1 : std::stoll(found->second);
}

TEST_CASE("remote write 2.0 is stored and told in headers", "[ingest]") {
  Insert insert;
  const std::string body = TwoSeries2();
  const Reply zstd = insert.Post(kWrite, protocol::ZstdBody(body),
                                 {{"content-type",
                                   "application/x-protobuf;proto=" +
                                       std::string(kRequest2)},
                                  {"content-encoding", "zstd"}});
  CHECK(zstd.status == 204);
  CHECK(insert.Ignored("no_labels") == 1);
  const Reply snappy = insert.Post(kWrite, protocol::SnappyBody(body),
                                   OfMessage(kRequest2));
  CHECK(snappy.status == 400);
  CHECK(snappy.body.find("the other 1 samples are stored") !=
        std::string::npos);
  for (const Reply& reply : {zstd, snappy}) {
    CHECK(Written(reply, "Samples") == 1);
    CHECK(Written(reply, "Histograms") == 0);
    CHECK(Written(reply, "Exemplars") == 0);
  }
  CHECK(insert.node.rows() == 2);
}

// {__name__="up"} 1 at each of the times, the series created at 400.
std::string Created2(const std::vector<int64_t>& times_ms = {1000}) {
  std::string samples;
  for (const int64_t at_ms : times_ms) {
    std::string sample = "\x09";
    base::PutFixedLe(sample, 1.0);
    sample += '\x10';
    base::PutVarint(sample, static_cast<uint64_t>(at_ms));
    samples += Field('\x12', sample);
  }
  std::string created = "\x30";
  base::PutVarint(created, 400);
  return Field('\x22', "") + Field('\x22', "__name__") + Field('\x22', "up") +
         Field('\x2a', Field('\x0a', "\x01\x02") + samples + created);
}

TEST_CASE("start timestamps reach nodes that take them", "[ingest]") {
  Insert insert;
  CHECK(insert
            .Post(kWrite, protocol::SnappyBody(Created2()),
                  OfMessage(kRequest2))
            .status == 204);
  CHECK(insert.node.rows() == 1);
  REQUIRE(insert.node.starts.size() == 1);
  CHECK(insert.node.starts.begin()->second ==
        model::StartRuns{{1000, 1000, 400}});
}

TEST_CASE("samples of impossible times do not break the starts of others",
          "[ingest]") {
  Insert insert;
  CHECK(insert
            .Post(kWrite, protocol::SnappyBody(Created2({INT64_MIN, 1000})),
                  OfMessage(kRequest2))
            .status == 204);
  REQUIRE(insert.node.starts.size() == 1);
  CHECK(insert.node.starts.begin()->second ==
        model::StartRuns{{1000, 1000, 400}});
}

TEST_CASE("an older node gets the samples without start timestamps",
          "[ingest]") {
  Insert insert;
  insert.node.missing_features = wire::kFeatureStarts;
  CHECK(insert
            .Post(kWrite, protocol::SnappyBody(Created2()),
                  OfMessage(kRequest2))
            .status == 204);
  CHECK(insert.node.rows() == 1);
  CHECK(insert.node.starts.empty());
}

TEST_CASE("a broken body of remote write 2.0 is 400 and nothing is written",
          "[ingest]") {
  Insert insert;
  // A label of no symbol behind a good series.
  const std::string body =
      TwoSeries2() + Field('\x2a', Field('\x0a', "\x01\x09"));
  const Reply reply = insert.Post(kWrite, protocol::SnappyBody(body),
                                  OfMessage(kRequest2));
  CHECK(reply.status == 400);
  CHECK(Written(reply, "Samples") == 0);
  CHECK(insert.node.rows() == 0);
}

TEST_CASE("an unknown message of remote write is 415, and 2.0 that is not told",
          "[ingest]") {
  Insert insert;
  const Reply reply = insert.Post(kWrite, protocol::SnappyBody(TwoSeries2()),
                                  OfMessage("io.prometheus.write.v3.Request"));
  CHECK(reply.status == 415);
  CHECK(reply.body.find("io.prometheus.write.v3.Request") !=
        std::string::npos);
  CHECK(insert.Post(kWrite, protocol::SnappyBody(TwoSeries2())).status == 415);
  CHECK(insert
            .Post(kWrite, protocol::SnappyBody(TwoSeries2()),
                  OfMessage("prometheus.WriteRequest"))
            .status == 415);
}

TEST_CASE("an empty body is 204 and the old handshake is answered",
          "[ingest]") {
  Insert insert;
  CHECK(insert.Post(kWrite, "").status == 204);
  const Reply reply =
      insert.Post(kWrite, "", {}, {{"get_vm_proto_version", "1"}});
  CHECK(reply.status == 200);
  CHECK(reply.body == "1");
}

TEST_CASE("without a storage node writes are 503 and say when to come back",
          "[ingest]") {
  Insert insert;
  insert.node.up = false;
  const Reply reply =
      insert.Post(kWrite, protocol::SnappyBody(Series(kUp, 1, 1)));
  CHECK(reply.status == 503);
  CHECK(reply.headers.contains("Retry-After"));
  insert.node.up = true;
  CHECK(insert.Post(kWrite, protocol::SnappyBody(Series(kUp, 1, 1))).status ==
        204);
  CHECK(insert.node.rows() == 1);
}

TEST_CASE("an insert that finds no place is 503", "[ingest]") {
  Insert insert;
  InsertGate::Pass pass(*insert.gate);
  REQUIRE(pass.granted());
  const Reply reply =
      insert.Post(kWrite, protocol::SnappyBody(Series(kUp, 1, 1)));
  CHECK(reply.status == 503);
  CHECK(reply.body.find("-maxConcurrentInserts") != std::string::npos);
  CHECK(insert.Counted("vm_concurrent_insert_limit_timeout_total", {}) == 1);
}

TEST_CASE("extra labels are set on every series and are part of its identity",
          "[ingest]") {
  Insert insert;
  const std::string body = protocol::SnappyBody(Series(kUp, 1, 1));
  CHECK(insert.Post(kWrite, body).status == 204);
  CHECK(insert
            .Post(kWrite, body, {},
                  {{"extra_label", "job=b"}, {"extra_label", "dc=x=y"}})
            .status == 204);
  CHECK(insert.Samples({{"__name__", "up"}, {"job", "b"}, {"dc", "x=y"}})
            .size() == 1);
  CHECK(insert.Samples({{"__name__", "up"}, {"job", "a"}}).size() == 1);
  CHECK(insert.Post(kWrite, body, {}, {{"extra_label", "x"}}).status == 400);
}

TEST_CASE("text and JSON lines are imported", "[ingest]") {
  Insert insert;
  CHECK(insert
            .Post("/insert/{}/prometheus/api/v1/import/prometheus",
                  "# TYPE a counter\na{b=\"c\"} 5 1000\nbad\na{b=\"c\"} 6\n",
                  {}, {{"timestamp", "7"}})
            .status == 204);
  CHECK(insert.Samples({{"__name__", "a"}, {"b", "c"}}) ==
        std::vector<std::pair<int64_t, double>>{{1000, 5}, {7, 6}});
  CHECK(insert.Counted("vm_rows_invalid_total", {{"type", "prometheus"}}) == 1);
  const std::string json = protocol::GzipBody(
      R"({"metric":{"__name__":"j"},"values":[1,null],"timestamps":[1,2]})");
  CHECK(insert
            .Post("/insert/prometheus/api/v1/import", json,
                  {{"content-encoding", "gzip"}})
            .status == 204);
  const auto samples = insert.Samples({{"__name__", "j"}});
  REQUIRE(samples.size() == 2);
  CHECK(model::IsStaleNan(samples[1].second));
  CHECK(insert.Counted("vm_rows_inserted_total", {{"type", "vmimport"}}) == 2);
}

std::string HistogramSeries() {
  return Field('\x0a', Field('\x0a', Field('\x0a', "h") + Field('\x12', "x")) +
                           Field('\x22', ""));
}

TEST_CASE("histograms, exemplars and metadata are stored", "[ingest]") {
  Insert insert;
  const std::string exemplar =
      Field('\x0a', Field('\x0a', Field('\x0a', "h") + Field('\x12', "x")) +
                        Field('\x1a', ""));
  const std::string metadata = Field('\x1a', Field('\x12', "h"));
  CHECK(insert
            .Post(kWrite, protocol::SnappyBody(HistogramSeries() + exemplar +
                                               metadata))
            .status == 204);
  CHECK(insert.node.histograms.size() == 1);
  CHECK(insert.node.exemplars.size() == 1);
  REQUIRE(insert.node.metadata.size() == 1);
  CHECK(insert.node.metadata[0].metric == "h");
  CHECK(insert.Counted("vm_rows_inserted_total",
                       {{"type", "promremotewrite"}}) == 1);
  CHECK(insert.Counted("vm_metadata_rows_inserted_total",
                       {{"type", "promremotewrite"}}) == 1);
}

TEST_CASE("a node without histograms has them rejected, floats stay",
          "[ingest]") {
  Insert insert;
  insert.node.missing_features =
      wire::kFeatureHistograms | wire::kFeatureMetadata;
  const Reply reply = insert.Post(
      kWrite, protocol::SnappyBody(HistogramSeries() + Series(kUp, 1, 1) +
                                   Field('\x1a', Field('\x12', "h"))));
  CHECK(reply.status == 400);
  CHECK(reply.body.find("stores no native histograms: {h=\"x\"}") !=
        std::string::npos);
  CHECK(insert.Ignored("native_histogram") == 1);
  CHECK(insert.node.rows() == 1);
  CHECK(insert.node.metadata.empty());
}

TEST_CASE("an impossible histogram is rejected with its reason", "[ingest]") {
  Insert insert;
  // schema 40
  const std::string bad = Field(
      '\x0a', Field('\x0a', Field('\x0a', "h") + Field('\x12', "x")) +
                  Field('\x22', "\x20\x50"));
  const Reply reply = insert.Post(kWrite, protocol::SnappyBody(bad));
  CHECK(reply.status == 400);
  CHECK(reply.body.find("unknown schema 40: {h=\"x\"}") != std::string::npos);
  CHECK(insert.Ignored("invalid_native_histogram") == 1);
}

TEST_CASE("every series of the dashboards is there before the first write",
          "[ingest]") {
  Insert insert;
  const std::string text = insert.metrics.Text();
  for (const char* line :
       {"vm_rows_inserted_total{type=\"promremotewrite\"} 0",
        "vm_rows_inserted_total{type=\"graphite\"} 0",
        "vm_rows_ignored_total{reason=\"too_many_labels\"} 0",
        "vm_concurrent_insert_capacity 1", "vm_concurrent_insert_current 0",
        "vm_rpc_rows_sent_total{name=\"vminsert\",addr=\"s:8400\",rpc_call="
        "\"metric_rows\"} 0",
        "vm_rpc_vmstorage_is_reachable{name=\"vminsert\",addr=\"s:8400\""}) {
    CHECK(text.find(line) != std::string::npos);
  }
}

TEST_CASE("what relabeling drops is no error of the sender", "[ingest]") {
  Insert insert;
  const auto change = [&insert](std::string_view yaml) {
    insert.inserter->ChangeRules([yaml](SeriesRuleParts& parts) {
      parts.relabeling = std::make_shared<relabel::RuleSet>(
          *relabel::RuleSet::Parse(yaml, relabel::kFileLimits));
    });
  };
  const std::string body = protocol::SnappyBody(
      Series({{"__name__", "up"}, {"job", "test"}}, 1000, 1) +
      Series({{"__name__", "up"}, {"job", "db"}}, 1000, 2));
  change("- {action: drop, if: '{job=\"test\"}'}");
  CHECK(insert.Post(kWrite, body).status == 204);
  CHECK(insert.Counted("vm_relabel_metrics_dropped_total", {}) == 1);
  CHECK(insert.Samples({{"__name__", "up"}, {"job", "test"}}).empty());
  CHECK(insert.Samples({{"__name__", "up"}, {"job", "db"}}).size() == 1);
  // Limits hold for what relabeling leaves.
  change("- {action: replace_all, source_labels: [job], target_label: job, "
         "regex: '^', replacement: '" +
         std::string(5000, 'x') + "'}");
  CHECK(insert.Post(kWrite, body).status == 400);
  CHECK(insert.Ignored("too_long_label_value") == 2);
  // Known verdicts do not outlive their rules.
  change("- {source_labels: [job], target_label: team}");
  CHECK(insert.Post(kWrite, body).status == 204);
  CHECK(insert.Counted("vm_relabel_metrics_dropped_total", {}) == 1);
  CHECK(insert
            .Samples({{"__name__", "up"}, {"job", "test"}, {"team", "test"}})
            .size() == 1);
}

}  // namespace
}  // namespace varve::ingest

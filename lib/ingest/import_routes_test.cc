#include "lib/ingest/test_insert.h"
#include "lib/protocol/vm_native_writer.h"

namespace varve::ingest {
namespace {

TEST_CASE("text and JSON lines are imported", "[ingest]") {
  Insert insert;
  CHECK(insert
            .Post("/insert/{}/prometheus/api/v1/import/prometheus",
                  "# TYPE a counter\na{b=\"c\"} 5 1000\nbad\na{b=\"c\"} 6\n",
                  {}, {{"timestamp", "7"}})
            .status == 204);
  CHECK(insert.Samples({{"__name__", "a"}, {"b", "c"}}) ==
        std::vector<std::pair<int64_t, double>>{{1000000, 5}, {7, 6}});
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

TEST_CASE("a body in snappy is held against the limit as others are",
          "[ingest]") {
  Insert insert(1'000);
  const char* const text = "/insert/{}/prometheus/api/v1/import/prometheus";
  const http::Arguments snappy = {{"content-encoding", "snappy"}};
  CHECK(insert.Post(text, protocol::SnappyBody("a 1\n"), snappy).status == 204);
  CHECK(insert.node.rows() == 1);
  std::string lines;
  while (lines.size() <= 1'000) lines += "a 1\n";
  CHECK(insert.Post(text, lines, snappy).status == 400);
  const Reply over = insert.Post(text, protocol::SnappyBody(lines), snappy);
  CHECK(over.status == 400);
  CHECK(over.body.find("-maxInsertRequestSize") != std::string::npos);
  CHECK(insert.node.rows() == 1);
}

TEST_CASE("of an import that fails midway what is stored is counted",
          "[ingest]") {
  Insert insert;
  int frames = 0;
  insert.node.interfere =
      [&](rpc::Method method) -> std::optional<cluster::Answer> {
    if (method != wire::kData || ++frames == 1) return std::nullopt;
    return cluster::Answer(base::Unavailable("gone"));
  };
  std::string lines = "bad\n";
  for (size_t i = 0; i <= InsertDoor::kBatchRows; ++i) lines += "a 1\n";
  CHECK(insert.Post("/insert/{}/prometheus/api/v1/import/prometheus", lines)
            .status == 503);
  const auto rows = static_cast<int64_t>(insert.node.rows());
  CHECK(rows >= static_cast<int64_t>(InsertDoor::kBatchRows));
  CHECK(insert.Counted("vm_rows_inserted_total", {{"type", "prometheus"}}) ==
        rows);
  CHECK(insert.Counted("vm_rows_invalid_total", {{"type", "prometheus"}}) == 1);
}

TEST_CASE("a native import is stored whole, or not at all", "[ingest]") {
  Insert insert;
  const char* const kNative = "/insert/{}/prometheus/api/v1/import/native";
  std::string body;
  protocol::VmNativeWriter::AppendHead(body, {0, 10'000'000});
  protocol::VmNativeWriter writer;
  std::vector<int64_t> timestamps_ms;
  std::vector<double> values;
  // More than one batch.
  for (int i = 0; i < 50'000; ++i) {
    timestamps_ms.push_back(i * 10);
    values.push_back(i % 1000 / 4.0);
  }
  writer.Start({{"__name__", "up"}, {"job", "a"}});
  writer.Append(body, timestamps_ms, values);
  const std::string cut(body.data(), body.size() - 1);
  CHECK(insert.Post(kNative, cut).status == 400);
  CHECK(insert.node.refs.empty());
  CHECK(insert.Post(kNative, body, {}, {{"extra_label", "dc=x"}}).status ==
        204);
  const auto samples = insert.Samples(
      {{"__name__", "up"}, {"job", "a"}, {"dc", "x"}});
  REQUIRE(samples.size() == 50'000);
  CHECK(samples[49'999] == std::pair<int64_t, double>(499'990, 249.75));
  CHECK(insert.Counted("vm_rows_inserted_total", {{"type", "native"}}) ==
        50'000);
  CHECK(insert
            .Post(kNative, protocol::GzipBody(body),
                  {{"content-encoding", "gzip"}})
            .status == 204);
}

constexpr const char* kText = "/insert/{}/prometheus/api/v1/import/prometheus";

TEST_CASE("CSV is imported by its format", "[ingest]") {
  Insert insert;
  const char* const kCsv = "/insert/{}/prometheus/api/v1/import/csv";
  CHECK(insert
            .Post(kCsv, "ticker,ask,time\nGOOG,1.5,1700000000\nMSFT,x,1\n", {},
                  {{"format", "2:metric:ask,1:label:ticker,3:time:unix_s"}})
            .status == 204);
  CHECK(insert.Samples({{"__name__", "ask"}, {"ticker", "GOOG"}}) ==
        std::vector<std::pair<int64_t, double>>{{1700000000000, 1.5}});
  CHECK(insert.Counted("vm_rows_inserted_total", {{"type", "csvimport"}}) == 1);
  CHECK(insert.Counted("vm_rows_invalid_total", {{"type", "csvimport"}}) == 2);
  const Reply reply = insert.Post(kCsv, "1", {}, {{"format", "1:metric"}});
  CHECK(reply.status == 400);
  CHECK(reply.body.find("1:metric") != std::string::npos);
  CHECK(insert.Post(kCsv, "1").status == 400);
}

TEST_CASE("OpenMetrics is known by its type, with metadata and exemplars",
          "[ingest]") {
  Insert insert;
  CHECK(insert
            .Post(kText, "# TYPE a counter\na_total 1 3000000000\n",
                  {{"content-type",
                    "application/openmetrics-text; version=1.0.0"}})
            .status == 204);
  CHECK(insert.Samples({{"__name__", "a_total"}}) ==
        std::vector<std::pair<int64_t, double>>{{3000000000000, 1}});
  CHECK(insert.Counted("vm_metadata_rows_inserted_total",
                       {{"type", "prometheus"}}) == 1);
}

TEST_CASE("a push has the labels of its path", "[ingest]") {
  Insert insert;
  const std::string path = base::StrCat(kText, "/metrics/{*}");
  const auto push = [&](const std::string& labels,
                        http::Arguments arguments = {}) {
    http::Request request;
    request.method = "PUT";
    request.path = path;
    request.body = "up{job=\"own\",zone=\"own\"} 1 1700000000000\n";
    request.captures = {"0", labels};
    request.arguments = std::move(arguments);
    Reply reply;
    for (const http::Route& route : insert.list) {
      if (route.pattern == path) route.handler(request, reply);
    }
    return reply;
  };
  CHECK(push("job/a/instance/x").status == 200);
  CHECK(insert.Samples({{"__name__", "up"},
                        {"job", "a"},
                        {"instance", "x"},
                        {"zone", "own"}}).size() == 1);
  // "/var/tmp", with and without padding; "=" is the empty value.
  for (const char* text : {"L3Zhci90bXA", "L3Zhci90bXA="}) {
    CHECK(push(base::StrCat("job@base64/", text, "/zone@base64/=")).status ==
          200);
  }
  CHECK(insert.Samples({{"__name__", "up"}, {"job", "/var/tmp"}}).size() == 2);
  CHECK(push("job/a", {{"extra_label", "job=b"}}).status == 200);
  CHECK(insert.Samples({{"__name__", "up"}, {"job", "b"}, {"zone", "own"}})
            .size() == 1);
  for (const char* bad : {"", "instance/x", "job", "job/a/instance",
                          "job@base64/?", "job/a//x"}) {
    CHECK(push(bad).status == 400);
  }
}

}  // namespace
}  // namespace varve::ingest

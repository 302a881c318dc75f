#include <atomic>
#include <memory>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "lib/ingest/test_insert.h"
#include "lib/protocol/vm_native_writer.h"
#include "tests/support/becomes_true.h"

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

TEST_CASE("a body in snappy, which is unpacked whole, has a limit",
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

constexpr const char* kText = "/insert/{}/prometheus/api/v1/import/prometheus";

// A body that comes while its handler runs, in pieces of 300,000 bytes.
class SlowBody final : public http::BodyStream {
 public:
  explicit SlowBody(std::string body) : body_(std::move(body)) {}
  absl::Status Read(std::string& piece) override {
    piece = body_.substr(at_, 300'000);
    at_ += piece.size();
    if (!piece.empty() || end_.ok()) return absl::OkStatus();
    return end_;
  }
  bool Ends() override { return ends_; }
  absl::Status end_;  // what is said instead of the end
  std::atomic<bool> ends_{false};

 private:
  const std::string body_;
  size_t at_ = 0;
};

Reply PostSlowly(Insert& insert, const std::string& pattern, SlowBody& rest,
                 http::Arguments headers = {}, http::Arguments arguments = {},
                 const std::string& tenant = "0") {
  http::Request request;
  request.method = "POST";
  request.path = pattern;
  request.headers = std::move(headers);
  request.arguments = std::move(arguments);
  request.captures = {tenant};
  REQUIRE(rest.Read(request.body).ok());
  request.rest = &rest;
  Reply reply;
  for (const http::Route& route : insert.list) {
    if (route.pattern != pattern) continue;
    CHECK(route.streamed);
    route.handler(request, reply);
  }
  return reply;
}

TEST_CASE("imports of any size are stored while they come", "[ingest]") {
  const std::string import = "/insert/{}/prometheus/api/v1/import";
  // Far less than any of the bodies.
  Insert insert(1'000);
  const auto lines = [](const std::string& line) {
    std::string all;
    while (all.size() < 5'000'000) all += line;
    return all;
  };
  const auto rows_of = [&](const std::string& pattern, const std::string& body,
                           http::Arguments headers = {},
                           http::Arguments arguments = {}) {
    const size_t before = insert.node.rows();
    SlowBody rest(body);
    const Reply reply = PostSlowly(insert, pattern, rest, std::move(headers),
                                   std::move(arguments));
    CHECK(reply.status == 204);
    return insert.node.rows() - before;
  };
  // Numbers that no codec takes for a bomb.
  std::string text;
  size_t rows = 0;
  while (text.size() < 5'000'000) {
    base::StrAppend(&text, "a ", ++rows * 2'654'435'761 % 99'999'989,
                    " 1000\n");
  }
  CHECK(rows_of(import + "/prometheus", text) == rows);
  CHECK(rows_of(import + "/prometheus", protocol::GzipBody(text),
                {{"content-encoding", "gzip"}}) == rows);
  const std::string json =
      "{\"metric\":{\"__name__\":\"j\"},\"values\":[1],\"timestamps\":[5]}\n";
  CHECK(rows_of(import, lines(json)) == lines(json).size() / json.size());
  CHECK(rows_of(import + "/csv", lines("GOOG,1.5,1700000000\n"), {},
                {{"format", "2:metric:ask,1:label:ticker,3:time:unix_s"}}) ==
        lines("GOOG,1.5,1700000000\n").size() / 20);
}

TEST_CASE("of a streamed import that fails what came before is stored",
          "[ingest]") {
  const std::string text = "/insert/{}/prometheus/api/v1/import/prometheus";
  std::string lines;
  while (lines.size() < 3'000'000) lines += "a 1 1000\n";
  SECTION("a line without an end") {
    Insert insert;
    SlowBody rest(lines + std::string(11 << 20, 'x'));
    const Reply reply = PostSlowly(insert, text, rest);
    CHECK(reply.status == 400);
    CHECK(reply.body.find("-import.maxLineLen=10485760") != std::string::npos);
    CHECK(reply.body.find("rows before are stored") != std::string::npos);
    CHECK(insert.node.rows() == lines.size() / 9);
    CHECK(insert.Counted("vm_rows_inserted_total", {{"type", "prometheus"}}) ==
          static_cast<int64_t>(lines.size() / 9));
  }
  SECTION("a client that goes") {
    Insert insert;
    SlowBody rest(lines);
    rest.end_ = base::Cancelled("gone");
    CHECK(PostSlowly(insert, text, rest).status == 503);
    CHECK(insert.node.rows() > 100'000);
  }
}

std::string Lines(size_t bytes) {
  std::string lines;
  while (lines.size() < bytes) lines += "a 1 1000\n";
  return lines;
}

TEST_CASE("the rate holds a streamed import back", "[ingest]") {
  Insert insert;
  const std::string lines = Lines(1'500'000);
  const auto rows = static_cast<int64_t>(lines.size() / 9);
  SECTION("until the rate lets the rest in") {
    REQUIRE(insert.inserter
                ->LoadTenantLimits("defaults: {ingestion_rate: 100000, "
                                   "ingestion_burst_size: 50000}")
                .ok());
    SlowBody rest(lines);
    const absl::Time start = absl::Now();
    CHECK(PostSlowly(insert, kText, rest).status == 204);
    CHECK(absl::Now() - start > absl::Seconds(0.9));
    CHECK(static_cast<int64_t>(insert.node.rows()) == rows);
  }
  SECTION("until nobody waits for it") {
    REQUIRE(insert.inserter
                ->LoadTenantLimits("defaults: {ingestion_rate: 0.001, "
                                   "ingestion_burst_size: 1}")
                .ok());
    SlowBody rest(lines);
    rest.ends_ = true;
    const Reply reply = PostSlowly(insert, kText, rest);
    CHECK(reply.status == 503);
    CHECK(reply.body.find("rows before are stored") != std::string::npos);
    CHECK(static_cast<int64_t>(insert.node.rows()) < rows);
  }
}

TEST_CASE("four imports wait for their rates, a fifth is told to come again",
          "[ingest]") {
  Insert insert;
  REQUIRE(insert.inserter
              ->LoadTenantLimits("defaults: {ingestion_rate: 0.001, "
                                 "ingestion_burst_size: 1}")
              .ok());
  const auto stored = [&] {
    return insert.Counted("vm_rows_inserted_total", {{"type", "prometheus"}});
  };
  std::vector<std::unique_ptr<SlowBody>> bodies;
  for (int i = 0; i < 5; ++i) {
    bodies.push_back(std::make_unique<SlowBody>(Lines(1'500'000)));
  }
  std::vector<std::thread> waiting;
  std::atomic<int> ended{0};
  for (int i = 0; i < 4; ++i) {
    const int64_t before = stored();
    waiting.emplace_back([&insert, &ended, &body = *bodies[i], i] {
      const Reply reply =
          PostSlowly(insert, kText, body, {}, {}, std::to_string(i));
      if (reply.status == 503) ++ended;
    });
    // One after the other: the node in memory is one thread's.
    REQUIRE(tests::BecomesTrue([&] { return stored() > before; }));
  }
  REQUIRE(tests::BecomesTrue([&] {
    return insert.metrics.Text().find("varve_imports_waiting_for_rate 4\n") !=
           std::string::npos;
  }));
  const Reply reply = PostSlowly(insert, kText, *bodies[4], {}, {}, "4");
  CHECK(reply.status == 429);
  CHECK(reply.headers.at("Retry-After") != "");
  CHECK(reply.body.find("rows before are stored") != std::string::npos);
  for (int i = 0; i < 4; ++i) bodies[i]->ends_ = true;
  for (std::thread& thread : waiting) thread.join();
  CHECK(ended == 4);
}

TEST_CASE("a streamed import is counted while it comes", "[ingest]") {
  Insert insert;
  // Blocks of a MiB each; what is counted when one is asked for.
  class Watching final : public http::BodyStream {
   public:
    explicit Watching(std::function<int64_t()> counted)
        : counted_(std::move(counted)) {}
    absl::Status Read(std::string& piece) override {
      counts_.push_back(counted_());
      piece = counts_.size() < 6 ? "bad\n" + Lines(1'200'000) : "";
      return absl::OkStatus();
    }
    std::vector<int64_t> counts_;

   private:
    const std::function<int64_t()> counted_;
  };
  std::vector<int64_t> bad_counts;
  Watching rest([&] {
    bad_counts.push_back(
        insert.Counted("vm_rows_invalid_total", {{"type", "prometheus"}}));
    return insert.Counted("vm_rows_inserted_total", {{"type", "prometheus"}});
  });
  http::Request request;
  request.path = kText;
  request.body = Lines(9);
  request.captures = {"0"};
  request.rest = &rest;
  Reply reply;
  for (const http::Route& route : insert.list) {
    if (route.pattern == kText) route.handler(request, reply);
  }
  CHECK(reply.status == 204);
  CHECK(rest.counts_[3] > 100'000);
  CHECK(bad_counts[3] > 0);
  CHECK(insert.Counted("vm_rows_invalid_total", {{"type", "prometheus"}}) == 5);
  const auto rows = static_cast<int64_t>(insert.node.rows());
  CHECK(insert.Counted("vm_rows_inserted_total", {{"type", "prometheus"}}) ==
        rows);
  CHECK(insert.Counted("vm_tenant_inserted_rows_total",
                       {{"accountID", "0"}, {"projectID", "0"}}) == rows);
}

TEST_CASE("a long line deep in an import is skipped up to a MiB", "[ingest]") {
  Insert insert({.line_bytes_max = 64 << 10});
  const std::string lines = Lines(2'000'000);
  SlowBody rest(lines + std::string(500 << 10, 'x') + "\n" + lines);
  CHECK(PostSlowly(insert, kText, rest).status == 204);
  CHECK(insert.node.rows() == 2 * lines.size() / 9);
  CHECK(insert.Counted("vm_rows_invalid_total", {{"type", "prometheus"}}) == 1);
  SlowBody over(lines + std::string(2 << 20, 'x') + "\n" + lines);
  CHECK(PostSlowly(insert, kText, over).status == 400);
}

TEST_CASE("of a long text only the type tells that it is OpenMetrics",
          "[ingest]") {
  std::string text;
  // The first block seems to be all.
  while (text.size() < (1 << 20) - 16) text += "# a comment\n";
  text.resize((1 << 20) - 7, '#');
  text += "\n# EOF\nb 1 3000000000\n";
  for (const bool typed : {false, true}) {
    Insert insert;
    SlowBody rest(text);
    http::Arguments headers;
    if (typed) headers = {{"content-type", "application/openmetrics-text"}};
    CHECK(PostSlowly(insert, kText, rest, headers).status == 204);
    CHECK(insert.Samples({{"__name__", "b"}}) ==
          std::vector<std::pair<int64_t, double>>{
              {typed ? 3'000'000'000'000 : 3'000'000'000, 1}});
  }
}

TEST_CASE("while a body comes, its place in the queue is free", "[ingest]") {
  Insert insert;  // has one place
  const std::string text = "/insert/{}/prometheus/api/v1/import/prometheus";
  class Nested final : public http::BodyStream {
   public:
    explicit Nested(std::function<void()> meanwhile)
        : meanwhile_(std::move(meanwhile)) {}
    absl::Status Read(std::string& piece) override {
      piece = reads_++ < 20 ? std::string(100'000, '\n') + "a 1\n" : "";
      meanwhile_();
      return absl::OkStatus();
    }

   private:
    const std::function<void()> meanwhile_;
    int reads_ = 0;
  };
  int good = 0;
  Nested rest([&] {
    std::thread([&] {
      good += insert.Post(text, "b 1\n").status == 204;
    }).join();
  });
  http::Request request;
  request.path = text;
  request.body = "a 1\n";
  request.captures = {"0"};
  request.rest = &rest;
  Reply reply;
  for (const http::Route& route : insert.list) {
    if (route.pattern == text) route.handler(request, reply);
  }
  CHECK(reply.status == 204);
  CHECK(good == 21);
  CHECK(insert.node.rows() == 21 + 21);
}

TEST_CASE("a small native import is stored whole, or not at all", "[ingest]") {
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

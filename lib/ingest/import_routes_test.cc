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

}  // namespace
}  // namespace varve::ingest

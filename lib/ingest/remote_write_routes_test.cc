#include "lib/ingest/test_insert.h"

namespace varve::ingest {
namespace {

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

TEST_CASE("an empty body is 204 and the old handshake is answered",
          "[ingest]") {
  Insert insert;
  CHECK(insert.Post(kWrite, "").status == 204);
  const Reply reply =
      insert.Post(kWrite, "", {}, {{"get_vm_proto_version", "1"}});
  CHECK(reply.status == 200);
  CHECK(reply.body == "1");
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

TEST_CASE("an encoding that is unknown is 415", "[ingest]") {
  Insert insert;
  const std::string body = protocol::SnappyBody(Series(kUp, 1, 1));
  CHECK(insert.Post(kWrite, body, {{"content-encoding", "br"}}).status == 415);
  CHECK(insert.node.rows() == 0);
  CHECK(insert.Post(kWrite, body, {{"content-encoding", "snappy"}}).status ==
        204);
}

TEST_CASE("samples out of order, repeated and stale are stored as they came",
          "[ingest]") {
  Insert insert;
  const std::string body = Series(kUp, 2000, 2) + Series(kUp, 1000, 1) +
                           Series(kUp, 3000, model::StaleNan()) +
                           Series(kUp, 1000, 1);
  CHECK(insert.Post(kWrite, protocol::SnappyBody(body)).status == 204);
  const auto samples = insert.Samples({{"__name__", "up"}, {"job", "a"}});
  REQUIRE(samples.size() == 4);
  CHECK(samples[0] == std::pair<int64_t, double>(2000, 2));
  CHECK(samples[1] == std::pair<int64_t, double>(1000, 1));
  CHECK(samples[2].first == 3000);
  CHECK(model::IsStaleNan(samples[2].second));
}

}  // namespace
}  // namespace varve::ingest

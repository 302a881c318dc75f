#include "lib/ingest/test_insert.h"

namespace varve::ingest {
namespace {

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

}  // namespace
}  // namespace varve::ingest

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
  CHECK(zstd.status == 400);
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

TEST_CASE("a message or an encoding that is unknown is 415", "[ingest]") {
  Insert insert;
  const Reply reply = insert.Post(kWrite, protocol::SnappyBody(TwoSeries2()),
                                  OfMessage("io.prometheus.write.v3.Request"));
  CHECK(reply.status == 415);
  CHECK(reply.body.find("io.prometheus.write.v3.Request") !=
        std::string::npos);
  http::Arguments headers = OfMessage(kRequest2);
  headers.emplace_back("content-encoding", "br");
  const Reply encoded =
      insert.Post(kWrite, protocol::SnappyBody(TwoSeries2()), headers);
  CHECK(encoded.status == 415);
  CHECK(encoded.body.find("\"br\"") != std::string::npos);
  CHECK(insert.node.rows() == 0);
}

TEST_CASE("2.0 that is not told to be it is 400, not an empty 1.0",
          "[ingest]") {
  Insert insert;
  const std::string body = protocol::SnappyBody(TwoSeries2());
  for (const http::Arguments& headers :
       {http::Arguments(), {{"content-type", "application/x-protobuf"}},
        OfMessage("prometheus.WriteRequest")}) {
    const Reply reply = insert.Post(kWrite, body, headers);
    CHECK(reply.status == 400);
    CHECK(reply.body.find("proto=io.prometheus.write.v2.Request") !=
          std::string::npos);
  }
  // The other way round.
  CHECK(insert
            .Post(kWrite, protocol::SnappyBody(Series(kUp, 1, 1)),
                  OfMessage(kRequest2))
            .status == 400);
  CHECK(insert.node.rows() == 0);
}

TEST_CASE("the message of 2.0 is found among other parameters", "[ingest]") {
  Insert insert;
  const std::string body = protocol::SnappyBody(Created2());
  for (const char* type :
       {"application/x-protobuf;proto=io.prometheus.write.v2.Request",
        "application/x-protobuf; proto=\"io.prometheus.write.v2.Request\"",
        "application/x-protobuf;x=y ; proto=io.prometheus.write.v2.Request "}) {
    const Reply reply = insert.Post(kWrite, body, {{"content-type", type}});
    CHECK(reply.status == 204);
    CHECK(Written(reply, "Samples") == 1);
  }
}

TEST_CASE("samples of 2.0 out of order, old and stale are stored",
          "[ingest]") {
  Insert insert;
  for (const auto& times : {std::vector<int64_t>{3000, 1000, 2000},
                            std::vector<int64_t>{500}}) {
    const Reply reply = insert.Post(
        kWrite, protocol::SnappyBody(Created2(times)), OfMessage(kRequest2));
    CHECK(reply.status == 204);
    CHECK(Written(reply, "Samples") == static_cast<int64_t>(times.size()));
  }
  CHECK(insert.Samples({{"__name__", "up"}}).size() == 4);
}

}  // namespace
}  // namespace varve::ingest

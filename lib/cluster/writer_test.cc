#include "lib/cluster/writer.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "lib/base/status.h"
#include "lib/cluster/fake_cluster.h"
#include "lib/wire/features.h"

namespace varve::cluster {
namespace {

TEST_CASE("what one owner refuses no owner is sent, and the rest is stored",
          "[cluster]") {
  FakeCluster c(2);
  c.Start(2);
  c.fakes[1]->refused["series3"] = model::Refusal::kDailyLimit;
  REQUIRE(c.Write(10, 1000).ok());
  CHECK(c.TotalRows() == 18);
  CHECK(c.Incomplete() == 0);
  CHECK(c.Sent() == 18);
  // Asked again, of the node that refused, until it is let in.
  const int defines = c.TotalDefines();
  REQUIRE(c.Write(10, 2000).ok());
  CHECK(c.TotalDefines() == defines + 1);
  CHECK(c.TotalRows() == 36);
  c.fakes[1]->refused.clear();
  REQUIRE(c.Write(10, 3000).ok());
  CHECK(c.TotalRows() == 56);
  for (const auto& fake : c.fakes) CHECK(fake->missed.empty());
}

TEST_CASE("with two copies each sample is on exactly two nodes", "[cluster]") {
  FakeCluster c(4);
  c.Start(2);
  REQUIRE(c.Write(500, 1000).ok());
  CHECK(c.TotalRows() == 1000);
  std::map<std::string, int> copies;
  for (const auto& fake : c.fakes) {
    for (const auto& [key, ref] : fake->refs) {
      ++copies[key];
      CHECK(fake->samples[ref].size() == 1);
    }
  }
  CHECK(copies.size() == 500);
  for (const auto& [key, n] : copies) CHECK(n == 2);
  CHECK(c.Sent() == 1000);
  CHECK(c.Incomplete() == 0);
}

TEST_CASE("a known series is not defined again", "[cluster]") {
  FakeCluster c(2);
  c.Start(2);
  REQUIRE(c.Write(100, 1000).ok());
  REQUIRE(c.Write(100, 2000).ok());
  CHECK(c.TotalDefines() == 200);
  CHECK(c.TotalRows() == 400);
}

TEST_CASE("a ring is handed to every node before it is written by",
          "[cluster]") {
  FakeCluster c(3);
  c.Start(2);
  REQUIRE(c.Write(1, 1000).ok());
  for (const auto& fake : c.fakes) {
    REQUIRE(fake->rings.size() == 1);
    CHECK(fake->rings[0].members_size() == 3);
    CHECK(fake->rings[0].ring_id() == c.fakes[0]->rings[0].ring_id());
    CHECK(fake->rings[0].members(1).address() == "s1:8400");
  }
}

TEST_CASE("a node that stalled and goes on has the ring already", "[cluster]") {
  FakeCluster c(2);
  c.Start(2);
  REQUIRE(c.Write(10, 1000).ok());
  c.fakes[1]->interfere = [](rpc::Method m) -> std::optional<Answer> {
    CHECK(m != wire::kPutRing);  // which all writes would wait for
    return Answer(base::DeadlineExceeded("too slow"));
  };
  REQUIRE(c.Write(10, 2000).ok());
  REQUIRE(c.Write(10, 3000).ok());
  c.clock.Advance(1'500);
  REQUIRE(c.Write(10, 4000).ok());
  c.fakes[1]->interfere = nullptr;
  c.clock.Advance(5'000);
  REQUIRE(c.Write(10, 5000).ok());
  CHECK(c.fakes[0]->rings.size() == 1);
  CHECK(c.fakes[1]->rings.size() == 1);
  CHECK(c.fakes[1]->rows() == 20);
}

TEST_CASE("with one of two nodes down writes go on and the miss is recorded",
          "[cluster]") {
  FakeCluster c(2);
  c.Start(2);
  REQUIRE(c.Write(10, 1000).ok());
  c.fakes[1]->up = false;
  REQUIRE(c.Write(20, 5'000'000).ok());
  CHECK(c.fakes[0]->rows() == 30);
  CHECK(c.Incomplete() == 20);
  REQUIRE(c.fakes[0]->missed.size() == 1);
  const proto::Missed& missed = c.fakes[0]->missed[0];
  CHECK(missed.owner() == 2);
  CHECK(missed.slots_size() == 20);
  CHECK(missed.start_ms() <= 5'000'000);
  CHECK(missed.end_ms() >= 5'000'000);
  // The same hour again needs no further record; another hour does.
  REQUIRE(c.Write(20, 5'000'001).ok());
  CHECK(c.fakes[0]->missed.size() == 1);
  REQUIRE(c.Write(20, 50'000'000).ok());
  CHECK(c.fakes[0]->missed.size() == 2);
}

TEST_CASE("a node that is back gets its series without the others again",
          "[cluster]") {
  FakeCluster c(2);
  c.Start(2);
  c.fakes[1]->up = false;
  c.clock.Advance(10'000);
  REQUIRE(c.Write(10, 1000).ok());
  CHECK(c.fakes[0]->missed[0].owner() == 0);  // never heard of
  c.fakes[1]->up = true;
  ++c.fakes[1]->connection;
  REQUIRE(c.Write(10, 2000).ok());
  CHECK(c.fakes[1]->rows() == 10);
  c.fakes[1]->up = false;
  REQUIRE(c.Write(10, 3000, 10).ok());
  CHECK(c.fakes[0]->missed[1].owner() == 2);
  const int defined = c.fakes[0]->defines;
  c.fakes[1]->up = true;
  ++c.fakes[1]->connection;
  REQUIRE(c.Write(20, 4000).ok());
  CHECK(c.fakes[0]->defines == defined);
  CHECK(c.fakes[1]->rows() == 30);
}

TEST_CASE("with copies_min of all a missing node refuses writes", "[cluster]") {
  FakeCluster c(2);
  c.Start(2, 2);
  REQUIRE(c.Write(10, 1000).ok());
  c.fakes[1]->up = false;
  const absl::Status status = c.Write(10, 2000);
  CHECK(status.code() == absl::StatusCode::kUnavailable);
  CHECK(c.fakes[0]->rows() == 10);
  c.fakes[1]->up = true;
  CHECK(c.Write(10, 2000).ok());
}

TEST_CASE("with one copy the next node takes over and gives back",
          "[cluster]") {
  FakeCluster c(3);
  c.Start(1);
  REQUIRE(c.Write(300, 1000).ok());
  const size_t before = c.fakes[0]->rows();
  CHECK(before > 0);
  c.fakes[0]->up = false;
  REQUIRE(c.Write(300, 2000).ok());
  CHECK(c.fakes[0]->rows() == before);
  CHECK(c.TotalRows() == 600);
  c.fakes[0]->up = true;
  REQUIRE(c.Write(300, 3000).ok());
  CHECK(c.fakes[0]->rows() == 2 * before);
  CHECK(c.TotalRows() == 900);
}

TEST_CASE("a node that fails in the middle is replaced in the same write",
          "[cluster]") {
  FakeCluster c(2);
  c.Start(1);
  REQUIRE(c.Write(100, 1000).ok());
  c.fakes[0]->interfere = [](rpc::Method m) -> std::optional<Answer> {
    if (m != wire::kData) return std::nullopt;
    return Answer(base::DeadlineExceeded("too slow"));
  };
  REQUIRE(c.Write(100, 2000).ok());
  std::set<std::string> keys;
  for (const auto& [key, ref] : c.fakes[1]->refs) keys.insert(key);
  CHECK(keys.size() == 100);
}

TEST_CASE("no node at all is unavailable", "[cluster]") {
  FakeCluster c(2);
  c.Start(1);
  c.fakes[0]->up = c.fakes[1]->up = false;
  CHECK(c.Write(1, 1).code() == absl::StatusCode::kUnavailable);
  c.clock.Advance(100'000);
  CHECK(c.Write(1, 1).code() == absl::StatusCode::kUnavailable);
}

TEST_CASE("a node that lost its index is defined anew", "[cluster]") {
  FakeCluster c(2);
  c.Start(2);
  REQUIRE(c.Write(50, 1000).ok());
  c.fakes[0]->refs.clear();
  c.fakes[0]->samples.clear();
  c.fakes[0]->ref_epoch = 77;
  ++c.fakes[0]->connection;
  REQUIRE(c.Write(50, 2000).ok());
  CHECK(c.fakes[0]->rows() == 50);
  CHECK(c.fakes[0]->refs.size() == 50);
}

TEST_CASE("a node that asks for definitions gets them", "[cluster]") {
  FakeCluster c(2);
  c.Start(2);
  REQUIRE(c.Write(50, 1000).ok());
  bool asked = false;
  c.fakes[0]->interfere = [&](rpc::Method m) -> std::optional<Answer> {
    if (m != wire::kData || asked) return std::nullopt;
    asked = true;
    proto::Ack ack;
    ack.set_redefine(true);
    return Answer(ack.SerializeAsString());
  };
  REQUIRE(c.Write(50, 2000).ok());
  CHECK(asked);
  CHECK(c.TotalDefines() == 200);
  CHECK(c.Sent() == 200);
}

TEST_CASE("a write is not acknowledged while the miss is not recorded",
          "[cluster]") {
  FakeCluster c(2);
  c.Start(2);
  REQUIRE(c.Write(5, 1000).ok());
  c.fakes[1]->up = false;
  c.fakes[0]->interfere = [](rpc::Method m) -> std::optional<Answer> {
    if (m != wire::kMissed) return std::nullopt;
    return Answer(base::ResourceExhausted("disk full"));
  };
  CHECK(c.Write(5, 2000).code() == absl::StatusCode::kUnavailable);
  c.fakes[0]->interfere = nullptr;
  c.clock.Advance(2'000);
  CHECK(c.Write(5, 2000).ok());
  CHECK(c.fakes[0]->missed.size() == 1);
}

TEST_CASE("a new writer learns the id of a node that is down from the others",
          "[cluster]") {
  FakeCluster c(3);
  c.Start(2);
  REQUIRE(c.Write(300, 1000).ok());
  const uint64_t ring_id = c.fakes[0]->rings[0].ring_id();
  const int defined = c.fakes[0]->defines;
  c.fakes[2]->up = false;
  c.routes.clear();
  c.Start(2);
  REQUIRE(c.Write(300, 2000).ok());
  CHECK(c.fakes[0]->rings.back().ring_id() == ring_id);
  CHECK(static_cast<size_t>(defined) == c.fakes[0]->refs.size());
  REQUIRE_FALSE(c.fakes[0]->missed.empty());
  CHECK(c.fakes[0]->missed[0].owner() == 3);
}

TEST_CASE("an unknown node is waited for, but not for ever", "[cluster]") {
  FakeCluster c(2);
  c.fakes[1]->up = false;
  c.Start(1);
  CHECK(c.Write(10, 1000).code() == absl::StatusCode::kUnavailable);
  c.clock.Advance(5'000);
  CHECK(c.Write(10, 1000).ok());
  CHECK(c.fakes[0]->rows() == 10);
}

TEST_CASE("large writes are sent in several frames", "[cluster]") {
  FakeCluster c(1);
  c.Start(1);
  const std::vector<int64_t> timestamps(300'000, 5);
  const std::vector<double> values(300'000, 1.5);
  std::vector<SeriesRoute> routes(4);
  const auto view = c.writer->View();
  std::vector<SeriesRows> rows;
  const std::vector<std::string> labels = {"a", "b", "c", "d"};
  for (size_t i = 0; i < 4; ++i) {
    rows.push_back({.tenant = {},
                    .route = &routes[i],
                    .labels = labels[i],
                    .timestamps_ms = timestamps,
                    .values = values});
  }
  REQUIRE(c.writer->Write(*view, rows).ok());
  CHECK(c.fakes[0]->rows() == 1'200'000);
}

TEST_CASE("a tenant's name is registered on all nodes before its rows",
          "[cluster]") {
  FakeCluster c(3);
  c.Start(2);
  const model::Tenant acme{{.kind = 1, .id = 77}, "acme"};
  const model::Tenant other{{.kind = 1, .id = 77}, "other"};
  REQUIRE(c.WriteAs(acme, 20, 1000).ok());
  REQUIRE(c.WriteAs(acme, 20, 2000).ok());
  for (const auto& fake : c.fakes) {
    CHECK(fake->names == std::map<uint64_t, std::string>{{77, "acme"}});
    CHECK(fake->name_calls == 1);
  }
  const int defined = c.TotalDefines();
  // A weak hash gave it the same id.
  const absl::Status refused = c.WriteAs(other, 20, 3000);
  CHECK(absl::IsInvalidArgument(refused));
  CHECK(refused.message().find("other") != absl::string_view::npos);
  CHECK(refused.message().find("acme") == absl::string_view::npos);
  CHECK(c.TotalDefines() == defined);
  // Not by what was noted of the first one either.
  CHECK(absl::IsInvalidArgument(c.WriteAs(other, 20, 4000)));
  CHECK(c.WriteAs(acme, 20, 5000).ok());
}

TEST_CASE("a node that is back is told the names", "[cluster]") {
  FakeCluster c(3);
  c.Start(2);
  const model::Tenant acme{{.kind = 1, .id = 77}, "acme"};
  REQUIRE(c.WriteAs(acme, 20, 1000).ok());
  c.fakes[1]->up = false;
  c.fakes[1]->names.clear();
  REQUIRE(c.WriteAs(acme, 20, 2000).ok());
  CHECK(c.fakes[1]->names.empty());
  c.fakes[1]->up = true;
  ++c.fakes[1]->connection;
  c.clock.Advance(10'000);
  REQUIRE(c.WriteAs(acme, 20, 3000).ok());
  CHECK(c.fakes[1]->names.size() == 1);
}

TEST_CASE("a release without names makes named tenants wait, others not",
          "[cluster]") {
  FakeCluster c(2);
  c.fakes[1]->missing_features = wire::kFeatureTenantNames;
  c.Start(2);
  CHECK(c.Write(10, 1000).ok());
  const absl::Status waits =
      c.WriteAs({{.kind = 1, .id = 77}, "acme"}, 10, 1000);
  CHECK(absl::IsUnavailable(waits));
  CHECK(waits.message().find("X-Scope-OrgID") != absl::string_view::npos);
  CHECK(c.TotalDefines() == 20);
}

TEST_CASE("a release without LZ4 gets frames that are not packed",
          "[cluster]") {
  FakeCluster c(2);
  c.fakes[1]->missing_features = wire::kFeatureLz4;
  c.Start(2);
  REQUIRE(c.Write(100, 1000).ok());
  CHECK(c.TotalRows() == 200);
  CHECK(c.fakes[1]->packed_frames == 0);
  c.fakes[1]->missing_features = 0;
  ++c.fakes[1]->connection;
  REQUIRE(c.Write(100, 2000).ok());
  CHECK(c.fakes[1]->packed_frames == 1);
}

TEST_CASE("a write that misses a copy waits where no record of it is kept",
          "[cluster]") {
  FakeCluster c(2);
  c.fakes[0]->missing_features = wire::kFeatureMissed;
  c.Start(2);
  REQUIRE(c.Write(10, 1000).ok());
  c.fakes[1]->up = false;
  const absl::Status waits = c.Write(10, 2000);
  CHECK(absl::IsUnavailable(waits));
  CHECK(waits.message().find("s0:8400 is of a release") !=
        absl::string_view::npos);
  CHECK(c.fakes[0]->missed.empty());
  // It is not taken for broken.
  c.fakes[1]->up = true;
  ++c.fakes[1]->connection;
  REQUIRE(c.Write(10, 3000).ok());
  CHECK(c.Incomplete() == 0);
}

TEST_CASE("a node without room for names is not taken for broken",
          "[cluster]") {
  FakeCluster c(2);
  c.Start(2);
  c.fakes[1]->interfere = [](rpc::Method m) -> std::optional<Answer> {
    if (m != wire::kTenantNames) return std::nullopt;
    return Answer(absl::OutOfRangeError("50000 tenants have names"));
  };
  const model::Tenant acme{{.kind = 1, .id = 77}, "acme"};
  const absl::Status full = c.WriteAs(acme, 10, 1000);
  CHECK(absl::IsInvalidArgument(full));  // no retry cures it
  CHECK(base::Message(full) ==
        "the tenant acme cannot be stored: 50000 tenants have names");
  c.fakes[1]->interfere = [](rpc::Method m) -> std::optional<Answer> {
    if (m != wire::kTenantNames) return std::nullopt;
    return Answer(base::ResourceExhausted("the log is full"));
  };
  CHECK(absl::IsResourceExhausted(c.WriteAs(acme, 10, 1000)));
  CHECK(c.Write(10, 1000).ok());
  CHECK(c.fakes[1]->missed.empty());
  CHECK(c.fakes[0]->missed.empty());
}

TEST_CASE("rows that a level above took keep its time", "[cluster]") {
  FakeCluster cluster(1);
  cluster.Start(1);
  const auto view = cluster.writer->View();
  SeriesRoute route;
  const int64_t at_ms = 5;
  const double value = 1;
  SeriesRows row{.route = &route,
                 .labels = "series",
                 .timestamps_ms = {&at_ms, 1},
                 .values = {&value, 1}};
  for (const int64_t accept_ms : {123, 0}) {
    REQUIRE(cluster.writer
                ->Write(*view, {&row, 1}, {}, nullptr, /*last_attempt=*/true,
                        accept_ms)
                .ok());
    CHECK(cluster.fakes[0]->accept_ms ==
          (accept_ms != 0 ? accept_ms : cluster.clock.NowMs()));
  }
}

TEST_CASE("a MISSED record from above is on every node that is up",
          "[cluster]") {
  FakeCluster cluster(3);
  cluster.Start(2, 2);
  REQUIRE(cluster.writer->View()->Writable().ok());
  proto::Missed record;
  record.set_owner(99);
  cluster.fakes[2]->up = false;
  cluster.fakes[1]->interfere =
      [left = 1](rpc::Method method) mutable -> std::optional<Answer> {
    if (method != wire::kMissed || left-- == 0) return std::nullopt;
    return base::Unavailable("not now");
  };
  // The one that fails is not up any more; the other alone is too few.
  CHECK(absl::IsUnavailable(
      cluster.writer->StoreMissed(record.SerializeAsString())));
  cluster.fakes[2]->up = true;
  cluster.fakes[2]->connection = 2;
  REQUIRE(cluster.writer->StoreMissed(record.SerializeAsString()).ok());
  REQUIRE(cluster.fakes[2]->missed.size() == 1);
  CHECK(cluster.fakes[2]->missed[0].owner() == 99);
  CHECK_FALSE(cluster.fakes[0]->missed.empty());
}

TEST_CASE("an insert node below is waited for longer than a storage node",
          "[cluster]") {
  const bool below = GENERATE(false, true);
  FakeCluster cluster(2);
  if (below) cluster.fakes[0]->role = "insert";
  cluster.Start(2, 1);
  REQUIRE(cluster.Write(10, 1).ok());
  // It gives up on a node of its own after as long as we on one of ours.
  cluster.fakes[0]->takes_ms[wire::kData] = 2'500;
  REQUIRE(cluster.Write(10, 2).ok());
  CHECK((cluster.Incomplete() == 0) == below);
}

}  // namespace
}  // namespace varve::cluster

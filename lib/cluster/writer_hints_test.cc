#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "lib/base/status.h"
#include "lib/cluster/fake_cluster.h"
#include "lib/wire/features.h"

namespace varve::cluster {
namespace {

constexpr int kSeries = 300;

// By its records, whether `keeper` knows that `owner` lacks a row of `slot`
// that is in the log of `holder`; of none for 0.
bool Knows(const FakeNode& keeper, uint64_t owner, uint32_t slot,
           const FakeNode* holder) {
  for (const proto::Missed& one : keeper.missed) {
    if (one.owner() != owner) continue;
    if (one.hint_holder() != (holder == nullptr ? 0 : holder->id)) continue;
    if (holder != nullptr && one.hint_log() != holder->hints.at(owner).id) {
      continue;
    }
    for (const uint32_t known : one.slots()) {
      if (known == slot) return true;
    }
  }
  return false;
}

TEST_CASE("what an owner that is down should have goes to a node without it",
          "[cluster]") {
  FakeCluster c(4);
  c.Start(2);
  REQUIRE(c.Write(kSeries, 1000).ok());
  const size_t before = c.fakes[3]->rows();
  c.fakes[3]->up = false;
  const int defines = c.TotalDefines();
  REQUIRE(c.Write(kSeries, 2000).ok());
  CHECK(c.TotalRows() == 4 * kSeries - before);
  CHECK(c.TotalHintRows() == before);
  // No series begins anywhere, nor is one asked for again where it is known.
  CHECK(c.TotalDefines() == defines);
  CHECK(c.Incomplete() == 0);
  CHECK(c.HintRowsSent(3) == static_cast<int64_t>(before));
  CHECK(c.ReroutedFrom(3) == 0);
  for (int i = 0; i < kSeries; ++i) {
    CHECK(c.NodesWith(base::StrCat("0/series", i)).size() >= 2);
  }
  // Known references are used.
  const int hint_defines = c.fakes[0]->hint_defines +
                           c.fakes[1]->hint_defines + c.fakes[2]->hint_defines;
  CHECK(static_cast<size_t>(hint_defines) == before);
  REQUIRE(c.Write(kSeries, 3000).ok());
  CHECK(c.TotalHintRows() == 2 * before);
  CHECK(c.fakes[0]->hint_defines + c.fakes[1]->hint_defines +
            c.fakes[2]->hint_defines ==
        hint_defines);
  // And it gets its rows itself when it is back.
  c.fakes[3]->up = true;
  ++c.fakes[3]->connection;
  REQUIRE(c.Write(kSeries, 4000).ok());
  CHECK(c.fakes[3]->rows() == 2 * before);
  CHECK(c.TotalHintRows() == 2 * before);
}

TEST_CASE("all nodes with the rows know which hints the owner waits for",
          "[cluster]") {
  FakeCluster c(4);
  c.Start(2);
  REQUIRE(c.Write(kSeries, 1000).ok());
  c.fakes[2]->up = false;
  REQUIRE(c.Write(kSeries, 2000).ok());
  int checked = 0;
  for (int i = 0; i < kSeries; ++i) {
    const std::string key = base::StrCat("0/series", i);
    if (!c.fakes[2]->refs.contains(key)) continue;
    const auto slot = static_cast<uint16_t>(i * 257);
    const FakeNode* holder = nullptr;
    for (const auto& fake : c.fakes) {
      const auto log = fake->hints.find(3);
      if (log != fake->hints.end() && log->second.refs.contains(key)) {
        CHECK(holder == nullptr);
        holder = fake.get();
      }
    }
    REQUIRE(holder != nullptr);
    CHECK_FALSE(holder->refs.contains(key));
    for (const auto& fake : c.fakes) {
      const bool has = fake.get() == holder || fake->refs.contains(key);
      if (fake->id == 3) continue;
      CHECK(Knows(*fake, 3, slot, holder) == has);
      CHECK_FALSE(Knows(*fake, 3, slot, nullptr));
    }
    ++checked;
  }
  CHECK(checked > kSeries / 4);
  for (const auto& fake : c.fakes) {
    for (const proto::Missed& one : fake->missed) {
      const bool hints = one.hint_holder() == fake->id;
      CHECK(one.keeper() ==
            (hints ? proto::Missed::HINTS : proto::Missed::ROWS));
    }
  }
  // Once is enough for an hour.
  const size_t records = c.fakes[0]->missed.size();
  REQUIRE(c.Write(kSeries, 3000).ok());
  CHECK(c.fakes[0]->missed.size() == records);
}

TEST_CASE("records are put again when a node has given a mark", "[cluster]") {
  FakeCluster c(4);
  c.Start(2);
  REQUIRE(c.Write(kSeries, 1000).ok());
  c.fakes[2]->up = false;
  REQUIRE(c.Write(kSeries, 2000).ok());
  const size_t records = c.fakes[0]->missed.size();
  REQUIRE(records > 0);
  // Whichever node: who has hints depends on whom the rows are with.
  for (const size_t node : {0, 1}) {
    c.fakes[node]->missed.clear();
    c.fakes[0]->missed.clear();
    ++c.fakes[node]->mark;
    REQUIRE(c.Write(kSeries, 3000).ok());
    CHECK(c.fakes[0]->missed.size() == records);
    REQUIRE(c.Write(kSeries, 4000).ok());
    CHECK(c.fakes[0]->missed.size() == records);
  }
}

TEST_CASE("of two nodes the other one keeps the hints, which is no copy more",
          "[cluster]") {
  FakeCluster c(2);
  c.Start(2);
  REQUIRE(c.Write(20, 1000).ok());
  c.fakes[1]->up = false;
  REQUIRE(c.Write(20, 2000).ok());
  CHECK(c.fakes[0]->rows() == 40);
  CHECK(c.fakes[0]->hints.at(2).rows() == 20);
  CHECK(c.Incomplete() == 20);
  REQUIRE(c.fakes[0]->missed.size() == 1);
  CHECK(c.fakes[0]->missed[0].hint_holder() == 1);
  CHECK(c.fakes[0]->missed[0].hint_log() == c.fakes[0]->hints.at(2).id);
}

TEST_CASE("with copies_min of all a hint on a third node is a copy",
          "[cluster]") {
  FakeCluster c(3);
  c.Start(2, 2);
  REQUIRE(c.Write(kSeries, 1000).ok());
  c.fakes[2]->up = false;
  REQUIRE(c.Write(kSeries, 2000).ok());
  CHECK(c.TotalRows() + c.TotalHintRows() == 4 * kSeries);
  CHECK(c.Incomplete() == 0);
}

TEST_CASE("a new log of hints is defined anew", "[cluster]") {
  FakeCluster c(3);
  c.Start(2);
  REQUIRE(c.Write(kSeries, 1000).ok());
  c.fakes[2]->up = false;
  REQUIRE(c.Write(kSeries, 2000).ok());
  const size_t hinted = c.fakes[0]->hint_rows();
  REQUIRE(hinted > 0);
  // The owner is back for the holder, and its log done, but not yet for us.
  c.fakes[0]->hints.clear();
  REQUIRE(c.Write(kSeries, 3000).ok());
  REQUIRE(c.fakes[0]->hints.contains(3));
  CHECK(c.fakes[0]->hints.at(3).rows() == hinted);
  for (int i = 0; i < kSeries; ++i) {
    const std::string key = base::StrCat("0/series", i);
    if (!c.fakes[0]->hints.at(3).refs.contains(key)) continue;
    const auto slot = static_cast<uint16_t>(i * 257);
    CHECK(Knows(*c.fakes[0], 3, slot, c.fakes[0].get()));
    CHECK(Knows(*c.fakes[1], 3, slot, c.fakes[0].get()));
  }
  CHECK(c.Incomplete() == 0);
}

TEST_CASE("references of two logs are never mixed", "[cluster]") {
  FakeCluster c(3);
  c.Start(2);
  REQUIRE(c.Write(kSeries, 1000).ok());
  c.fakes[2]->up = false;
  REQUIRE(c.Write(kSeries, 2000).ok());
  // Another log before more series come: only these are defined in it.
  c.fakes[0]->hints.clear();
  c.fakes[1]->hints.clear();
  REQUIRE(c.Write(kSeries, 3000, kSeries).ok());
  REQUIRE(c.Write(2 * kSeries, 4000).ok());
  for (const auto& fake : c.fakes) {
    for (const auto& [owner, log] : fake->hints) {
      for (const auto& [key, ref] : log.refs) {
        const bool late = std::stoi(key.substr(8)) >= kSeries;
        REQUIRE(log.samples.contains(ref));
        CHECK(log.samples.at(ref).size() == (late ? 2 : 1));
      }
      CHECK(log.refs.size() == log.samples.size());
    }
  }
}

TEST_CASE("where no hints are taken the next node stores rows as its own",
          "[cluster]") {
  FakeCluster c(3);
  c.Start(2);
  REQUIRE(c.Write(kSeries, 1000).ok());
  const size_t before = c.fakes[2]->rows();
  c.fakes[2]->up = false;
  for (const auto& fake : c.fakes) fake->refuses_hints = true;
  REQUIRE(c.Write(kSeries, 2000).ok());
  CHECK(c.TotalHintRows() == 0);
  CHECK(c.Incomplete() == 0);
  CHECK(c.ReroutedFrom(2) == static_cast<int64_t>(before));
  // A repeated attempt may have stored some twice, which is once.
  for (int i = 0; i < kSeries; ++i) {
    const std::string key = base::StrCat("0/series", i);
    CHECK(c.fakes[0]->refs.contains(key));
    CHECK(c.fakes[1]->refs.contains(key));
  }
  for (const auto& fake : c.fakes) {
    for (const proto::Missed& one : fake->missed) {
      CHECK(one.owner() == 3);
      CHECK(one.hint_holder() == 0);
      CHECK(one.hint_log() == 0);
    }
  }
  REQUIRE_FALSE(c.fakes[0]->missed.empty());
  // They are asked again after a while.
  for (const auto& fake : c.fakes) fake->refuses_hints = false;
  REQUIRE(c.Write(kSeries, 3000).ok());
  CHECK(c.TotalHintRows() == 0);
  c.clock.Advance(300'000);
  REQUIRE(c.Write(kSeries, 4000).ok());
  CHECK(c.TotalHintRows() == before);
}

TEST_CASE("a node that is down for too long is stood in for", "[cluster]") {
  FakeCluster c(3);
  c.Start(2, 0, {.hint_age_max = absl::Minutes(10)});
  REQUIRE(c.Write(kSeries, 1000).ok());
  const size_t before = c.fakes[2]->rows();
  c.fakes[2]->up = false;
  REQUIRE(c.Write(kSeries, 2000).ok());
  c.clock.Advance(599'999);
  REQUIRE(c.Write(kSeries, 3000).ok());
  CHECK(c.TotalHintRows() == 2 * before);
  CHECK(c.ReroutedFrom(2) == 0);
  c.clock.Advance(1);
  REQUIRE(c.Write(kSeries, 4000).ok());
  CHECK(c.TotalHintRows() == 2 * before);
  CHECK(c.ReroutedFrom(2) == static_cast<int64_t>(before));
  CHECK(c.Incomplete() == 0);
  // The next outage begins anew.
  c.fakes[2]->up = true;
  ++c.fakes[2]->connection;
  REQUIRE(c.Write(kSeries, 5000).ok());
  c.fakes[2]->up = false;
  REQUIRE(c.Write(kSeries, 6000).ok());
  CHECK(c.TotalHintRows() == 3 * before);
}

TEST_CASE("with two of three owners down each copy has a node of its own",
          "[cluster]") {
  FakeCluster c(6);
  c.Start(3);
  REQUIRE(c.Write(kSeries, 1000).ok());
  const size_t lost = c.fakes[0]->rows() + c.fakes[1]->rows();
  c.fakes[0]->up = c.fakes[1]->up = false;
  REQUIRE(c.Write(kSeries, 2000).ok());
  CHECK(c.TotalHintRows() == lost);
  CHECK(c.Incomplete() == 0);
  for (int i = 0; i < kSeries; ++i) {
    const auto nodes = c.NodesWith(base::StrCat("0/series", i));
    size_t up = nodes.size() - nodes.contains(1) - nodes.contains(2);
    CHECK(up == 3);
  }
}

TEST_CASE("with all owners down another node stores rows as its own as well",
          "[cluster]") {
  FakeCluster c(4);
  c.Start(2);
  REQUIRE(c.Write(kSeries, 1000).ok());
  c.fakes[0]->up = c.fakes[1]->up = false;
  REQUIRE(c.Write(kSeries, 2000).ok());
  const auto own = [&c](int i, int64_t at_ms) {
    const std::string key = base::StrCat("0/series", i);
    for (const int node : {2, 3}) {
      const FakeNode& fake = *c.fakes[node];
      if (!fake.refs.contains(key)) continue;
      const auto rows = fake.samples.find(fake.refs.at(key));
      if (rows == fake.samples.end()) continue;
      for (const auto& [stored_ms, value] : rows->second) {
        if (stored_ms == at_ms) return true;
      }
    }
    return false;
  };
  size_t without_owners = 0;
  for (int i = 0; i < kSeries; ++i) {
    CHECK(own(i, 2000));
    SeriesRoute& route = c.routes[i];
    if (route.lanes[2] == kNoLane) continue;
    ++without_owners;
    // As a table with a lane for each owner keeps it.
    route.lanes[2] = kNoLane;
    route.refs[2] = kNoRef;
    CHECK_FALSE(c.writer->View()->Fits(route));
  }
  CHECK(without_owners > 0);
  REQUIRE(c.Write(kSeries, 3000).ok());
  for (int i = 0; i < kSeries; ++i) CHECK(own(i, 3000));
  // The owners' copies wait for them as ever.
  CHECK(c.TotalHintRows() > 2 * without_owners);
  c.Start(2, 0, {.reroute_unavailable = false});
  c.routes.clear();
  CHECK(absl::IsUnavailable(c.Write(kSeries, 4000)));
}

TEST_CASE("too few nodes for copies_min refuse the write, hints or not",
          "[cluster]") {
  FakeCluster c(3);
  c.Start(3);
  REQUIRE(c.Write(20, 1000).ok());
  c.fakes[0]->up = c.fakes[1]->up = false;
  const absl::Status status = c.Write(20, 2000);
  CHECK(absl::IsUnavailable(status));
  CHECK(c.TotalHintRows() == 0);
}

TEST_CASE("a storage node of a release without hints gets rows as its own",
          "[cluster]") {
  FakeCluster c(3);
  c.fakes[0]->missing_features = wire::kFeatureHints;
  c.Start(2);
  REQUIRE(c.Write(kSeries, 1000).ok());
  c.fakes[2]->up = false;
  REQUIRE(c.Write(kSeries, 2000).ok());
  CHECK(c.fakes[0]->hint_defines == 0);
  CHECK(c.fakes[1]->hint_rows() > 0);
  CHECK(c.ReroutedFrom(2) > 0);
  CHECK(c.Incomplete() == 0);
}

TEST_CASE("what an owner refuses is not kept as a hint either", "[cluster]") {
  FakeCluster c(2);
  c.Start(2);
  REQUIRE(c.Write(1, 1000).ok());
  c.fakes[0]->refused["series3"] = model::Refusal::kDailyLimit;
  c.fakes[1]->up = false;
  for (int i = 1; i <= 2; ++i) {
    REQUIRE(c.Write(10, 1000 + i).ok());
    CHECK(c.fakes[0]->hints.at(2).rows() == 9 * static_cast<size_t>(i));
  }
}

TEST_CASE("with rerouting disabled only owners and hints take rows",
          "[cluster]") {
  FakeCluster c(3);
  c.Start(1, 0, {.reroute_unavailable = false});
  REQUIRE(c.Write(kSeries, 1000).ok());
  c.fakes[2]->up = false;
  CHECK(absl::IsUnavailable(c.Write(kSeries, 2000)));
  c.fakes[2]->up = true;
  CHECK(c.Write(kSeries, 2000).ok());
  // One that is connected and fails is another flag's.
  c.fakes[2]->interfere =
      Failing({wire::kData}, base::DeadlineExceeded("too slow"));
  CHECK(c.Write(kSeries, 3000).ok());
  c.Start(1, 0, {.reroute_slow = false});
  c.routes.clear();
  CHECK(absl::IsUnavailable(c.Write(kSeries, 4000)));
  c.fakes[2]->up = false;
  CHECK(c.Write(kSeries, 4000).ok());
  c.Start(2, 0, {.hint_age_max = absl::ZeroDuration(),
                 .reroute_unavailable = false});
  c.fakes[2]->up = true;
  c.fakes[2]->interfere = nullptr;
  c.routes.clear();
  REQUIRE(c.Write(kSeries, 5000).ok());
  c.fakes[2]->up = false;
  REQUIRE(c.Write(kSeries, 6000).ok());
  CHECK(c.ReroutedFrom(2) > 0);  // by the writers before
  CHECK(c.Incomplete() > 0);
  CHECK(c.TotalHintRows() == 0);
}

}  // namespace
}  // namespace varve::cluster

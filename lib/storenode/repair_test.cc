// Storage nodes that make up one another's copies, without a network.
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/storenode/repair_routes.h"
#include "lib/storenode/test_nodes.h"
#include "lib/wire/convert.h"
#include "lib/wire/data_frame_builder.h"

namespace varve::storenode {
namespace {

using model::kDayMs;

TEST_CASE("a node pulls what it lacks, and keeps what it has more",
          "[storenode]") {
  Nodes two(2);
  two.Write(0, 1, OverMs(), 1);
  two.Write(0, 1, OverMs() + 1, 2);
  two.Write(1, 1, OverMs() + 1, 3);
  two.Write(1, 2, OverMs() + 90 * kDayMs / 100, 4);
  const auto view = two.Pass(0);
  CHECK(view.complete);
  CHECK(view.rows == 2);
  CHECK(view.bytes > 0);
  CHECK(view.pending_parts == 0);
  REQUIRE(view.peers.size() == 1);
  CHECK(view.peers[0].rows == 2);
  CHECK(view.peers[0].slots == 65'536);
  CHECK(two.RowsOf(1).size() == 2);
  // What it has more is the other one's to pull.
  CHECK(two.Pass(1).rows == 2);
  CHECK(two.RowsOf(0) == two.RowsOf(1));
  CHECK(two.RowsOf(0).size() == 2);
  const auto totals = [&two](size_t node) {
    return two.nodes[node]
        ->role->repair_parts()
        .digests
        ->TotalsOf({.tenant = kTestTenant, .span = {model::DayOf(OverMs())}})
        ->kinds;
  };
  CHECK(totals(0) == totals(1));
  CHECK(two.Pass(0).rows == 2);
}

TEST_CASE("of three nodes with two copies nobody pulls what it does not own",
          "[storenode]") {
  Nodes three(3);
  constexpr int kSeries = 60;
  three.WriteAll(kSeries, 3);
  int searches = 0;
  three.watch = [&searches](rpc::ServerCall& call) {
    searches += call.method() == wire::kSearch;
    return std::optional<absl::Status>();
  };
  for (size_t i = 0; i < 3; ++i) {
    const auto view = three.Pass(i);
    CHECK(view.complete);
    CHECK(view.rows == 0);
    CHECK(view.peers.size() == 2);
  }
  // Equal digests cost nothing else.
  CHECK(searches == 0);
  three.Write(0, 1'000, OverMs(), 1);  // wherever it belongs
  for (size_t i = 0; i < 3; ++i) three.Pass(i);
  CHECK(three.Foreign(1, 1'001) == 0);
  CHECK(three.Foreign(2, 1'001) == 0);
}

TEST_CASE("what another node stored as a stand-in is brought to its owners",
          "[storenode]") {
  Nodes three(3);
  int series = 0;
  while (three.Owns(0, SlotOf(series))) ++series;
  three.Write(0, series, OverMs(), 1);
  for (const size_t owner : {1, 2}) {
    CHECK(three.Pass(owner).rows == 1);
    CHECK(three.RowsOf(owner) == three.RowsOf(0));
  }
  CHECK(three.Pass(0).rows == 0);
}

TEST_CASE("a node whose directory was lost gets everything back",
          "[storenode]") {
  Nodes three(3);
  constexpr int kSeries = 60;
  three.WriteAll(kSeries, 5);
  const Rows before = three.RowsOf(2);
  REQUIRE(before.size() > kSeries / 3);
  const uint64_t id = three.IdOf(2);
  three.Wipe(2);
  REQUIRE(three.IdOf(2) != id);
  three.PutRing(3);
  const auto view = three.Pass(2);
  CHECK(view.complete);
  CHECK(view.peers.size() == 2);  // not the node that it was
  CHECK(three.Foreign(2, kSeries) == 0);
  for (int i = 0; i < kSeries; ++i) {
    const std::string series = Up(i).Text();
    if (!three.Owns(2, SlotOf(i))) continue;
    CAPTURE(series);
    CHECK(three.RowsOf(2)[series].size() == 5);
  }
  CHECK(three.Pass(2).rows == view.rows);
}

TEST_CASE("a new node gets its share, and the others theirs when one is gone",
          "[storenode]") {
  Nodes nodes(3);
  constexpr int kSeries = 60;
  nodes.WriteAll(kSeries, 2);
  nodes.AddNode();
  nodes.PutRing(4);
  CHECK(nodes.Pass(3).complete);
  const Rows fourth = nodes.RowsOf(3);
  CHECK(fourth.size() > kSeries / 4);
  CHECK(nodes.Foreign(3, kSeries) == 0);
  for (size_t i = 0; i < 3; ++i) CHECK(nodes.Pass(i).complete);
  // The fourth is lost: what it owned has one copy left, until it is pulled.
  nodes.is_up[3] = false;
  nodes.PutRing(3);
  for (size_t i = 0; i < 3; ++i) {
    const auto view = nodes.Pass(i);
    // It has left: nobody knows whether it will be back.
    CHECK(view.complete);
    CHECK(view.errors == 0);
    for (const auto& peer : view.peers) {
      CHECK(peer.is_member == (peer.node_id != nodes.IdOf(3)));
      CHECK(peer.is_member == peer.error.empty());
    }
  }
  for (int i = 0; i < kSeries; ++i) {
    for (size_t node = 0; node < 3; ++node) {
      if (!nodes.Owns(node, SlotOf(i))) continue;
      CHECK(nodes.RowsOf(node)[Up(i).Text()].size() == 2);
    }
  }
}

TEST_CASE("what was deleted here does not come back", "[storenode]") {
  Nodes two(2);
  two.Write(0, 1, OverMs(), 1);
  two.Write(1, 1, OverMs(), 1);
  two.Write(1, 2, OverMs(), 2);
  storage::DeleteRequest request;
  request.tenant = kTestTenant;
  request.matcher_groups = {
      {{.type = model::MatchType::kEqual, .name = "series", .value = "1"}}};
  request.accept_ms = base::SystemClock().NowMs();
  REQUIRE(two.EngineOf(0).Delete(request).ok());
  const auto view = two.Pass(0);
  CHECK(view.rows == 1);
  CHECK(view.dropped_rows == 1);
  CHECK(two.RowsOf(0).size() == 1);
  CHECK(two.RowsOf(0).count(Up(2).Text()) == 1);
}

TEST_CASE("a difference that cannot be made up is pulled once", "[storenode]") {
  Nodes two(2);
  two.flags = {"-storage.maxHourlySeries=1"};
  two.AddNode();
  two.PutRing(3);
  two.copies = 3;
  two.PutRing(3);
  for (int i = 0; i < 3; ++i) two.Write(0, i, OverMs(), 1);
  std::atomic<int> searches = 0;
  two.watch = [&searches](rpc::ServerCall& call) {
    searches += call.method() == wire::kSearch;
    return std::optional<absl::Status>();
  };
  const auto repair = two.Start(2);
  const auto progress = two.nodes[2]->role->repair_parts().progress;
  const auto pass = [&] {
    const int64_t before = two.View(2).passes;
    progress->Force();
    CHECK(tests::BecomesTrue([&] { return two.View(2).passes == before + 1; }));
  };
  pass();
  CHECK(two.View(2).rows == 1);
  CHECK(two.View(2).dropped_rows == 2);
  CHECK_FALSE(two.View(2).complete);
  for (const auto& peer : two.View(2).peers) {
    const bool told = peer.error.find("refuses rows") != std::string::npos;
    CHECK(told == (peer.node_id == two.IdOf(0)));
  }
  CHECK(two.RowsOf(2).size() == 1);
  pass();  // as it differs otherwise now
  const int once = searches;
  pass();
  CHECK(searches == once);
  CHECK_FALSE(two.View(2).complete);
  // Something new is pulled again.
  two.Write(0, 0, OverMs() + 1, 1);
  pass();
  CHECK(searches > once);
  CHECK(two.RowsOf(2)[Up(0).Text()].size() +
            two.RowsOf(2)[Up(1).Text()].size() +
            two.RowsOf(2)[Up(2).Text()].size() >=
        1);
}

TEST_CASE("hours that are over are pulled from a day that goes on",
          "[storenode]") {
  Nodes two(2);
  const int64_t now_ms = base::SystemClock().NowMs();
  const int64_t hour_ms =
      (now_ms - 300'000) / repair::kHourMs * repair::kHourMs;
  std::vector<std::pair<int64_t, double>> pulled = {{hour_ms - 1, 1}};
  two.Write(1, 1, hour_ms - 1, 1);
  two.Write(1, 1, now_ms, 2);  // may be on its way
  SECTION("and no other ones") { two.MarkCompared(); }
  SECTION("and all others after a change of rings, hours to come too") {
    pulled.push_back({now_ms, 2});
    pulled.push_back({now_ms + model::kDayMs, 3});
    two.Write(1, 1, now_ms + model::kDayMs, 3);
  }
  CHECK(two.Pass(0).rows == static_cast<int64_t>(pulled.size()));
  CHECK(two.RowsOf(0)[Up(1).Text()] == pulled);
}

TEST_CASE("native histograms, starts and names of tenants come too",
          "[storenode]") {
  constexpr model::TenantId kNamed{1, 42};
  Nodes two(2);
  proto::TenantNames names;
  wire::ToProto(kNamed, "somebody", *names.add_tenants());
  REQUIRE(two.nodes[1]
              ->Call(*two.nodes[1]->inserts, wire::kTenantNames,
                     names.SerializeAsString())
              .ok());
  const std::string labels = CanonicalOf(Up(1));
  const storage::SeriesDefinition definition{.tenant = kNamed,
                                             .labels = labels};
  std::vector<uint64_t> ids;
  REQUIRE(two.EngineOf(1).Define(std::span(&definition, 1), ids).ok());
  model::Histogram histogram;
  histogram.count = histogram.zero_count = 7;
  std::string bytes;
  AppendHistogramBytes(bytes, histogram);
  wire::DataFrameBuilder builder;
  builder.Start(1, OverMs());
  builder.kinds().AddHistogram(kNamed, ids[0], OverMs(), bytes);
  builder.kinds().AddStart(kNamed, ids[0], {OverMs(), OverMs(), OverMs() - 5});
  const std::string payload = builder.Finish(0, 0, false);
  REQUIRE(two.EngineOf(1)
              .Append(wire::DecodeDataFrame(payload)->record(),
                      storage::AckLevel::kDurable)
              .ok());
  CHECK(two.Pass(0).rows == 1);
  const auto cursor = two.EngineOf(0).Search(
      {.tenant = kNamed, .range = {0, OverMs() + 1}, .starts = true});
  REQUIRE(cursor.ok());
  storage::SearchSeries series;
  REQUIRE(*(*cursor)->Next(series));
  REQUIRE(series.histograms.size() == 1);
  CHECK(series.histograms.histograms[0] == histogram);
  CHECK(series.starts == model::StartRuns{{OverMs(), OverMs(), OverMs() - 5}});
  CHECK(two.nodes[0]->role->repair_parts().names->NameOf(kNamed) == "somebody");
}

TEST_CASE("nodes that are away, old or fail are left out and told",
          "[storenode]") {
  Nodes three(3);
  three.copies = 3;
  three.PutRing(3);
  three.Write(0, 1, OverMs(), 1);
  three.Write(1, 2, OverMs(), 1);
  // Down: the others are pulled from.
  three.is_up[0] = false;
  auto view = three.Pass(2);
  CHECK_FALSE(view.complete);
  CHECK(view.errors == 1);
  CHECK(view.rows == 1);
  for (const auto& peer : view.peers) {
    CHECK(peer.error.empty() == (peer.node_id == three.IdOf(1)));
  }
  // Of an older release.
  three.is_up[0] = true;
  proto::Hello hello;
  REQUIRE(hello.ParseFromString(three.services[0]->Hello()));
  hello.set_features(hello.features() & ~uint64_t{1 << 11});
  three.services[0]->hello = hello.SerializeAsString();
  view = three.Pass(2);
  CHECK_FALSE(view.complete);
  CHECK(view.rows == 1);
  // Fails in the middle.
  three.services[0]->hello.reset();
  three.watch = [](rpc::ServerCall& call) -> std::optional<absl::Status> {
    if (call.method() != wire::kSearch) return std::nullopt;
    return absl::UnavailableError("cut by the test");
  };
  view = three.Pass(2);
  CHECK_FALSE(view.complete);
  CHECK(view.pending_parts == 0);
  three.watch = nullptr;
  view = three.Pass(2);
  CHECK(view.complete);
  CHECK(view.rows == 2);
  const std::string text = RebalanceText(view);
  CHECK(text.find("\"lastPassComplete\":true") != std::string::npos);
  CHECK(text.find("\"error\":\"\"") != std::string::npos);
}

TEST_CASE("nodes of other rules do not pull from one another", "[storenode]") {
  Nodes two(1);
  two.flags = {"-dedup.minScrapeInterval=1m"};
  two.AddNode();
  two.PutRing(2);
  two.Write(0, 1, OverMs(), 1);
  two.Write(0, 1, OverMs() + 1, 2);
  const auto view = two.Pass(1);
  CHECK_FALSE(view.complete);
  CHECK(view.rows == 0);
  REQUIRE(view.peers.size() == 1);
  CHECK(view.peers[0].error.find("-dedup.minScrapeInterval") !=
        std::string::npos);
}

TEST_CASE("a pull goes no faster than its rate", "[storenode]") {
  Nodes two(2);
  for (int i = 0; i < 30; ++i) two.Write(1, i, OverMs(), i);
  two.bytes_per_second = 10'000;
  const int64_t begin_ms = base::SystemClock().SteadyMs();
  const auto view = two.Pass(0);
  CHECK(view.rows == 30);
  CHECK(base::SystemClock().SteadyMs() - begin_ms >= view.bytes / 10 - 10);
}

TEST_CASE("a pull waits while flushes are behind", "[storenode]") {
  Nodes two(2);
  CHECK(two.nodes[0]->role->repair_parts().has_room());
  two.Write(1, 1, OverMs(), 1);
  std::atomic<int> asked{0};
  std::atomic<bool> room{false};
  two.has_room = [&asked, &room] {
    ++asked;
    return room.load();
  };
  const auto repair = two.Start(0);
  two.nodes[0]->role->repair_parts().progress->Force();
  CHECK(tests::BecomesTrue([&asked] { return asked > 2; }));
  CHECK(two.View(0).rows == 0);
  CHECK(two.View(0).pending_parts > 0);
  room = true;
  CHECK(tests::BecomesTrue([&two] { return two.View(0).passes == 1; }));
  CHECK(two.View(0).rows == 1);
  // The log at its bound, where it starts a flush.
  TestNode behind({"-storage.maxLogBytes=1"});
  behind.Define(Up(1));
  CHECK_FALSE(behind.role->repair_parts().has_room());
}

TEST_CASE("a pass ends at once when the node stops, and goes on later",
          "[storenode]") {
  Nodes two(2);
  two.WriteAll(10, 3);
  two.Wipe(0);
  two.PutRing(2);
  std::atomic<bool> hangs{false};
  two.watch = [&hangs](rpc::ServerCall& call) -> std::optional<absl::Status> {
    if (call.method() != wire::kSearch) return std::nullopt;
    hangs = true;
    CHECK(tests::BecomesTrue([&call] { return call.cancelled(); }));
    return absl::CancelledError("nobody waits");
  };
  auto repair = two.Start(0);
  two.nodes[0]->role->repair_parts().progress->Force();
  CHECK(tests::BecomesTrue([&hangs] { return hangs.load(); }));
  repair.reset();
  CHECK(two.View(0).passes == 0);
  two.watch = nullptr;
  CHECK(two.Pass(0).complete);
  CHECK(two.RowsOf(0) == two.RowsOf(1));
}

TEST_CASE("a new ring starts a pass, without it the interval does",
          "[storenode]") {
  Nodes two(2);
  two.Write(1, 1, OverMs(), 1);
  auto repair = two.Start(0, absl::Hours(1));
  two.PutRing(2);  // another one, by its id
  CHECK(tests::BecomesTrue([&two] { return two.View(0).passes == 1; }));
  CHECK(two.View(0).rows == 1);
  repair = two.Start(0, absl::Milliseconds(1));
  CHECK(tests::BecomesTrue([&two] { return two.View(0).passes > 3; }));
  repair.reset();
}

TEST_CASE("who has left and was away for long is asked only on demand",
          "[storenode]") {
  Nodes nodes(3);
  nodes.PutRing(2);
  nodes.Write(2, 1, OverMs(), 1);
  auto repair = nodes.Start(0, absl::Milliseconds(1));
  repair::ProgressView view;
  CHECK(tests::BecomesTrue([&] {
    view = nodes.View(0);
    return view.passes > 1 && !view.running;
  }));
  repair.reset();
  CHECK(view.rows == 0);
  CHECK(view.complete);
  for (const auto& peer : view.peers) {
    const bool told = peer.error.find("not heard of") != std::string::npos;
    CHECK(told == (peer.node_id == nodes.IdOf(2)));
  }
  CHECK(nodes.Pass(0).rows == 1);
}

TEST_CASE("whatever each owner lacks, all have all of it in the end",
          "[storenode][slow]") {
  // REPAIR_SEED: another history.
  const char* wanted = std::getenv("REPAIR_SEED");
  const auto seed =
      static_cast<unsigned>(wanted == nullptr ? 1 : std::atoi(wanted));
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto draw = [&random](int below) {
    return std::uniform_int_distribution<int>(0, below - 1)(random);
  };
  constexpr int kSeries = 12;
  Nodes nodes(4);
  std::map<int, std::set<int64_t>> written;
  for (int step = 0; step < 150; ++step) {
    const int series = draw(kSeries);
    const int64_t at_ms =
        OverMs() + draw(2) * kDayMs + draw(24) * repair::kHourMs + draw(3);
    const size_t node = static_cast<size_t>(draw(4));
    switch (draw(15)) {
      case 0:
        nodes.Pass(node);
        break;
      case 1:
        REQUIRE(nodes.EngineOf(node).Flush().ok());
        break;
      default:
        if (!nodes.Owns(node, SlotOf(series))) break;
        nodes.Write(node, series, at_ms, static_cast<double>(at_ms % 1'000));
        written[series].insert(at_ms);
    }
  }
  for (size_t node = 0; node < 4; ++node) CHECK(nodes.Pass(node).complete);
  for (size_t node = 0; node < 4; ++node) {
    const Rows rows = nodes.RowsOf(node);
    size_t owned = 0;
    for (const auto& [series, times] : written) {
      if (!nodes.Owns(node, SlotOf(series))) continue;
      CAPTURE(node, series);
      ++owned;
      REQUIRE(rows.count(Up(series).Text()) == 1);
      CHECK(rows.at(Up(series).Text()).size() == times.size());
    }
    CHECK(rows.size() == owned);
  }
}

TEST_CASE("repair is of nobody's interest in metric names", "[storenode]") {
  Nodes two(2);
  two.Write(1, 1, OverMs(), 1);
  CHECK(two.Pass(0).rows == 1);
  for (size_t i = 0; i < 2; ++i) {
    const auto usage = two.EngineOf(i).NameUsageOf(kTestTenant);
    REQUIRE(usage.ok());
    for (const auto& name : usage->names) CHECK(name.queries == 0);
  }
}

}  // namespace
}  // namespace varve::storenode

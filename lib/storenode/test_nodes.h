// Storage nodes with rings of which they repair one another, without a
// network. What must not fail is required of Catch2. Not thread-safe.
#ifndef VARVE_LIB_STORENODE_TEST_NODES_H_
#define VARVE_LIB_STORENODE_TEST_NODES_H_

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/clock.h"
#include "lib/model/time_range.h"
#include "lib/repair/slot_shares.h"
#include "lib/storenode/node_repair.h"
#include "lib/storenode/test_node.h"
#include "lib/storenode/watched_service.h"
#include "lib/wire/hello.h"
#include "tests/support/becomes_true.h"

namespace varve::storenode {

// Midnight, three days ago and less.
inline int64_t OverMs() {
  return (base::SystemClock().NowMs() / model::kDayMs - 3) * model::kDayMs;
}

inline model::LabelSet Up(int i) {
  return {{"__name__", "up"}, {"series", std::to_string(i)}};
}

inline std::string CanonicalOf(const model::LabelSet& labels) {
  std::string canonical;
  model::AppendCanonicalBytes(canonical, labels);
  return canonical;
}

inline uint16_t SlotOf(int i) {
  return model::SlotOf(model::HashSeries(kTestTenant, CanonicalOf(Up(i))));
}

// Text of labels to samples.
using Rows = std::map<std::string, std::vector<std::pair<int64_t, double>>>;

struct Nodes {
  std::vector<std::unique_ptr<TestNode>> nodes;
  std::vector<std::unique_ptr<WatchedService>> services;
  std::vector<bool> is_up;
  Watch watch;  // of calls between nodes
  uint32_t copies = 2;
  int64_t bytes_per_second = 0;
  repair::HasRoom has_room;  // instead of the node's own
  std::vector<std::string> flags;  // of nodes to come

  explicit Nodes(int n) {
    for (int i = 0; i < n; ++i) AddNode();
    PutRing(n);
  }

  void AddNode() {
    nodes.push_back(std::make_unique<TestNode>(flags));
    services.push_back(nullptr);
    is_up.push_back(true);
    Listen(nodes.size() - 1);
  }
  void Listen(size_t i) {
    services[i] = std::make_unique<WatchedService>(
        &nodes[i]->role->insert_service(), &watch);
  }
  // The node's directory is lost.
  void Wipe(size_t i) {
    nodes[i]->Close();
    std::filesystem::remove_all(nodes[i]->path);
    nodes[i]->Open();
    Listen(i);
  }
  uint64_t IdOf(size_t i) { return nodes[i]->role->engine().node_id(); }
  storage::Engine& EngineOf(size_t i) { return nodes[i]->role->engine(); }

  // As if each had compared itself with all since rows came by another ring.
  void MarkCompared() {
    for (const auto& node : nodes) {
      REQUIRE(node->role->repair_parts()
                  .kept->ring_coverage()
                  .NoteCompared(base::SystemClock().NowMs() + 60'000, 0)
                  .ok());
    }
  }

  // Of the first `members` nodes, newer than the ones before.
  void PutRing(int members) {
    proto::Ring ring;
    ring.set_ring_id(++rings_);
    ring.set_first_ms(static_cast<int64_t>(rings_));
    ring.set_last_ms(static_cast<int64_t>(rings_));
    ring.set_replication_factor(copies);
    for (int i = 0; i < members; ++i) {
      proto::Ring::Member& member = *ring.add_members();
      member.set_node_id(IdOf(i));
      member.set_address(std::to_string(i));
      member.set_weight(1);
    }
    // As an insert node does to a new one: of all that is known.
    told_.push_back(ring);
    for (int i = 0; i < members; ++i) {
      for (const proto::Ring& one : told_) {
        REQUIRE(nodes[i]
                    ->Call(*nodes[i]->inserts, wire::kPutRing,
                           one.SerializeAsString())
                    .ok());
      }
    }
  }
  // By the newest ring. What a node owns it shares: there are two copies.
  bool Owns(size_t node, uint16_t slot) {
    auto& shares = shares_[{node, told_.size()}];
    if (shares.ring_id == 0) {
      shares = repair::SharesOf(IdOf(node), std::span(&told_.back(), 1));
    }
    return std::ranges::any_of(shares.others, [slot](const auto& other) {
      return other.slots.Has(slot);
    });
  }

  void Write(size_t node, int series, int64_t at_ms, double value) {
    const auto defined = nodes[node]->Define(Up(series));
    nodes[node]->Data(defined.ref_epoch(), defined.refs(0), at_ms, value);
  }
  // Series i has samples 0 .. n-1 at all owners.
  void WriteAll(int series, int n, int64_t at_ms = OverMs()) {
    for (int i = 0; i < series; ++i) {
      for (size_t node = 0; node < nodes.size(); ++node) {
        if (!Owns(node, SlotOf(i))) continue;
        const auto defined = nodes[node]->Define(Up(i));
        for (int k = 0; k < n; ++k) {
          nodes[node]->Data(defined.ref_epoch(), defined.refs(0),
                            at_ms + k * 3'000'000, i + k, /*ack_level=*/1);
        }
      }
    }
  }
  Rows RowsOf(size_t node) {
    proto::Coverage coverage;
    Rows rows;
    for (const wire::WireSeries& one : nodes[node]->Search(coverage)) {
      auto& samples = rows[model::ParseCanonicalBytes(one.labels)->Text()];
      for (size_t i = 0; i < one.samples.size(); ++i) {
        samples.push_back(
            {one.samples.timestamps_ms[i], one.samples.values[i]});
      }
    }
    return rows;
  }

  std::unique_ptr<NodeRepair> Start(size_t node,
                                    absl::Duration interval = {}) {
    const repair::Dial dial = [this](const std::string& address) {
      const size_t to = std::stoul(address);
      auto channel = std::make_unique<rpc::LocalChannel>(
          address, services[to].get(), wire::EncodeHello("storage", ""));
      channel->SetConnected(is_up[to]);
      return channel;
    };
    NodeRepairParts parts = nodes[node]->role->repair_parts();
    if (has_room != nullptr) parts.has_room = has_room;
    return std::make_unique<NodeRepair>(
        parts, dial,
        NodeRepairOptions{
            .repair = {.interval = interval,
                       .bytes_per_second = bytes_per_second,
                       .retention_ms = 20 * model::kDayMs,
                       .dial_max = absl::Milliseconds(50),
                       .tick = absl::Milliseconds(5)}});
  }
  repair::ProgressView View(size_t node) {
    return nodes[node]->role->repair_parts().progress->View();
  }
  // A pass that begins now, to its end.
  repair::ProgressView Pass(size_t node) {
    const auto repair = Start(node);
    const int64_t before = View(node).passes;
    nodes[node]->role->repair_parts().progress->Force();
    CHECK(tests::BecomesTrue(
        [&] { return View(node).passes == before + 1; }));
    return View(node);
  }
  // Rows that are not of slots the node owns.
  int Foreign(size_t node, int series) {
    int foreign = 0;
    const Rows rows = RowsOf(node);
    for (int i = 0; i < series; ++i) {
      if (rows.count(Up(i).Text()) > 0) foreign += !Owns(node, SlotOf(i));
    }
    return foreign;
  }

 private:
  uint64_t rings_ = 0;
  std::vector<proto::Ring> told_;
  std::map<std::pair<size_t, size_t>, repair::SlotShares> shares_;
};

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_TEST_NODES_H_

#include "lib/cluster/read_judge.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "lib/cluster/fake_storage.h"

namespace varve::cluster {
namespace {

constexpr int kCopies = 2;

// Judges what nodes 1, 2, ... say; the others do not answer.
struct Case {
  explicit Case(size_t nodes) : fakes(nodes) {
    for (FakeNode& fake : fakes) {
      const std::string address = base::StrCat("node", list.size() + 1);
      list.push_back(std::make_shared<const Node>(
          address, "", std::make_unique<FakeChannel>(&fake, address)));
    }
    options.replication_factors = {{"", kCopies}};
  }
  // Who is at the address, as readers knew before.
  void Knew(size_t node, uint64_t id) { list[node]->health.node_id = id; }
  ReadOutcome Judge(const std::vector<proto::Coverage>& told) {
    ReadJudge judge(std::make_shared<const NodeList>(list), &options);
    for (size_t i = 0; i < list.size(); ++i) {
      if (i < told.size()) {
        judge.Answered(i, told[i]);
      } else {
        judge.Failed(i, base::Unavailable("it is gone"));
      }
    }
    return judge.Outcome(/*deny_partial=*/false).value();
  }

  std::vector<FakeNode> fakes;
  std::vector<std::shared_ptr<const Node>> list;
  ReaderOptions options;
};

proto::Coverage Told(uint64_t id, const std::vector<uint64_t>& members = {},
                     int64_t last_ms = 10) {
  proto::Coverage coverage;
  coverage.set_node_id(id);
  if (members.empty()) return coverage;
  coverage.mutable_newest_ring()->set_last_ms(last_ms);
  coverage.mutable_newest_ring()->mutable_members()->Assign(members.begin(),
                                                            members.end());
  return coverage;
}

TEST_CASE("a member of which another node has taken the address counts",
          "[cluster]") {
  Case c(3);
  c.Knew(2, 3);
  const proto::Coverage one = Told(1, {1, 2, 3});
  // Node 2 was replaced by node 4, which no ring has yet.
  CHECK(c.Judge({one, Told(4)}).is_partial);
  CHECK(c.Judge({one, Told(4)}).warnings.size() == 2);
  CHECK_FALSE(c.Judge({one, Told(2)}).is_partial);
  // While all answer nothing is missing that could be had.
  CHECK_FALSE(c.Judge({one, Told(4), Told(3)}).is_partial);
  // A newer ring is without it.
  CHECK_FALSE(c.Judge({one, Told(4, {1, 3, 4}, 20)}).is_partial);
}

TEST_CASE("a node that was never reached may be the member", "[cluster]") {
  Case c(3);
  const proto::Coverage one = Told(1, {1, 2, 3});
  CHECK_FALSE(c.Judge({one, Told(2)}).is_partial);
}

TEST_CASE("who lacks rows without another node counts without it",
          "[cluster]") {
  Case c(3);
  c.Knew(2, 3);
  proto::Coverage heir = Told(4, {1, 3, 4});
  heir.add_lacks_without(2);
  CHECK(c.Judge({Told(1), heir}).is_partial);
  CHECK_FALSE(c.Judge({Told(1), heir, Told(3)}).is_partial);
  // The member is still there: it is being drained.
  Case draining(4);
  draining.Knew(3, 3);
  CHECK_FALSE(draining.Judge({Told(1), heir, Told(2)}).is_partial);
}

}  // namespace
}  // namespace varve::cluster

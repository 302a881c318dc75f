// When the nodes that have answered are enough.
#include "lib/cluster/slow_replicas.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace varve::cluster {
namespace {

// Of three nodes 10, 11 and 12 with two copies the second one does not answer.
struct Read {
  ReaderOptions options;
  std::shared_ptr<const NodeList> nodes;
  proto::Coverage first;
  proto::Coverage last;

  Read() {
    options.replication_factors = {{"", 2}};
    options.skip_slow_replicas = true;
    std::vector<std::shared_ptr<const Node>> all;
    for (int i = 0; i < 3; ++i) {
      all.push_back(std::make_shared<const Node>("node" + std::to_string(i),
                                                 "", /*to=*/nullptr));
      all.back()->health.node_id = 10 + i;
    }
    nodes = std::make_shared<const NodeList>(std::move(all));
    first.set_node_id(10);
    last.set_node_id(12);
  }
  bool IsEnough() const {
    SlowReplicas slow(ReadJudge(nodes, &options));
    slow.Answered(0, first);
    CHECK_FALSE(slow.enough());
    slow.Answered(2, last);
    return slow.enough();
  }
};

TEST_CASE("all nodes but one are enough where there are two copies",
          "[cluster]") {
  Read read;
  CHECK(read.IsEnough());
  read.options.skip_slow_replicas = false;
  CHECK_FALSE(read.IsEnough());
}

TEST_CASE("where a node that answers may lack rows, all are waited for",
          "[cluster]") {
  Read read;
  SECTION("it is known to lack some") {
    read.first.add_missed()->set_owner(12);
  }
  SECTION("who would know is not there") { read.last.add_lacks_without(11); }
  SECTION("it has left some out") { read.first.set_damaged(true); }
  CHECK_FALSE(read.IsEnough());
}

TEST_CASE("what the one lacks that is not there is no reason to wait",
          "[cluster]") {
  Read read;
  SECTION("it hangs, and writes have gone on without it") {
    read.first.add_missed()->set_owner(11);
    read.last.add_missed()->set_owner(11);
  }
  SECTION("who would know has answered") { read.first.add_lacks_without(12); }
  CHECK(read.IsEnough());
}

}  // namespace
}  // namespace varve::cluster

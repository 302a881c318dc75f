// When the nodes that have answered are enough.
#include "lib/cluster/slow_replicas.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace varve::cluster {
namespace {

NodeList ListOf(int size) {
  std::vector<std::shared_ptr<const Node>> nodes;
  for (int i = 0; i < size; ++i) {
    nodes.push_back(std::make_shared<const Node>("node" + std::to_string(i),
                                                 "", /*to=*/nullptr));
  }
  return NodeList(std::move(nodes));
}

ReaderOptions TwoCopies() {
  ReaderOptions options;
  options.replication_factors = {{"", 2}};
  options.skip_slow_replicas = true;
  return options;
}

TEST_CASE("all nodes but one are enough where there are two copies",
          "[cluster]") {
  const NodeList nodes = ListOf(3);
  const ReaderOptions options = TwoCopies();
  SlowReplicas slow(nodes, options);
  slow.Answered(0, {});
  CHECK_FALSE(slow.enough());
  slow.Answered(2, {});
  CHECK(slow.enough());
}

TEST_CASE("a node that may lack rows makes all be waited for", "[cluster]") {
  const NodeList nodes = ListOf(3);
  const ReaderOptions options = TwoCopies();
  SlowReplicas slow(nodes, options);
  proto::Coverage coverage;
  SECTION("it knows of a copy that is missing") {
    coverage.add_missed()->set_owner(7);
  }
  SECTION("it has not made up for a node that is gone") {
    coverage.add_lacks_without(7);
  }
  slow.Answered(0, coverage);
  slow.Answered(2, {});
  CHECK_FALSE(slow.enough());
}

}  // namespace
}  // namespace varve::cluster

#include "lib/query/upper_level_service.h"

#include <catch2/catch.hpp>

#include "lib/cluster/fake_cluster.h"
#include "lib/query/test_api.h"
#include "lib/wire/hello.h"
#include "lib/wire/methods.h"
#include "net/rpc/local_channel.h"

namespace varve::query {
namespace {

// Its nodes, which a writer has given its ring.
const cluster::NodeSet* Written(cluster::FakeCluster& cluster) {
  cluster.Start(1);
  REQUIRE(cluster.Write(1, 1000).ok());
  return cluster.nodes.get();
}

// A select node over storage nodes whose answers are made up, seen from above.
struct Lower {
  template <typename Response, typename Request>
  Response Ask(rpc::Method method, const Request& request) {
    Response response;
    REQUIRE(response.ParseFromString(
        rpc::CallOnce(channel, method, request.SerializeAsString(), INT64_MAX)
            .value()));
    return response;
  }

  cluster::FakeCluster below{1};
  FakeStorage storage;
  telemetry::Metrics metrics{"vmselect", nullptr};
  ConcurrencyGate gate{1, absl::ZeroDuration(), metrics};
  cluster::ClusterIds ids{Written(below)};
  UpperLevelService service{&storage, &gate, &ids};
  rpc::LocalChannel channel{"lower", &service,
                            wire::EncodeHello("select", /*token=*/"")};
};

TEST_CASE("a delete of the level above keeps the time it was accepted at",
          "[query]") {
  Lower lower;
  proto::DeleteRequest request;
  request.set_accept_ms(1'234'567);
  proto::Matcher& matcher = *request.add_groups()->add_matchers();
  matcher.set_name("__name__");
  matcher.set_value("up");
  CHECK(lower.Ask<proto::DeleteResponse>(wire::kDelete, request).series() == 1);
  CHECK(lower.storage.last_delete.accept_ms == 1'234'567);
}

TEST_CASE("the level above is told who lacks rows, and who this cluster is",
          "[query]") {
  Lower lower;
  lower.storage.outcome.lacking = {71, 72};
  lower.storage.outcome.short_rings = {{.ring = 5, .levels_above = 1}};
  const auto answer = lower.Ask<proto::LabelsResponse>(wire::kLabels,
                                                       proto::LabelsRequest());
  const proto::Coverage& coverage = answer.coverage();
  REQUIRE(coverage.missed_size() == 3);
  CHECK(coverage.missed(0).owner() == 71);
  CHECK(coverage.missed(1).owner() == 72);
  CHECK(coverage.missed(2).owner() == 0);
  CHECK(coverage.missed(2).ring() == 5);
  CHECK(coverage.missed(2).levels_above() == 0);
  REQUIRE(coverage.cluster_ids_size() == 1);
  CHECK(coverage.cluster_ids(0) == lower.below.writer->View()->ClusterId());
}

}  // namespace
}  // namespace varve::query

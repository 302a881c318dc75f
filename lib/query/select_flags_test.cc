#include "lib/query/select_flags.h"

#include <catch2/catch.hpp>

#include "lib/base/status.h"

namespace varve::query {
namespace {

struct Parsed {
  explicit Parsed(const std::vector<std::string>& args,
                  SelectDeployment deployment = SelectDeployment::kCluster)
      : flags("varve-select"), select(flags, deployment) {
    int exit_code = 0;
    const auto status = flags.Parse(args, &exit_code);
    CHECK(base::Message(status) == "");
  }
  base::FlagSet flags;
  SelectFlags select;
};

TEST_CASE("the operator's arguments are understood", "[query]") {
  const Parsed parsed({"-cacheDataPath=/cache",
                       "-storageNode=a-0.a.ns:8401,a-1.a.ns:8401",
                       "-selectNode=s:8481", "-dedup.minScrapeInterval=1ms",
                       "-replicationFactor=2"});
  cluster::DialNodesOptions dial;
  parsed.select.nodes().Fill(dial);
  CHECK(dial.nodes ==
        std::vector<std::string>{"a-0.a.ns:8401", "a-1.a.ns:8401"});
  CHECK(dial.default_port == 8401);
  const auto reader = parsed.select.ReaderOptions().value();
  CHECK(reader.replication_factors ==
        std::vector<std::pair<std::string, int>>{{"", 2}});
  CHECK(reader.dedup.interval_ms == 1);
  CHECK_FALSE(reader.dedup.keep_all);
  CHECK(parsed.select.Options()->max_concurrent_requests >= 2);
}

TEST_CASE("an explicit interval of zero keeps all samples", "[query]") {
  CHECK(Parsed({"-dedup.minScrapeInterval=0"})
            .select.ReaderOptions()
            ->dedup.keep_all);
  CHECK_FALSE(Parsed({}).select.ReaderOptions()->dedup.keep_all);
}

TEST_CASE("copies and pushdown are as the operator says", "[query]") {
  const auto usual = Parsed({}).select.ReaderOptions().value();
  CHECK_FALSE(usual.all_copies);
  CHECK(usual.pushdown);
  const auto careful =
      Parsed({"-search.readAllCopies", "-search.disablePushdown"})
          .select.ReaderOptions()
          .value();
  CHECK(careful.all_copies);
  CHECK_FALSE(careful.pushdown);
}

TEST_CASE("limits reach the options", "[query]") {
  const auto options =
      Parsed({"-search.maxQueryLen=1KiB", "-search.maxSeries=7",
              "-search.maxQueryDuration=3s", "-search.denyPartialResponse",
              "-search.maxMemoryPerQuery=1MiB",
              "-search.maxPointsPerTimeseries=9",
              "-search.maxConcurrentRequests=3"})
          .select.Options()
          .value();
  CHECK(options.max_query_bytes == 1024);
  CHECK(options.max_series == 7);
  CHECK(options.max_query_duration == absl::Seconds(3));
  CHECK(options.deny_partial);
  CHECK(options.limits.memory_bytes_max == 1 << 20);
  CHECK(options.limits.points_per_series_max == 9);
  CHECK(options.max_concurrent_requests == 3);
}

TEST_CASE("what is not supported is refused, not ignored", "[query]") {
  CHECK_FALSE(Parsed({"-search.dialect=sql"}).select.Options().ok());
  CHECK(
      Parsed({"-search.dialect=metricsql"}).select.Options()->dialect.dialect ==
      promql::Dialect::kMetricsql);
}

TEST_CASE("replication factors are numbers by group", "[query]") {
  CHECK(ParseReplicationFactors({"group1:2", "3"}).value() ==
        std::vector<std::pair<std::string, int>>{{"group1", 2}, {"", 3}});
  CHECK(ParseReplicationFactors({"2", "g:3", "1", "g:4"}).value() ==
        std::vector<std::pair<std::string, int>>{{"", 1}, {"g", 4}});
  for (const char* bad : {"", "0", "-1", "x", "g:", ":2", "g:x", "2x"}) {
    CAPTURE(bad);
    CHECK_FALSE(ParseReplicationFactors({bad}).ok());
  }
}

TEST_CASE("one process with all roles names no storage nodes", "[query]") {
  const Parsed parsed({}, SelectDeployment::kSingleProcess);
  CHECK(parsed.flags.flags().count("storageNode") == 0);
  CHECK(parsed.flags.flags().count("replicationFactor") == 0);
  CHECK(parsed.select.ReaderOptions()->replication_factors.size() == 1);
}

}  // namespace
}  // namespace varve::query

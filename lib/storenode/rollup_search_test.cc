#include <catch2/catch.hpp>
#include <map>

#include "lib/base/clock.h"
#include "lib/rollup/group_columns.h"
#include "lib/storenode/test_node.h"

namespace varve::storenode {
namespace {

TEST_CASE("series are aggregated where they are", "[storenode]") {
  TestNode node;
  const int64_t now_ms = base::SystemClock().NowMs() / 1000 * 1000;
  std::map<std::string, double> expected;
  for (int i = 0; i < 500; ++i) {
    const std::string job(1, static_cast<char>('a' + i % 3));
    const auto defined = node.Define({{"__name__", "load"},
                                      {"job", job},
                                      {"n", std::to_string(i)}});
    node.Data(defined.ref_epoch(), defined.refs(0), now_ms - 1000, i);
    node.Data(defined.ref_epoch(), defined.refs(0), now_ms, 2 * i);
    expected[job] += 3 * i;
  }
  proto::RollupRequest request = SumByJob("sum_over_time");
  request.set_first_end_ms(now_ms);
  request.set_label_hashes(true);
  const auto response = node.Rollup(request);
  INFO(response.status());
  REQUIRE(response.ok());
  CHECK(response->series() == 500);
  CHECK(response->samples() == 1000);
  CHECK(response->label_hashes_size() == 1000);
  CHECK(response->coverage().node_id() == node.role->engine().node_id());
  CHECK(response->metric_names().empty());
  std::map<std::string, double> sums;
  REQUIRE(response->keys_size() == response->states_size());
  for (int i = 0; i < response->keys_size(); ++i) {
    rollup::GroupColumns columns(rollup::Aggregate::kSum, 1);
    base::ByteReader reader(response->states(i));
    REQUIRE(columns.ReadBytes(reader));
    const auto labels = model::ParseCanonicalBytes(response->keys(i));
    REQUIRE(labels.ok());
    CHECK(labels->size() == 1);
    sums[std::string(labels->Get("job"))] = columns.Finish()[0];
  }
  CHECK(sums == expected);

  request.set_function("rate");
  const auto rates = node.Rollup(request);
  REQUIRE(rates.ok());
  REQUIRE(rates->metric_names_size() == 1);
  CHECK(rates->metric_names(0) == "load");

  request.set_samples_max(100);
  const auto stopped = node.Rollup(request);
  REQUIRE(stopped.ok());
  CHECK(stopped->samples() > 100);
}

TEST_CASE("a ROLLUP stops at a series of more samples than it allows",
          "[storenode]") {
  TestNode node;
  const int64_t now_ms = base::SystemClock().NowMs() / 1000 * 1000;
  const auto defined = node.Define({{"__name__", "load"}, {"job", "a"}});
  for (int i = 0; i < 5; ++i) {
    node.Data(defined.ref_epoch(), defined.refs(0), now_ms - i * 1000, i);
  }
  proto::RollupRequest request = SumByJob("sum_over_time");
  request.set_first_end_ms(now_ms);
  request.set_samples_per_series_max(5);
  CHECK(node.Rollup(request).ok());
  request.set_samples_per_series_max(4);
  const absl::Status over = node.Rollup(request).status();
  CHECK(over.code() == absl::StatusCode::kResourceExhausted);
  CHECK(over.message().find("5 samples of the series load{job=\"a\"}; "
                            "the maximum is 4") !=
        absl::string_view::npos);
}

TEST_CASE("a ROLLUP that cannot be is refused", "[storenode]") {
  TestNode node;
  const proto::RollupRequest good = SumByJob("rate");
  CHECK(node.Rollup(good).ok());
  const auto code_of = [&node](const proto::RollupRequest& request) {
    return node.Rollup(request).status().code();
  };
  CHECK(code_of(SumByJob("no_such")) == absl::StatusCode::kUnimplemented);
  proto::RollupRequest bad = good;
  bad.set_aggregate(99);
  CHECK(code_of(bad) == absl::StatusCode::kUnimplemented);
  bad = good;
  bad.set_steps(0);
  CHECK(code_of(bad) == absl::StatusCode::kInvalidArgument);
  bad = good;
  // More than a node takes: the asker computes it itself.
  bad.set_steps(UINT32_MAX);
  CHECK(code_of(bad) == absl::StatusCode::kUnimplemented);
  bad = good;
  bad.set_end_step_ms(-1);
  CHECK(code_of(bad) == absl::StatusCode::kInvalidArgument);
  bad = good;
  bad.mutable_search()->set_slots("no set");
  CHECK(code_of(bad) == absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace varve::storenode

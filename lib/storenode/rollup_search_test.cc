#include <catch2/catch.hpp>
#include <map>

#include "lib/base/clock.h"
#include "lib/rollup/best_series.h"
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

proto::RollupRequest BestByJob(rollup::Aggregate aggregate, uint32_t k) {
  proto::RollupRequest request = SumByJob("last_over_time");
  request.set_aggregate(static_cast<uint32_t>(aggregate));
  request.set_k(k);
  return request;
}

TEST_CASE("the best of each group are found where they are", "[storenode]") {
  constexpr int kSeries = 100;
  TestNode node;
  const int64_t now_ms = base::SystemClock().NowMs() / 1000 * 1000;
  for (int i = 0; i < kSeries; ++i) {
    const auto defined = node.Define({{"__name__", "load"},
                                      {"job", i % 2 == 0 ? "a" : "b"},
                                      {"n", std::to_string(1000 + i)}});
    // Then the other way round, with the last of "a" missing; of "b" all are
    // equal in the end.
    node.Data(defined.ref_epoch(), defined.refs(0), now_ms - 60'000, i);
    if (i == kSeries - 2) continue;
    node.Data(defined.ref_epoch(), defined.refs(0), now_ms,
              i % 2 == 0 ? -i : 7);
  }
  proto::RollupRequest request = BestByJob(rollup::Aggregate::kTopk, 2);
  request.set_range_ms(30'000);
  request.set_first_end_ms(now_ms - 60'000);
  request.set_end_step_ms(60'000);
  request.set_steps(2);
  const auto found_by = [&](const proto::RollupRequest& asked) {
    const auto response = node.Rollup(asked);
    INFO(response.status());
    REQUIRE(response.ok());
    CHECK_FALSE(response->unsupported());
    CHECK(response->series() == kSeries);
    CHECK(response->coverage().node_id() == node.role->engine().node_id());
    REQUIRE(response->keys_size() == response->states_size());
    // Numbers of series at the first and at the second step.
    std::vector<std::map<int, double>> found(2);
    for (int i = 0; i < response->keys_size(); ++i) {
      const auto labels = model::ParseCanonicalBytes(response->keys(i));
      REQUIRE(labels.ok());
      const int n = std::stoi(std::string(labels->Get("n"))) - 1000;
      std::vector<double> column(2);
      base::ByteReader reader(response->states(i));
      REQUIRE(rollup::ReadStepValues(reader, column));
      for (size_t step = 0; step < 2; ++step) {
        if (!model::IsStaleNan(column[step])) found[step][n] = column[step];
      }
    }
    return found;
  };
  using Numbers = std::vector<std::map<int, double>>;
  CHECK(found_by(request) ==
        Numbers{{{96, 96}, {98, 98}, {97, 97}, {99, 99}},
                {{0, 0}, {2, -2}, {1, 7}, {3, 7}}});
  request.set_aggregate(static_cast<uint32_t>(rollup::Aggregate::kBottomk));
  CHECK(found_by(request) ==
        Numbers{{{0, 0}, {2, 2}, {1, 1}, {3, 3}},
                {{96, -96}, {94, -94}, {1, 7}, {3, 7}}});
  request.set_k(rollup::kBestMax);
  const Numbers all = found_by(request);
  CHECK(all[0].size() == kSeries);
  CHECK(all[1].size() == kSeries - 1);
}

TEST_CASE("the best that would take too much memory are not sought",
          "[storenode]") {
  TestNode node;
  const int64_t now_ms = base::SystemClock().NowMs() / 1000 * 1000;
  const auto defined = node.Define({{"__name__", "load"}, {"job", "a"}});
  node.Data(defined.ref_epoch(), defined.refs(0), now_ms, 1);
  proto::RollupRequest request = BestByJob(rollup::Aggregate::kTopk, 1);
  request.set_first_end_ms(now_ms);
  request.set_steps(1 << 20);
  const auto one = node.Rollup(request);
  REQUIRE(one.ok());
  CHECK(one->keys_size() == 1);
  for (const char* name : {"b", "c", "d"}) {
    const auto more = node.Define({{"__name__", name}, {"job", name}});
    node.Data(more.ref_epoch(), more.refs(0), now_ms, 1);
  }
  const auto four = node.Rollup(request);
  REQUIRE(four.ok());
  CHECK(four->unsupported());
  CHECK(four->keys_size() == 0);
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
  CHECK(code_of(BestByJob(rollup::Aggregate::kTopk, 0)) ==
        absl::StatusCode::kInvalidArgument);
  CHECK(code_of(BestByJob(rollup::Aggregate::kBottomk,
                          rollup::kBestMax + 1)) ==
        absl::StatusCode::kUnimplemented);
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

#include "storage/head/start_table.h"

#include <catch2/catch.hpp>

namespace varve::storage {
namespace {

constexpr model::TimeRange kAll = {0, model::kTimestampMaxMs};

model::StartRuns Read(const StartTable& table, uint64_t id,
                      const model::TimeRange& range = kAll) {
  model::StartRuns runs;
  table.Read(id, range, runs);
  model::JoinRuns(runs);
  return runs;
}

void Append(StartTable& table, uint64_t id, const model::StartRun& run) {
  const encoding::StartRow row = {id, run};
  table.Append(std::span(&row, 1));
}

using Runs = model::StartRuns;

TEST_CASE("samples of one start cost no more than the first", "[head]") {
  StartTable table;
  CHECK(table.empty());
  Append(table, 7, {1000, 1000, 500});
  const int64_t bytes = table.bytes();
  for (int64_t at = 2000; at <= 100'000; at += 1000) {
    Append(table, 7, {at, at, 500});
    Append(table, 7, {at - 1000, at, 500});  // a retry
  }
  CHECK(table.bytes() == bytes);
  CHECK(Read(table, 7) == Runs{{1000, 100'000, 500}});
  CHECK(Read(table, 7, {5000, 6000}) == Runs{{5000, 6000, 500}});
  CHECK(Read(table, 8).empty());
}

TEST_CASE("each start has its run, late ones too", "[head]") {
  StartTable table;
  Append(table, 7, {5000, 5000, 4500});
  Append(table, 7, {6000, 6000, 5500});
  Append(table, 7, {7000, 8000, 5500});
  Append(table, 7, {1000, 2000, 500});  // late
  CHECK(Read(table, 7) == Runs{{1000, 2000, 500},
                               {5000, 5000, 4500},
                               {6000, 8000, 5500}});
}

TEST_CASE("repeated late runs do not pile up", "[head]") {
  StartTable table;
  Append(table, 7, {5000, 5000, 4500});
  for (int i = 0; i < 100'000; ++i) Append(table, 7, {1000, 2000, 500});
  CHECK(table.bytes() < 2000);
  CHECK(Read(table, 7) == Runs{{1000, 2000, 500}, {5000, 5000, 4500}});
}

TEST_CASE("a deleted range is cut out, a series without runs goes", "[head]") {
  StartTable table;
  Append(table, 7, {1000, 9000, 500});
  Append(table, 8, {1000, 9000, 500});
  const uint64_t ids[] = {7, 9};
  table.Delete(ids, {3000, 20'000});
  CHECK(Read(table, 7) == Runs{{1000, 2999, 500}});
  CHECK(Read(table, 8) == Runs{{1000, 9000, 500}});
  Append(table, 7, {10'000, 10'000, 9000});
  table.Delete(ids, kAll);
  CHECK(Read(table, 7).empty());
  std::vector<uint64_t> left;
  table.AppendIds(left);
  CHECK(left == std::vector<uint64_t>{8});
  const uint64_t other[] = {8};
  table.Delete(other, kAll);
  CHECK(table.empty());
  CHECK(table.bytes() == 0);
}

}  // namespace
}  // namespace varve::storage

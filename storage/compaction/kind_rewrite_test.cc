#include "storage/compaction/kind_rewrite.h"

#include <catch2/catch.hpp>

#include "lib/base/byte_coding.h"
#include "lib/base/hash.h"
#include "storage/block/kind_segments.h"

namespace varve::storage {
namespace {

std::string Segments(
    const std::vector<std::pair<uint64_t, model::StartRuns>>& list) {
  std::string segments;
  for (const auto& [generation, runs] : list) {
    AppendStartSegments(generation, runs, segments);
  }
  return segments;
}

TEST_CASE("segments of start timestamps are joined when a day is rewritten",
          "[compaction]") {
  std::string segments = Segments({{3, {{10, 20, 5}}},
                                   {4, {{20, 40, 5}, {50, 60, 45}}},
                                   {5, {{30, 30, 5}}}});
  CHECK(RewriteStarts({}, segments));
  CHECK(segments == Segments({{5, {{10, 40, 5}, {50, 60, 45}}}}));
  CHECK_FALSE(RewriteStarts({}, segments));
}

TEST_CASE("what deletes and retention hide goes, newer runs stay",
          "[compaction]") {
  SeriesRules rules;
  rules.oldest_ms = 12;
  rules.deleted = {{.below_generation = 4, .range = {25, 100}}};
  std::string segments =
      Segments({{3, {{10, 40, 5}}}, {4, {{60, 70, 45}}}});
  CHECK(RewriteStarts(rules, segments));
  CHECK(segments == Segments({{4, {{12, 24, 5}, {60, 70, 45}}}}));
  CHECK_FALSE(RewriteStarts(rules, segments));
  rules.deleted = {{.below_generation = 9, .range = {0, 100}}};
  CHECK(RewriteStarts(rules, segments));
  CHECK(segments.empty());
}

TEST_CASE("segments of which one is broken inside stay as they are",
          "[compaction]") {
  std::string broken = Segments({{3, {{10, 20, 5}}}});
  broken.resize(broken.size() - sizeof(uint32_t));
  broken.back() = static_cast<char>(broken.back() | 0x80);  // a cut varint
  base::PutFixedLe(broken, static_cast<uint32_t>(base::Checksum(broken)));
  std::string segments = Segments({{3, {{10, 20, 5}}}, {4, {{30, 40, 5}}}});
  segments += broken;
  const std::string before = segments;
  CHECK_FALSE(RewriteStarts({}, segments));
  CHECK(segments == before);
}

}  // namespace
}  // namespace varve::storage

// A node's engine with the digests of its days: for tests. What must not fail
// is required of Catch2. Not thread-safe.
#ifndef VARVE_LIB_REPAIR_DIGEST_NODE_H_
#define VARVE_LIB_REPAIR_DIGEST_NODE_H_

#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/encoding/data_record.h"
#include "lib/model/histogram.h"
#include "lib/repair/day_digests.h"
#include "storage/engine/test_node.h"

namespace varve::repair {

// Two days before "now": settled, and in a family of its own.
inline constexpr int32_t kDay =
    static_cast<int32_t>(storage::kNowMs / model::kDayMs) - 2;
inline constexpr int64_t kDayStartMs = kDay * model::kDayMs;

inline model::Histogram HistogramOf(uint64_t count) {
  model::Histogram histogram;
  histogram.layout.schema = 2;
  histogram.layout.positive = {{0, 1}, {3, 1}};
  histogram.count = count + 1;
  histogram.sum = static_cast<double>(count) * 0.5;
  histogram.buckets = {count, 1};
  return histogram;
}

struct DigestNode : storage::TestNode {
  std::unique_ptr<DayDigests> digests;

  explicit DigestNode(int64_t dedup_interval_ms = 0) {
    options.dedup.interval_ms = dedup_interval_ms;
    options.retention_ms = 100 * model::kDayMs;
    Reopen();
  }
  void Reopen() {
    digests.reset();
    Open();
    digests = std::make_unique<DayDigests>(engine.get());
  }
  SpanDigest Digest(int32_t day = kDay) {
    const auto digest =
        digests->Of({.tenant = storage::kTenant, .span = {day}});
    INFO(digest.status());
    REQUIRE(digest.ok());
    CHECK((*digest)->complete);
    return **digest;
  }
  std::vector<DigestRow> Rows(int32_t day = kDay) { return Digest(day).rows; }
  int64_t Computed() { return digests->Stats().computed; }

  uint64_t Series(int i) {
    return Define({{"__name__", "m"}, {"series", std::to_string(i)}});
  }
  void Append(int i, const model::SampleColumns& samples) {
    AppendRecord(Record(Series(i), samples), storage::AckLevel::kWritten);
  }
  // A histogram with a start timestamp.
  void AppendKinds(int i, int64_t at_ms, uint64_t count,
                   int64_t start_ms) {
    encoding::DataRecordBuilder builder;
    builder.Start(1, clock.NowMs());
    std::string bytes;
    AppendHistogramBytes(bytes, HistogramOf(count));
    const uint64_t id = Series(i);
    builder.kinds().AddHistogram(storage::kTenant, id, at_ms, bytes);
    builder.kinds().AddStart(storage::kTenant, id, {at_ms, at_ms, start_ms});
    AppendRecord(builder.Finish(), storage::AckLevel::kWritten);
  }
  void Flush() { REQUIRE(engine->Flush().ok()); }
  void Compact() {
    clock.Advance(4 * model::kDayMs);
    Flush();
    REQUIRE(engine->CompactDays().ok());
  }
};

inline uint64_t CountOf(const std::vector<DigestRow>& rows, DigestKind kind) {
  uint64_t count = 0;
  for (const DigestRow& row : rows) {
    if (row.kind == kind) count += row.digest.count;
  }
  return count;
}

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_DIGEST_NODE_H_

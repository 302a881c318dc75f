#include "storage/engine/flush_triggers.h"

#include <catch2/catch.hpp>

namespace varve::storage {
namespace {

constexpr FlushLimits kLimits = {.interval_ms = 3'600'000,
                                 .node_id = 1'000'000,
                                 .head_bytes_max = 800,
                                 .log_bytes_max = 1000,
                                 .memory_bytes_max = 5000};

TEST_CASE("a node's head is flushed at its own moment of each interval",
          "[engine]") {
  FlushTriggers triggers(kLimits);
  triggers.Start(0);
  CHECK_FALSE(triggers.Due({.steady_ms = 2'599'999}));
  CHECK(triggers.Due({.steady_ms = 2'600'000}) == FlushReason::kAge);
  triggers.Begin(FlushReason::kAge, 2'600'000);
  CHECK_FALSE(triggers.Due({.steady_ms = 6'199'999}));
  CHECK(triggers.Due({.steady_ms = 6'200'000}) == FlushReason::kAge);

  FlushLimits other = kLimits;
  other.node_id = 0xfedcba9876543210;
  FlushTriggers elsewhere(other);
  elsewhere.Start(0);
  CHECK(elsewhere.Due({.steady_ms = 3'600'000}) == FlushReason::kAge);
  CHECK_FALSE(elsewhere.Due({.steady_ms = 0}));
}

TEST_CASE("bytes of head and log are reasons at their bounds", "[engine]") {
  FlushTriggers triggers(kLimits);
  triggers.Start(0);
  CHECK_FALSE(triggers.Due({.head_bytes = 799, .log_bytes = 999}));
  CHECK(triggers.Due({.head_bytes = 800}) == FlushReason::kHead);
  CHECK(triggers.Due({.log_bytes = 1000}) == FlushReason::kLog);
}

TEST_CASE("memory is a reason where a flush gives some back, now and then",
          "[engine]") {
  FlushTriggers triggers(kLimits);
  triggers.Start(0);
  CHECK_FALSE(triggers.Due(
      {.steady_ms = 30'000, .head_bytes = 99, .memory_bytes = 5000}));
  CHECK_FALSE(triggers.Due(
      {.steady_ms = 30'000, .head_bytes = 100, .memory_bytes = 4999}));
  CHECK(triggers.Due(
            {.steady_ms = 30'000, .head_bytes = 100, .memory_bytes = 5000}) ==
        FlushReason::kMemory);
  triggers.Begin(FlushReason::kMemory, 30'000);
  CHECK_FALSE(triggers.Due(
      {.steady_ms = 59'999, .head_bytes = 100, .memory_bytes = 5000}));
}

TEST_CASE("late samples are a reason at once, and then each ten seconds",
          "[engine]") {
  FlushTriggers triggers(kLimits);
  triggers.Start(0);
  triggers.Want(FlushReason::kLateSamples);
  triggers.Want(FlushReason::kLateSeries);
  CHECK(triggers.Due({.steady_ms = 1}) == FlushReason::kLateSeries);
  triggers.Begin(FlushReason::kLateSeries, 1);
  CHECK_FALSE(triggers.Due({.steady_ms = 20'000}));
  triggers.Want(FlushReason::kLateSamples);
  CHECK_FALSE(triggers.Due({.steady_ms = 10'000}));
  CHECK(triggers.Due({.steady_ms = 10'001}) == FlushReason::kLateSamples);
  triggers.Begin(FlushReason::kLateSamples, 10'001);
  const FlushCounts counts = triggers.counts();
  CHECK(counts[static_cast<size_t>(FlushReason::kLateSeries)] == 1);
  CHECK(counts[static_cast<size_t>(FlushReason::kLateSamples)] == 1);
  CHECK(counts[static_cast<size_t>(FlushReason::kAge)] == 0);
}

TEST_CASE("a flush that failed is due again", "[engine]") {
  FlushTriggers triggers(kLimits);
  triggers.Start(0);
  triggers.Want(FlushReason::kRetry);
  CHECK(triggers.Due({}) == FlushReason::kRetry);
}

}  // namespace
}  // namespace varve::storage

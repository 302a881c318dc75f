#include "lib/ingest/token_bucket.h"

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

namespace varve::ingest {
namespace {

constexpr TokenRate kRate = {.per_second = 100, .burst = 500};

TEST_CASE("a full bucket gives its burst, then its rate", "[ingest]") {
  TokenBucket bucket;
  int64_t now_ms = 1'000'000;
  CHECK(bucket.Take(500, kRate, now_ms) == absl::ZeroDuration());
  CHECK(bucket.Take(1, kRate, now_ms) == absl::Milliseconds(10));
  CHECK(bucket.Take(100, kRate, now_ms) == absl::Seconds(1));
  now_ms += 999;
  CHECK(bucket.Take(100, kRate, now_ms) == absl::Milliseconds(1));
  now_ms += 1;
  CHECK(bucket.Take(100, kRate, now_ms) == absl::ZeroDuration());
  CHECK(bucket.Take(1, kRate, now_ms) > absl::ZeroDuration());
  now_ms += 3'600'000;  // it does not fill above the burst
  CHECK(bucket.Take(500, kRate, now_ms) == absl::ZeroDuration());
  CHECK(bucket.Take(1, kRate, now_ms) > absl::ZeroDuration());
}

TEST_CASE("more than the burst is given when full, then paid off",
          "[ingest]") {
  TokenBucket bucket;
  int64_t now_ms = 5'000;
  CHECK(bucket.Take(1'000, kRate, now_ms) == absl::ZeroDuration());
  CHECK(bucket.Take(1, kRate, now_ms) == absl::Milliseconds(5'010));
  CHECK(bucket.Take(2'000, kRate, now_ms) == absl::Seconds(10));
  CHECK(bucket.Wait(2'000, kRate, now_ms) == absl::Seconds(10));
  now_ms += 10'000;
  CHECK(bucket.Wait(2'000, kRate, now_ms) == absl::ZeroDuration());
  CHECK(bucket.Take(2'000, kRate, now_ms) == absl::ZeroDuration());
}

TEST_CASE("a charge may exceed what is there", "[ingest]") {
  TokenBucket bucket;
  bucket.Charge(700, kRate, 5'000);
  CHECK(bucket.Take(1, kRate, 5'000) == absl::Milliseconds(2'010));
  bucket.Charge(INT64_MAX / 2, {.per_second = 1e-3, .burst = 1}, 5'000);
  bucket.Charge(INT64_MAX / 2, {.per_second = 1e-3, .burst = 1}, 5'000);
  CHECK(bucket.Wait(1, kRate, 5'000) <= absl::Hours(31 * 24));
}

TEST_CASE("a charge within a burst leaves a debt of one at most",
          "[ingest]") {
  TokenBucket bucket;
  bucket.ChargeWithinBurst(700, kRate, 5'000);
  CHECK(bucket.Wait(1, kRate, 5'000) == absl::Milliseconds(2'010));
  bucket.ChargeWithinBurst(INT64_MAX / 2, kRate, 5'000);
  bucket.ChargeWithinBurst(700, kRate, 5'000);
  CHECK(bucket.Wait(1, kRate, 5'000) == absl::Milliseconds(5'010));
  bucket.Charge(700, kRate, 5'000);  // a debt of its own stays
  bucket.ChargeWithinBurst(700, kRate, 5'000);
  CHECK(bucket.Wait(1, kRate, 5'000) == absl::Milliseconds(12'010));
}

TEST_CASE("what is given back can be taken again", "[ingest]") {
  TokenBucket bucket;
  for (int i = 0; i < 3; ++i) {
    CHECK(bucket.Take(400, kRate, 5'000) == absl::ZeroDuration());
    bucket.GiveBack(400, kRate);
  }
  CHECK(bucket.Take(500, kRate, 5'000) == absl::ZeroDuration());
  CHECK(bucket.Take(1, kRate, 5'000) == absl::Milliseconds(10));
}

TEST_CASE("fractions of a millisecond are not free", "[ingest]") {
  constexpr TokenRate kFast = {.per_second = 1'000'000, .burst = 1'000};
  TokenBucket bucket;
  int given = 0;
  while (bucket.Take(1, kFast, 5'000) == absl::ZeroDuration()) ++given;
  CHECK(given == 1'000);
}

TEST_CASE("threads together get no more than the burst", "[ingest]") {
  TokenBucket bucket;
  std::atomic<int> given = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1'000; ++i) {
        if (bucket.Take(1, kRate, 5'000) == absl::ZeroDuration()) ++given;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(given == 500);
}

}  // namespace
}  // namespace varve::ingest

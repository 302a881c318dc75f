// A token bucket in one atomic number: how many samples a second, and how many
// at once.
//
// What is kept is the time at which the bucket will be full again; `n` tokens
// taken move it n / rate further. More than the bucket holds is given when it
// is full, and paid off before anything else is given: a request that is
// larger than the burst is late, not refused for ever.
//
// Threads: all members from any thread, without locks.
// Source:  the virtual scheduling form of GCRA, ITU-T I.371.
#ifndef VARVE_LIB_INGEST_TOKEN_BUCKET_H_
#define VARVE_LIB_INGEST_TOKEN_BUCKET_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "absl/time/time.h"

namespace varve::ingest {

struct TokenRate {
  double per_second = 0;  // above 0
  double burst = 0;       // likewise
};

class TokenBucket {
 public:
  // Zero when the tokens are taken; else none are, and how long it is until
  // they would be if nobody else took any. The rate may change between calls.
  absl::Duration Take(int64_t tokens, const TokenRate& rate, int64_t now_ms) {
    const int64_t now_ns = now_ms * kNsPerMs;
    const int64_t cost_ns = Nanoseconds(static_cast<double>(tokens), rate);
    const int64_t burst_ns = Nanoseconds(rate.burst, rate);
    int64_t full_ns = full_ns_.load(std::memory_order_relaxed);
    for (;;) {
      const int64_t from_ns = std::max(full_ns, now_ns);
      const int64_t over_ns =
          from_ns + std::min(cost_ns, burst_ns) - now_ns - burst_ns;
      if (over_ns > 0) return absl::Nanoseconds(over_ns);
      if (full_ns_.compare_exchange_weak(full_ns, from_ns + cost_ns,
                                         std::memory_order_relaxed)) {
        return absl::ZeroDuration();
      }
    }
  }

  // Undoes a Take or a Charge of as many.
  void GiveBack(int64_t tokens, const TokenRate& rate) {
    full_ns_.fetch_sub(Nanoseconds(static_cast<double>(tokens), rate),
                       std::memory_order_relaxed);
  }

  // Takes them whatever is there.
  void Charge(int64_t tokens, const TokenRate& rate, int64_t now_ms) {
    ChargeUpTo(kDebtNsMax, tokens, rate, now_ms);
  }

  // Likewise, but makes no debt larger than a burst.
  void ChargeWithinBurst(int64_t tokens, const TokenRate& rate,
                         int64_t now_ms) {
    ChargeUpTo(2 * Nanoseconds(rate.burst, rate), tokens, rate, now_ms);
  }

  // What Take would answer, taking nothing.
  absl::Duration Wait(int64_t tokens, const TokenRate& rate,
                      int64_t now_ms) const {
    TokenBucket copy;
    copy.full_ns_ = full_ns_.load(std::memory_order_relaxed);
    return copy.Take(tokens, rate, now_ms);
  }

 private:
  static constexpr int64_t kNsPerMs = 1'000'000;
  // Keeps sums of times far from the ends of int64.
  static constexpr int64_t kDebtNsMax = int64_t{30 * 86'400} * 1'000'000'000;

  // At most until it is full in `limit_ns`, if it was not later already.
  void ChargeUpTo(int64_t limit_ns, int64_t tokens, const TokenRate& rate,
                  int64_t now_ms) {
    const int64_t now_ns = now_ms * kNsPerMs;
    const int64_t cost_ns = Nanoseconds(static_cast<double>(tokens), rate);
    int64_t full_ns = full_ns_.load(std::memory_order_relaxed);
    for (;;) {
      const int64_t from_ns = std::max(full_ns, now_ns);
      const int64_t to_ns =
          std::max(from_ns, std::min(from_ns + cost_ns, now_ns + limit_ns));
      if (full_ns_.compare_exchange_weak(full_ns, to_ns,
                                         std::memory_order_relaxed)) {
        return;
      }
    }
  }

  static int64_t Nanoseconds(double tokens, const TokenRate& rate) {
    return static_cast<int64_t>(std::min(tokens * 1e9 / rate.per_second,
                                         static_cast<double>(kDebtNsMax)));
  }

  std::atomic<int64_t> full_ns_{0};
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_TOKEN_BUCKET_H_

#include "lib/cluster/node_health.h"

#include <algorithm>

#include "lib/wire/methods.h"

namespace varve::cluster {
namespace {

constexpr int64_t kBackoffMinMs = 1'000;
constexpr int64_t kBackoffMaxMs = 30'000;

// + 1: an epoch may begin at 0.
uint64_t ConnectionOf(const rpc::Channel& channel) {
  return channel.connected() ? channel.connection_epoch() + 1 : 0;
}

}  // namespace

void NodeHealth::LengthenSuspension(int64_t now_ms) {
  backoff_ms_ = std::clamp(2 * backoff_ms_, kBackoffMinMs, kBackoffMaxMs);
  suspended_until_ms_ = now_ms + backoff_ms_;
}

void NodeHealth::Suspend(const rpc::Channel& channel, int64_t now_ms) {
  const uint64_t connection = channel.connection_epoch() + 1;
  std::unique_ptr<rpc::Call> outdated;  // ends without the lock
  base::MutexLock lock(mutex_);
  // Writes that failed together are one failure.
  if (now_ms < suspended_until_ms_ && suspended_ == connection) return;
  suspended_ = connection;
  LengthenSuspension(now_ms);
  outdated.swap(probe_);
  troubled_ = true;
}

void NodeHealth::Reconsider() {
  base::MutexLock lock(mutex_);
  suspended_until_ms_ = 0;
}

void NodeHealth::EndTrouble() {
  base::MutexLock lock(mutex_);
  backoff_ms_ = 0;
  down_ = false;
  // Another write may have failed since this one was sent.
  troubled_ = suspended_ != 0;
}

bool NodeHealth::Recovered(rpc::Channel& channel, int64_t now_ms) {
  if (probe_ == nullptr) probe_ = channel.Start(wire::kPing, "");
  if (now_ms < suspended_until_ms_ || !probe_->ready()) return false;
  const bool answered = probe_->Next(now_ms).ok();
  probe_.reset();
  if (answered) {
    suspended_ = 0;
  } else {
    LengthenSuspension(now_ms);
  }
  return answered;
}

bool NodeHealth::Fit(rpc::Channel& channel, int64_t now_ms) {
  const uint64_t connection = ConnectionOf(channel);
  if (connection != 0 && !troubled_.load(std::memory_order_relaxed)) {
    return true;
  }
  std::unique_ptr<rpc::Call> outdated;  // ends without the lock
  base::MutexLock lock(mutex_);
  const bool fit = connection != 0 && (suspended_ != connection ||
                                       Recovered(channel, now_ms));
  if (fit) {
    if (suspended_ != connection) {
      suspended_ = 0;
      outdated.swap(probe_);  // it keeps the lost connection
    }
    if (down_connection_ != connection) down_ = false;
  } else {
    if (!down_) down_since_ms_ = now_ms;
    down_ = true;
    down_connection_ = connection;
  }
  troubled_ = down_ || suspended_ != 0 || backoff_ms_ != 0;
  return fit;
}

int64_t NodeHealth::DownForMs(int64_t now_ms) const {
  base::MutexLock lock(mutex_);
  return down_ ? now_ms - down_since_ms_ : 0;
}

}  // namespace varve::cluster

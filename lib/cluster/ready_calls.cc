#include "lib/cluster/ready_calls.h"

#include <algorithm>

#include "absl/time/time.h"

namespace varve::cluster {
namespace {

// How soon a wait notices that nobody wants the answers any more.
constexpr absl::Duration kNotice = absl::Milliseconds(20);

}  // namespace

ReadyCalls::ReadyCalls(std::span<const std::unique_ptr<rpc::Call>> calls)
    : calls_(calls) {
  for (size_t i = 0; i < calls.size(); ++i) {
    left_.push_back(i);
    calls[i]->OnReady([signal = signal_] {
      base::MutexLock lock(signal->mutex);
      signal->changed.NotifyAll();
    });
  }
}

std::optional<size_t> ReadyCalls::Next(const std::function<bool()>& stop) {
  if (left_.empty()) return std::nullopt;
  base::MutexLock lock(signal_->mutex);
  while (true) {
    // Asked with the lock held: what becomes ready after it is signalled.
    auto next = std::find_if(left_.begin(), left_.end(), [this](size_t i) {
      return calls_[i]->ready();
    });
    if (next == left_.end() && stop()) next = left_.begin();
    if (next != left_.end()) {
      const size_t given = *next;
      left_.erase(next);
      return given;
    }
    signal_->changed.WaitFor(lock, kNotice);
  }
}

}  // namespace varve::cluster

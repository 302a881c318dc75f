#include "net/rpc/answer_queue.h"

#include <algorithm>

#include "lib/base/clock.h"
#include "lib/base/status.h"
#include "net/rpc/rpc.h"

namespace varve::rpc {
namespace {

// Deadlines may be INT64_MAX; condition variables take less.
constexpr int64_t kWaitMaxMs = 3'600'000;

}  // namespace

void AnswerQueue::Push(std::string message) {
  base::MutexLock lock(mutex_);
  if (end_) return;
  messages_.push_back(std::move(message));
  changed_.NotifyOne();
  const std::function<void()> on_ready = on_ready_;
  lock.Unlock();
  if (on_ready) on_ready();
}

void AnswerQueue::End(absl::Status status) {
  base::MutexLock lock(mutex_);
  if (end_) return;
  end_ = std::move(status);
  changed_.NotifyOne();
  const std::function<void()> on_ready = on_ready_;
  lock.Unlock();
  if (on_ready) on_ready();
}

absl::StatusOr<std::optional<std::string>> AnswerQueue::Next(
    int64_t deadline_steady_ms) {
  base::MutexLock lock(mutex_);
  while (messages_.empty() && !end_) {
    const int64_t left_ms =
        deadline_steady_ms - base::SystemClock().SteadyMs();
    if (left_ms <= 0) {
      return base::DeadlineExceeded("no answer within its time limit");
    }
    changed_.WaitFor(lock, absl::Milliseconds(std::min(left_ms, kWaitMaxMs)));
  }
  if (!messages_.empty()) {
    std::optional<std::string> message = std::move(messages_.front());
    messages_.pop_front();
    return message;
  }
  // A status of its own, not a shared one: Debian's Abseil counts references
  // out of TSan's sight.
  if (!end_->ok()) return absl::Status(end_->code(), end_->message());
  return std::optional<std::string>();
}

bool AnswerQueue::ready() {
  base::MutexLock lock(mutex_);
  return !messages_.empty() || end_.has_value();
}

bool AnswerQueue::ended() {
  base::MutexLock lock(mutex_);
  return end_.has_value();
}

void AnswerQueue::OnReady(std::function<void()> ready) {
  base::MutexLock lock(mutex_);
  on_ready_ = ready;
  const bool now = !messages_.empty() || end_.has_value();
  lock.Unlock();
  if (now && ready) ready();
}

absl::Status CreditGate::Take(size_t bytes) {
  base::MutexLock lock(mutex_);
  while (!cancelled_ &&
         outstanding_bytes_ >= static_cast<int64_t>(kCreditBytes)) {
    changed_.Wait(lock);
  }
  if (cancelled_) return base::Cancelled("the caller wants no more answers");
  outstanding_bytes_ += static_cast<int64_t>(bytes);
  return absl::OkStatus();
}

void CreditGate::Add(size_t bytes) {
  base::MutexLock lock(mutex_);
  // A peer that claims more than it got gains nothing.
  outstanding_bytes_ = std::max<int64_t>(
      0, outstanding_bytes_ - static_cast<int64_t>(bytes));
  changed_.NotifyAll();
}

void CreditGate::Cancel() {
  base::MutexLock lock(mutex_);
  cancelled_ = true;
  changed_.NotifyAll();
}

bool CreditGate::cancelled() {
  base::MutexLock lock(mutex_);
  return cancelled_;
}

}  // namespace varve::rpc

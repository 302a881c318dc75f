#include "lib/repair/worker.h"

#include <algorithm>
#include <utility>

#include "lib/base/clock.h"
#include "lib/base/status.h"
#include "lib/base/thread_nice.h"

namespace varve::repair {
namespace {

// A node that takes nothing for so long is as good as down.
constexpr absl::Duration kAnswerMax = absl::Seconds(30);
// How late a stop may be noticed within a call.
constexpr int64_t kSliceMs = 100;

}  // namespace

Worker::Worker(absl::Duration interval, std::function<void(Worker&)> look,
               int nice)
    : interval_(interval), look_(std::move(look)) {
  thread_ = std::thread([this, nice] {
    base::SetThreadNice(nice);
    Run();
  });
}

Worker::~Worker() {
  {
    base::MutexLock lock(mutex_);
    stop_ = true;
    stopped_.NotifyAll();
  }
  thread_.join();
}

void Worker::Run() {
  do {
    look_(*this);
  } while (Sleep(interval_));
}

bool Worker::stopping() {
  base::MutexLock lock(mutex_);
  return stop_;
}

bool Worker::Sleep(absl::Duration duration) {
  const base::Clock& clock = base::SystemClock();
  const int64_t end_ms =
      clock.SteadyMs() + absl::ToInt64Milliseconds(duration);
  base::MutexLock lock(mutex_);
  while (!stop_ && clock.SteadyMs() < end_ms) {
    stopped_.WaitFor(lock, absl::Milliseconds(end_ms - clock.SteadyMs()));
  }
  return !stop_;
}

absl::StatusOr<std::optional<std::string>> Worker::NextOf(
    rpc::Call& call, absl::Duration wait) {
  const base::Clock& clock = base::SystemClock();
  const int64_t deadline_ms =
      clock.SteadyMs() + absl::ToInt64Milliseconds(wait);
  while (true) {
    if (stopping()) return base::Cancelled("the node is stopping");
    const int64_t now_ms = clock.SteadyMs();
    auto next = call.Next(std::min(deadline_ms, now_ms + kSliceMs));
    // Of the slice, unless the call itself has ended so.
    const bool slice = absl::IsDeadlineExceeded(next.status()) &&
                       now_ms < deadline_ms && !call.ready();
    if (!slice) return next;
  }
}

absl::StatusOr<std::string> Worker::AnswerOf(rpc::Call& call) {
  std::optional<std::string> answer;
  while (true) {
    ASSIGN_OR_RETURN(std::optional<std::string> next,
                     NextOf(call, kAnswerMax));
    if (!next) break;
    answer = std::move(next);
  }
  if (!answer) return base::Unavailable("a call without an answer");
  return *std::move(answer);
}

}  // namespace varve::repair

// Both ends of a streamed answer: messages waiting for the reader, and the
// credits that stop the writer when too many bytes wait.
//
// Threads: all members from any thread.
#ifndef VARVE_NET_RPC_ANSWER_QUEUE_H_
#define VARVE_NET_RPC_ANSWER_QUEUE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "lib/base/mutex.h"

namespace varve::rpc {

// Its size is bounded by the writer's credits.
class AnswerQueue {
 public:
  void Push(std::string message);
  // The first end counts; messages before it are still read, unless `status`
  // says that the connection is lost or the caller gave up.
  void End(absl::Status status);
  // As Call::Next.
  absl::StatusOr<std::optional<std::string>> Next(int64_t deadline_steady_ms);
  bool ready();
  bool ended();
  // `ready` is called after each Push and End, from their threads; once at
  // once when something is there already.
  void OnReady(std::function<void()> ready);

 private:
  base::Mutex mutex_;
  base::CondVar changed_;
  std::deque<std::string> messages_ GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ GUARDED_BY(mutex_);
  std::function<void()> on_ready_ GUARDED_BY(mutex_);
};

class CreditGate {
 public:
  // Waits until the reader has consumed enough, then takes `bytes`; a message
  // larger than all credits passes when none is outstanding. Cancelled after
  // Cancel.
  absl::Status Take(size_t bytes);
  void Add(size_t bytes);
  void Cancel();
  bool cancelled();

 private:
  base::Mutex mutex_;
  base::CondVar changed_;
  int64_t outstanding_bytes_ GUARDED_BY(mutex_) = 0;
  bool cancelled_ GUARDED_BY(mutex_) = false;
};

}  // namespace varve::rpc

#endif  // VARVE_NET_RPC_ANSWER_QUEUE_H_

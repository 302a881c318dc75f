// A thread that looks for work again and again until it is stopped.
//
// Threads: the members but the constructor and destructor are for the work.
#ifndef VARVE_LIB_REPAIR_WORKER_H_
#define VARVE_LIB_REPAIR_WORKER_H_

#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/mutex.h"
#include "net/rpc/rpc.h"

namespace varve::repair {

class Worker {
 public:
  // `look` runs at once, and `interval` after each of its ends. `nice`: of the
  // thread (lib/base/thread_nice.h).
  Worker(absl::Duration interval, std::function<void(Worker&)> look,
         int nice = 0);
  // Returns when `look` has.
  ~Worker();

  bool stopping();
  // Shorter when the worker is stopped; false then.
  bool Sleep(absl::Duration duration);
  // The one answer of a call, Cancelled soon after a stop.
  absl::StatusOr<std::string> AnswerOf(rpc::Call& call);
  // As rpc::Call::Next, waits for `wait` at most; Cancelled likewise.
  absl::StatusOr<std::optional<std::string>> NextOf(rpc::Call& call,
                                                    absl::Duration wait);

 private:
  void Run();

  const absl::Duration interval_;
  const std::function<void(Worker&)> look_;
  base::Mutex mutex_;
  base::CondVar stopped_;
  bool stop_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_WORKER_H_

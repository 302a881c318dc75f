// Threads that run tasks, started as needed up to a maximum and ended when
// idle, so that a quiet process has few of them.
//
// Lifetime: the destructor refuses new tasks, runs the queued ones and joins.
// Threads:  Submit from any thread, also from a task.
#ifndef VARVE_LIB_BASE_THREAD_POOL_H_
#define VARVE_LIB_BASE_THREAD_POOL_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace varve::base {

class ThreadPool {
 public:
  // `name` is shown by top -H; at most 15 bytes of it. `nice`: of the threads
  // (thread_nice.h).
  ThreadPool(std::string name, size_t threads_max, int nice = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Tasks wait in a queue while all threads are busy. A task must not throw.
  void Submit(std::function<void()> task);

  // Runs the task on one of the threads; returns when it has ended.
  void Run(const std::function<void()>& task);

  // Runs `tasks` calls fn(0) .. fn(tasks-1) on up to `parallelism` threads,
  // the caller's among them, and returns when all are done.
  void ParallelFor(size_t tasks, size_t parallelism,
                   const std::function<void(size_t)>& fn);

  size_t queued() const;

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace varve::base

#endif  // VARVE_LIB_BASE_THREAD_POOL_H_

#include "lib/base/thread_pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <thread>
#include <utility>

#include "lib/base/mutex.h"
#include "lib/base/thread_nice.h"

namespace varve::base {
namespace {

// Long enough that a busy process does not start threads all the time, short
// enough that a quiet one is small.
constexpr absl::Duration kIdleMax = absl::Seconds(10);

}  // namespace

// Shared with the detached threads, so that a thread may outlive the pool by
// the few instructions between its last use of the lock and its end.
struct ThreadPool::Core : std::enable_shared_from_this<ThreadPool::Core> {
  Core(std::string name, size_t threads_max, int nice)
      : name(name.substr(0, 15)),
        threads_max(std::max<size_t>(threads_max, 1)),
        nice(nice) {}

  const std::string name;
  const size_t threads_max;
  const int nice;

  mutable Mutex mutex;
  CondVar work;  // a task came, or the pool stops
  CondVar ended;  // a thread ended
  std::deque<std::function<void()>> queue GUARDED_BY(mutex);
  size_t threads GUARDED_BY(mutex) = 0;
  size_t idle GUARDED_BY(mutex) = 0;
  bool stopping GUARDED_BY(mutex) = false;

  // False when the pool stops and the task was not taken.
  bool Push(std::function<void()> task) {
    MutexLock lock(mutex);
    // A task of a stopping pool may still add tasks; a thread is left to run
    // them then.
    if (stopping && threads == 0) return false;
    queue.push_back(std::move(task));
    if (queue.size() > idle && threads < threads_max) {
      ++threads;
      std::thread([self = shared_from_this()] { self->Run(); }).detach();
    }
    work.NotifyOne();
    return true;
  }

  void Run() {
    pthread_setname_np(pthread_self(), name.c_str());
    SetThreadNice(nice);
    MutexLock lock(mutex);
    while (WaitForTask(lock)) {
      std::function<void()> task = std::move(queue.front());
      queue.pop_front();
      lock.Unlock();
      task();
      task = nullptr;
      lock.Lock();
    }
    --threads;
    ended.NotifyAll();
  }

  // True when the queue has a task; false when this thread should end.
  bool WaitForTask(MutexLock& lock) REQUIRES_LOCK(mutex) {
    while (queue.empty()) {
      if (stopping) return false;
      ++idle;
      const bool woken = work.WaitFor(lock, kIdleMax);
      --idle;
      if (!woken && queue.empty()) return false;
    }
    return true;
  }

  void Stop() {
    MutexLock lock(mutex);
    stopping = true;
    work.NotifyAll();
    while (threads > 0) ended.Wait(lock);
  }
};

ThreadPool::ThreadPool(std::string name, size_t threads_max, int nice)
    : core_(std::make_shared<Core>(std::move(name), threads_max, nice)) {}

ThreadPool::~ThreadPool() { core_->Stop(); }

void ThreadPool::Submit(std::function<void()> task) {
  // Refused only after the destructor has returned, which no caller survives.
  (void)core_->Push(std::move(task));
}

void ThreadPool::Run(const std::function<void()>& task) {
  Mutex mutex;
  CondVar changed;
  bool ended = false;
  Submit([&] {
    task();
    MutexLock lock(mutex);
    ended = true;
    changed.NotifyAll();
  });
  MutexLock lock(mutex);
  while (!ended) changed.Wait(lock);
}

size_t ThreadPool::queued() const {
  MutexLock lock(core_->mutex);
  return core_->queue.size();
}

namespace {

// The calls of one ParallelFor. Threads that come after the last call was
// handed out leave without touching `fn`, so it may be gone by then.
struct ParallelCalls {
  std::atomic<size_t> next{0};
  size_t tasks = 0;
  const std::function<void(size_t)>* fn = nullptr;
  Mutex mutex;
  CondVar all_done;
  size_t done GUARDED_BY(mutex) = 0;

  void Work() {
    size_t mine = 0;
    for (size_t i; (i = next.fetch_add(1)) < tasks; ++mine) (*fn)(i);
    if (mine == 0) return;
    MutexLock lock(mutex);
    done += mine;
    if (done == tasks) all_done.NotifyAll();
  }
};

}  // namespace

void ThreadPool::ParallelFor(size_t tasks, size_t parallelism,
                             const std::function<void(size_t)>& fn) {
  if (tasks <= 1 || parallelism <= 1) {
    for (size_t i = 0; i < tasks; ++i) fn(i);
    return;
  }
  auto calls = std::make_shared<ParallelCalls>();
  calls->tasks = tasks;
  calls->fn = &fn;
  const size_t extra = std::min(tasks, parallelism) - 1;
  for (size_t i = 0; i < extra; ++i) {
    Submit([calls] { calls->Work(); });
  }
  calls->Work();
  MutexLock lock(calls->mutex);
  while (calls->done < tasks) calls->all_done.Wait(lock);
}

}  // namespace varve::base

// Locks with Clang's thread-safety attributes over the standard ones.
//
// absl::Mutex is not used: Debian's Abseil is not instrumented, so that TSan
// reports every use of it.
//
//   Mutex mutex_;
//   int64_t rows_ GUARDED_BY(mutex_) = 0;
//   ...
//   MutexLock lock(mutex_);
//   while (rows_ == 0) cond_.Wait(lock);
#ifndef VARVE_LIB_BASE_MUTEX_H_
#define VARVE_LIB_BASE_MUTEX_H_

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>

// GUARDED_BY, PT_GUARDED_BY, NO_THREAD_SAFETY_ANALYSIS: absl/status brings
// them along, so that ours would clash.
#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

#if defined(__clang__)
#define VARVE_THREAD_ATTRIBUTE_(x) __attribute__((x))
#else
#define VARVE_THREAD_ATTRIBUTE_(x)
#endif

#define REQUIRES_LOCK(...) \
  VARVE_THREAD_ATTRIBUTE_(requires_capability(__VA_ARGS__))
#define EXCLUDES_LOCK(...) VARVE_THREAD_ATTRIBUTE_(locks_excluded(__VA_ARGS__))

namespace varve::base {

class VARVE_THREAD_ATTRIBUTE_(capability("mutex")) Mutex {
 public:
  void Lock() VARVE_THREAD_ATTRIBUTE_(acquire_capability()) { mutex_.lock(); }
  void Unlock() VARVE_THREAD_ATTRIBUTE_(release_capability()) {
    mutex_.unlock();
  }

 private:
  friend class MutexLock;
  std::mutex mutex_;
};

class VARVE_THREAD_ATTRIBUTE_(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex)
      VARVE_THREAD_ATTRIBUTE_(acquire_capability(mutex))
      : lock_(mutex.mutex_) {}
  ~MutexLock() VARVE_THREAD_ATTRIBUTE_(release_capability()) {}
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  // For work that must not be done under the lock; the destructor copes with
  // either state.
  void Unlock() VARVE_THREAD_ATTRIBUTE_(release_capability()) {
    lock_.unlock();
  }
  void Lock() VARVE_THREAD_ATTRIBUTE_(acquire_capability()) { lock_.lock(); }

 private:
  friend class CondVar;
  std::unique_lock<std::mutex> lock_;
};

// Many readers or one writer: for what is read far more often than changed.
class VARVE_THREAD_ATTRIBUTE_(capability("mutex")) SharedMutex {
 private:
  friend class ReaderLock;
  friend class WriterLock;
  std::shared_mutex mutex_;
};

class VARVE_THREAD_ATTRIBUTE_(scoped_lockable) ReaderLock {
 public:
  explicit ReaderLock(SharedMutex& mutex)
      VARVE_THREAD_ATTRIBUTE_(acquire_shared_capability(mutex))
      : lock_(mutex.mutex_) {}
  ~ReaderLock() VARVE_THREAD_ATTRIBUTE_(release_capability()) {}
  ReaderLock(const ReaderLock&) = delete;
  ReaderLock& operator=(const ReaderLock&) = delete;

 private:
  std::shared_lock<std::shared_mutex> lock_;
};

class VARVE_THREAD_ATTRIBUTE_(scoped_lockable) WriterLock {
 public:
  explicit WriterLock(SharedMutex& mutex)
      VARVE_THREAD_ATTRIBUTE_(acquire_capability(mutex))
      : lock_(mutex.mutex_) {}
  ~WriterLock() VARVE_THREAD_ATTRIBUTE_(release_capability()) {}
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

 private:
  std::unique_lock<std::shared_mutex> lock_;
};

class CondVar {
 public:
  // May wake without a reason: REQUIRES a loop around it.
  void Wait(MutexLock& lock) { cond_.wait(lock.lock_); }

  // False when `timeout` passed first.
  bool WaitFor(MutexLock& lock, absl::Duration timeout) {
    return cond_.wait_for(lock.lock_, absl::ToChronoNanoseconds(timeout)) ==
           std::cv_status::no_timeout;
  }
  void NotifyOne() { cond_.notify_one(); }
  void NotifyAll() { cond_.notify_all(); }

 private:
  std::condition_variable cond_;
};

}  // namespace varve::base

#endif  // VARVE_LIB_BASE_MUTEX_H_

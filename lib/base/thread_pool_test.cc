#include "lib/base/thread_pool.h"

#include <sys/resource.h>

#include <catch2/catch.hpp>

#include <atomic>
#include <vector>

#include "lib/base/mutex.h"

namespace varve::base {
namespace {

TEST_CASE("every task runs before the pool is gone", "[base]") {
  std::atomic<int> ran = 0;
  {
    ThreadPool pool("test", 3);
    for (int i = 0; i < 1000; ++i) pool.Submit([&ran] { ++ran; });
  }
  CHECK(ran == 1000);
}

TEST_CASE("a task may submit tasks, also while the pool stops", "[base]") {
  std::atomic<int> ran = 0;
  {
    ThreadPool pool("test", 1);
    for (int i = 0; i < 100; ++i) {
      pool.Submit([&] { pool.Submit([&ran] { ++ran; }); });
    }
  }
  CHECK(ran == 100);
}

TEST_CASE("at most the given number of tasks run at once", "[base]") {
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  {
    ThreadPool pool("a name that is longer than fifteen", 2);
    for (int i = 0; i < 200; ++i) {
      pool.Submit([&] {
        const int now = ++running;
        int seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        --running;
      });
    }
  }
  CHECK(most <= 2);
  CHECK(most >= 1);
}

TEST_CASE("tasks wait in the queue while all threads are busy", "[base]") {
  Mutex mutex;
  CondVar changed;
  bool started = false;
  bool release = false;
  ThreadPool pool("test", 1);
  pool.Submit([&] {
    MutexLock lock(mutex);
    started = true;
    changed.NotifyAll();
    while (!release) changed.Wait(lock);
  });
  {
    MutexLock lock(mutex);
    while (!started) changed.Wait(lock);
  }
  pool.Submit([] {});
  CHECK(pool.queued() == 1);
  MutexLock lock(mutex);
  release = true;
  changed.NotifyAll();
}

TEST_CASE("Run returns when the task has, on a thread that is as nice as told",
          "[base]") {
  ThreadPool pool("test", 2, /*nice=*/3);
  const int mine = getpriority(PRIO_PROCESS, 0);
  int nice = 0;
  pool.Run([&] { nice = getpriority(PRIO_PROCESS, 0); });
  CHECK(nice == 3);
  CHECK(getpriority(PRIO_PROCESS, 0) == mine);
}

TEST_CASE("ParallelFor calls each index once", "[base]") {
  ThreadPool pool("test", 4);
  for (const size_t tasks : {0, 1, 2, 7, 1000}) {
    for (const size_t parallelism : {0, 1, 2, 8}) {
      std::vector<std::atomic<int>> calls(tasks);
      pool.ParallelFor(tasks, parallelism, [&](size_t i) { ++calls[i]; });
      for (const auto& count : calls) CHECK(count == 1);
    }
  }
}

TEST_CASE("ParallelFor inside a task of a full pool ends", "[base]") {
  std::atomic<int> ran = 0;
  {
    ThreadPool pool("test", 1);
    pool.Submit([&] { pool.ParallelFor(10, 4, [&](size_t) { ++ran; }); });
  }
  CHECK(ran == 10);
}

}  // namespace
}  // namespace varve::base

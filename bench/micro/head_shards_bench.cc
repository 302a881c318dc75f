// Two ways to let handler threads append to the head's shards: each thread
// takes the shards' short locks itself, or hands its record to one thread for
// each share of the shards and waits for all of them.
//
//   head_shards_bench [SAMPLES]     default: small, runs with the tests
//
// For each way, record size and number of handlers: CPU ns a sample of the
// whole process, and the latency of a record, p50 and p99. What decided:
// docs/decisions/0006-head-shards.md.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "bench/load/node_series.h"
#include "bench/micro/bench_report.h"
#include "lib/base/mutex.h"
#include "storage/head/head.h"

namespace varve::storage {
namespace {

constexpr size_t kWorkers = 2;
constexpr size_t kSeriesEach = 20'000;  // of a handler
constexpr int64_t kStepMs = 15'000;
constexpr int64_t kStartMs = 1'780'000'000'000;

// A record on its way through the workers.
struct Job {
  const HeadRows* rows = nullptr;
  base::Mutex mutex;
  base::CondVar done;
  size_t left GUARDED_BY(mutex) = kWorkers;
};

class Workers {
 public:
  explicit Workers(Head& head) : head_(head) {
    for (size_t i = 0; i < kWorkers; ++i) {
      queues_.push_back(std::make_unique<Queue>());
      threads_.emplace_back([this, i] { Run(i); });
    }
  }
  ~Workers() {
    for (const auto& queue : queues_) Push(*queue, nullptr);
    for (std::thread& thread : threads_) thread.join();
  }

  void Append(const HeadRows& rows) {
    Job job;
    job.rows = &rows;
    for (const auto& queue : queues_) Push(*queue, &job);
    base::MutexLock lock(job.mutex);
    while (job.left > 0) job.done.Wait(lock);
  }

 private:
  struct Queue {
    base::Mutex mutex;
    base::CondVar filled;
    std::deque<Job*> jobs GUARDED_BY(mutex);
  };

  static void Push(Queue& queue, Job* job) {
    base::MutexLock lock(queue.mutex);
    queue.jobs.push_back(job);
    queue.filled.NotifyOne();
  }
  void Run(size_t worker) {
    Queue& queue = *queues_[worker];
    while (true) {
      Job* job = nullptr;
      {
        base::MutexLock lock(queue.mutex);
        while (queue.jobs.empty()) queue.filled.Wait(lock);
        job = queue.jobs.front();
        queue.jobs.pop_front();
      }
      if (job == nullptr) return;
      head_.AppendPart(*job->rows, worker, kWorkers);
      base::MutexLock lock(job->mutex);
      if (--job->left == 0) job->done.NotifyOne();
    }
  }

  Head& head_;
  std::vector<std::unique_ptr<Queue>> queues_;
  std::vector<std::thread> threads_;
};

// One handler's scrapes; returns the latencies of its records in us.
template <typename Append>
std::vector<double> Handle(size_t handler, size_t record_rows, int rounds,
                           const Append& append) {
  std::vector<uint64_t> ids(kSeriesEach);
  const std::vector<uint32_t> counts(kSeriesEach, 1);
  std::vector<int64_t> times(kSeriesEach);
  std::vector<encoding::ScaledValue> values(kSeriesEach);
  for (size_t i = 0; i < kSeriesEach; ++i) {
    ids[i] = handler * kSeriesEach + i + 1;
    values[i] =
        encoding::ToScaled(bench::ValueAt(static_cast<int64_t>(ids[i]), 0));
  }
  std::vector<double> latencies;
  for (int round = 0; round < rounds; ++round) {
    std::fill(times.begin(), times.end(), kStartMs + round * kStepMs);
    for (size_t i = 0; i < kSeriesEach; i += 3) values[i].integer += 7;
    for (size_t i = 0; i < kSeriesEach; i += record_rows) {
      const size_t n = std::min(record_rows, kSeriesEach - i);
      const HeadRows rows = {{ids.data() + i, n},
                             {counts.data() + i, n},
                             {times.data() + i, n},
                             {values.data() + i, n}};
      const auto begin = std::chrono::steady_clock::now();
      append(rows);
      latencies.push_back(std::chrono::duration<double, std::micro>(
                              std::chrono::steady_clock::now() - begin)
                              .count());
    }
  }
  return latencies;
}

void Bench(bool hand_off, size_t handlers, size_t record_rows, int rounds) {
  Head head({});
  std::unique_ptr<Workers> workers;
  if (hand_off) workers = std::make_unique<Workers>(head);
  std::vector<std::vector<double>> latencies(handlers);
  std::vector<std::thread> threads;
  const double begin = bench::CpuNanoseconds();
  for (size_t handler = 0; handler < handlers; ++handler) {
    threads.emplace_back([&, handler] {
      latencies[handler] =
          Handle(handler, record_rows, rounds, [&](const HeadRows& rows) {
            if (hand_off) {
              workers->Append(rows);
            } else {
              head.Append(rows);
            }
          });
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double cpu_ns = bench::CpuNanoseconds() - begin;
  std::vector<double> all;
  for (const auto& one : latencies) {
    all.insert(all.end(), one.begin(), one.end());
  }
  std::sort(all.begin(), all.end());
  std::printf(
      "%-9s %zu handlers, records of %6zu rows: %7.2f CPU ns/sample, "
      "p50 %8.1f us, p99 %8.1f us, %lld samples\n",
      hand_off ? "hand-off" : "locks", handlers, record_rows,
      cpu_ns / static_cast<double>(kSeriesEach * handlers) / rounds,
      all[all.size() / 2], all[all.size() * 99 / 100],
      static_cast<long long>(head.Stats().samples));
}

void Run(int64_t samples) {
  for (const size_t handlers : {size_t{1}, size_t{2}, size_t{8}}) {
    for (const size_t record_rows : {size_t{100}, size_t{10'000}}) {
      const auto rounds = static_cast<int>(
          samples / static_cast<int64_t>(handlers * kSeriesEach) + 1);
      for (const bool hand_off : {false, true, false, true}) {
        Bench(hand_off, handlers, record_rows, rounds);
      }
    }
  }
}

}  // namespace
}  // namespace varve::storage

int main(int argc, char** argv) {
  varve::storage::Run(varve::bench::RowsFromArgs(argc, argv, 20'000));
}

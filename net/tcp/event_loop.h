// The threads that wait for sockets and timers.
//
// One loop serves all connections of a process: handlers must be short and
// never block; what blocks goes to a base::ThreadPool.
//
// Lifetime: the loop outlives all users of its strands and streams. Stop ends
//           the threads after the running tasks; the rest is destroyed unrun
//           with the loop.
// Threads:  all members from any thread.
#ifndef VARVE_NET_TCP_EVENT_LOOP_H_
#define VARVE_NET_TCP_EVENT_LOOP_H_

#include <functional>
#include <memory>

#include "absl/time/time.h"

namespace varve::net {

// Tasks of one strand never overlap, whatever number of threads the loop has.
// Copies name the same strand.
class Strand {
 public:
  void Post(std::function<void()> task) const;
  // Not before `delay` has passed; cannot be taken back, so `task` holds weak
  // references.
  void After(absl::Duration delay, std::function<void()> task) const;

 private:
  friend class EventLoop;
  friend struct AsioAccess;
  struct Core;
  explicit Strand(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  std::shared_ptr<Core> core_;
};

class EventLoop {
 public:
  // 0 threads: one, or two where the machine or its cgroup has over 4 CPUs.
  // One thread carries some 100k small requests a second; the work is done by
  // pools.
  explicit EventLoop(int threads = 0);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  Strand NewStrand();
  void Stop();

 private:
  friend struct AsioAccess;
  struct Core;
  std::unique_ptr<Core> core_;
};

}  // namespace varve::net

#endif  // VARVE_NET_TCP_EVENT_LOOP_H_

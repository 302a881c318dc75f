// One peer of a LineServer: a TCP connection, or the UDP port.
//
// Its state belongs to whoever has its turn: the pool's task that reads and
// delivers, or the wait for bytes or for the next try; there is only one of
// them at a time, and the last act of each is to start the next.
//
// Lifetime: held by LineCore::sessions until it ends.
#ifndef VARVE_NET_LINE_LINE_SESSION_H_
#define VARVE_NET_LINE_LINE_SESSION_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/base/thread_pool.h"
#include "lib/telemetry/metrics.h"
#include "net/line/line_server.h"

namespace varve::net {

class LineSession;

// What the sessions of one server share.
struct LineCore {
  LineServerOptions options;
  telemetry::Counter* tcp_requests = nullptr;
  telemetry::Counter* tcp_errors = nullptr;
  telemetry::Counter* udp_errors = nullptr;
  telemetry::Counter* retries = nullptr;

  std::atomic<bool> stopping{false};
  std::atomic<int64_t> tail_bytes{0};     // of lines without their end
  std::atomic<int64_t> pending_bytes{0};  // of blocks to be tried again

  base::Mutex mutex;
  base::CondVar session_gone;
  // Null once the server has stopped.
  base::ThreadPool* pool GUARDED_BY(mutex) = nullptr;
  std::set<std::shared_ptr<LineSession>> sessions GUARDED_BY(mutex);
};

class LineSession : public std::enable_shared_from_this<LineSession> {
 public:
  LineSession(std::shared_ptr<LineCore> core, std::unique_ptr<Stream> stream,
              bool datagrams);
  ~LineSession();

  // Once, when it is in LineCore::sessions.
  void Start() { WaitForBytes(); }

  // From any thread: what has arrived is still handed on.
  void Shutdown() {
    shut_ = true;
    stream_->Shutdown();
  }
  // If it waits for its peer for too long.
  void ShutdownIfIdle(int64_t now_steady_ms);

 private:
  enum class Next : uint8_t { kRead, kWait, kPaused, kEnd };

  void WaitForBytes();
  void RunSoon();
  void RunAfter(absl::Duration pause);
  void Run();  // on the pool
  bool MustPause() const;
  Next ReadAndDeliver();
  Next Deliver(std::string_view lines);
  // Whole lines of `bytes`; the rest becomes the tail.
  std::string_view Cut(std::string_view bytes, bool ended);
  void KeepTail(std::string_view rest);
  void HandOver(std::string_view bytes);
  void End();

  const std::shared_ptr<LineCore> core_;
  const std::shared_ptr<Stream> stream_;  // also of who it is handed to
  const bool datagrams_;
  bool first_bytes_ = true;
  bool skipping_ = false;  // to the end of a line that is too long
  std::string tail_;       // a line without its end
  // When it first waited for the rest of the tail, whatever came since.
  std::optional<int64_t> tail_since_steady_ms_;
  std::string pending_;  // a block that the sink wants again
  int64_t pending_received_ms_ = 0;
  int tries_ = 0;
  absl::Duration pause_;  // of kPaused
  bool ended_ = false;  // nothing more comes

  std::atomic<bool> shut_{false};  // by us, not by the peer
  // Of a wait for bytes; at other times the peer waits for us.
  static constexpr int64_t kNoEnd = std::numeric_limits<int64_t>::max();
  std::atomic<int64_t> wait_end_steady_ms_{kNoEnd};
};

}  // namespace varve::net

#endif  // VARVE_NET_LINE_LINE_SESSION_H_

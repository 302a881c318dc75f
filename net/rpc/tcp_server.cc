#include "net/rpc/tcp_server.h"

#include <algorithm>

#include "lib/base/clock.h"
#include "lib/base/machine.h"
#include "lib/base/status.h"
#include "net/rpc/server_session.h"

namespace varve::rpc {
namespace {

constexpr int kHandlerThreadsMin = 32;
constexpr int kHandlerThreadsPerCpu = 8;
// Cancelled handlers end soon; what they use may be closed after Stop.
constexpr absl::Duration kCancelledMax = absl::Seconds(10);
// How long a connection that is to be closed is waited for to have no calls.
constexpr absl::Duration kIdleMax = absl::Milliseconds(500);

TcpServerOptions WithDefaults(TcpServerOptions options) {
  if (options.handler_threads_max <= 0) {
    options.handler_threads_max =
        std::max(kHandlerThreadsMin,
                 kHandlerThreadsPerCpu * base::CpuThreads());
  }
  if (options.request_bytes_max <= 0) {
    options.request_bytes_max = base::MemoryLimitBytes() / 8;
  }
  return options;
}

}  // namespace

class TcpServer::Impl {
 public:
  Impl(Service* service, TcpServerOptions options)
      : core_(std::make_shared<ServerCore>()) {
    core_->service = service;
    core_->options = WithDefaults(std::move(options));
    pool_ = std::make_unique<base::ThreadPool>(
        "rpc", static_cast<size_t>(core_->options.handler_threads_max));
    base::MutexLock lock(core_->mutex);
    core_->pool = pool_.get();
  }

  ~Impl() {
    Stop(absl::ZeroDuration());
    pool_.reset();  // waits for the handlers
    base::MutexLock lock(core_->mutex);
    while (core_->running > 0) core_->changed.Wait(lock);
  }

  absl::Status Listen(net::Transport* transport) {
    ASSIGN_OR_RETURN(
        listener_,
        transport->Listen(core_->options.address, core_->options.listen,
                          [core = core_](auto stream) {
                            Accept(core, std::move(stream));
                          }));
    return absl::OkStatus();
  }

  const std::string& address() const { return listener_->address(); }
  std::shared_ptr<const net::TrafficCounters> counters() const {
    return listener_->counters();
  }

  size_t connections() const {
    base::MutexLock lock(core_->mutex);
    return static_cast<size_t>(
        std::count_if(core_->sessions.begin(), core_->sessions.end(),
                      [](const auto& session) { return session->greeted(); }));
  }

  void StopListening() {
    if (listener_) listener_->Close();
  }

  void CloseConnections(absl::Duration over) {
    std::set<std::shared_ptr<ServerSession>> sessions;
    {
      base::MutexLock lock(core_->mutex);
      sessions = core_->sessions;
    }
    const int64_t start_ms = base::SystemClock().SteadyMs();
    int64_t closed = 0;
    for (const auto& session : sessions) {
      const absl::Duration due =
          over * closed++ / static_cast<int64_t>(sessions.size());
      // Whose peer has gone needs no place in the schedule.
      WaitUntil(start_ms + absl::ToInt64Milliseconds(due),
                [&]() NO_THREAD_SAFETY_ANALYSIS {
                  return !core_->sessions.contains(session);
                });
      WaitUntil(base::SystemClock().SteadyMs() +
                    absl::ToInt64Milliseconds(kIdleMax),
                [&session] { return session->idle(); });
      session->CancelCalls();
      session->Close(base::Unavailable("the node closes its connections"));
    }
  }

  void Stop(absl::Duration grace) {
    StopListening();
    {
      base::MutexLock lock(core_->mutex);
      core_->refusing = true;
    }
    WaitForHandlers(grace);
    std::set<std::shared_ptr<ServerSession>> sessions;
    {
      base::MutexLock lock(core_->mutex);
      core_->pool = nullptr;
      // Taken out: the loop may end before they are closed, and they hold the
      // core.
      sessions.swap(core_->sessions);
    }
    for (const auto& session : sessions) {
      session->CancelCalls();
      session->Close(base::Unavailable("the node is stopping"));
    }
    WaitForHandlers(kCancelledMax);
  }

 private:
  void WaitForHandlers(absl::Duration time_max) {
    WaitUntil(base::SystemClock().SteadyMs() +
                  absl::ToInt64Milliseconds(time_max),
              [this]() NO_THREAD_SAFETY_ANALYSIS {
                return core_->running == 0;
              });
  }

  // `done` is asked under the lock, after each end of a call.
  template <typename Done>
  void WaitUntil(int64_t end_ms, const Done& done) {
    base::MutexLock lock(core_->mutex);
    while (!done()) {
      const int64_t left_ms = end_ms - base::SystemClock().SteadyMs();
      if (left_ms <= 0) return;
      core_->changed.WaitFor(lock, absl::Milliseconds(left_ms));
    }
  }

  static void Accept(const std::shared_ptr<ServerCore>& core,
                     std::unique_ptr<net::Stream> stream) {
    auto session = std::make_shared<ServerSession>(core, std::move(stream));
    {
      base::MutexLock lock(core->mutex);
      core->sessions.insert(session);
    }
    session->Open();
  }

  const std::shared_ptr<ServerCore> core_;
  std::unique_ptr<base::ThreadPool> pool_;
  std::unique_ptr<net::Listener> listener_;
};

TcpServer::TcpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TcpServer::~TcpServer() = default;

absl::StatusOr<std::unique_ptr<TcpServer>> TcpServer::Start(
    net::Transport* transport, Service* service, TcpServerOptions options) {
  auto impl = std::make_unique<Impl>(service, std::move(options));
  RETURN_IF_ERROR(impl->Listen(transport));
  return std::unique_ptr<TcpServer>(new TcpServer(std::move(impl)));
}

const std::string& TcpServer::address() const { return impl_->address(); }
std::shared_ptr<const net::TrafficCounters> TcpServer::counters() const {
  return impl_->counters();
}
size_t TcpServer::connections() const { return impl_->connections(); }
void TcpServer::StopListening() { impl_->StopListening(); }
void TcpServer::CloseConnections(absl::Duration over) {
  impl_->CloseConnections(over);
}
void TcpServer::Stop(absl::Duration grace) { impl_->Stop(grace); }

}  // namespace varve::rpc

#include "net/rpc/tcp_channel.h"

#include <algorithm>

#include "lib/base/log.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "net/rpc/client_session.h"
#include "net/tcp/traffic_metrics.h"

namespace varve::rpc {
namespace {

// For connecting peers that accept and then say nothing.
constexpr absl::Duration kGreetTimeout = absl::Seconds(5);

// A peer that is refused again and again is the same news.
constexpr int64_t kRefusedLogMs = 60'000;

// For the metrics of RPC errors; null where none are shown.
telemetry::Counter* ErrorCounter(const TcpChannelOptions& options,
                                 const char* name) {
  if (options.metrics == nullptr) return nullptr;
  return &options.metrics->AddCounter(
      name, {{"name", options.metrics_name}, {"addr", options.address}});
}

TcpChannelOptions& WithCounters(TcpChannelOptions& options) {
  if (!options.dial.counters) {
    options.dial.counters = std::make_shared<net::TrafficCounters>();
  }
  return options;
}

}  // namespace

class TcpChannel::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(net::Transport* transport, TcpChannelOptions options)
      : transport_(transport),
        options_(std::move(options)),
        dial_address_(options_.dial_address.empty() ? options_.address
                                                    : options_.dial_address),
        strand_(transport->loop().NewStrand()),
        dial_errors_(ErrorCounter(options_, "vm_rpc_dial_errors_total")),
        greeting_errors_(
            ErrorCounter(options_, "vm_rpc_handshake_errors_total")),
        backoff_(options_.backoff_min) {}

  void Dial() {
    transport_->Dial(dial_address_, options_.dial,
                     [weak = weak_from_this()](auto stream) {
                       const auto self = weak.lock();
                       if (self) self->Dialed(std::move(stream));
                     });
  }

  // No callback of the user's runs once it has returned.
  void Stop() {
    std::shared_ptr<ClientSession> session;
    {
      base::MutexLock lock(mutex_);
      stopped_ = true;
      session = session_;
      greeted_ = false;
      while (callbacks_ > 0) idle_.Wait(lock);
    }
    if (session) session->Close(base::Unavailable("the channel is closed"));
  }

  std::unique_ptr<Call> Start(Method method, std::string payload) {
    std::shared_ptr<ClientSession> session;
    {
      base::MutexLock lock(mutex_);
      if (!greeted_) {
        return std::make_unique<FailedCall>(base::Unavailable(
            options_.address, " is not connected",
            last_error_.empty() ? "" : ": ", last_error_));
      }
      session = session_;
    }
    return session->Begin(method, std::move(payload));
  }

  bool connected() {
    base::MutexLock lock(mutex_);
    return greeted_;
  }
  std::string peer_hello() {
    base::MutexLock lock(mutex_);
    return greeted_ ? peer_hello_ : "";
  }
  uint64_t epoch() {
    base::MutexLock lock(mutex_);
    return epoch_;
  }
  const std::string& address() const { return options_.address; }

 private:
  bool Enter() {
    base::MutexLock lock(mutex_);
    if (stopped_) return false;
    ++callbacks_;
    return true;
  }
  void Leave() {
    base::MutexLock lock(mutex_);
    --callbacks_;
    idle_.NotifyAll();
  }

  void Dialed(absl::StatusOr<std::unique_ptr<net::Stream>> stream) {
    if (!stream.ok()) {
      Count(dial_errors_);
      return Lost(stream.status());
    }
    if (!Enter()) return;
    std::string hello = options_.hello();
    Leave();
    ClientSession::Events events;
    events.greeted = [weak = weak_from_this()](std::string peer_hello) {
      if (const auto self = weak.lock()) self->Greeted(std::move(peer_hello));
    };
    events.closed = [weak = weak_from_this()](const absl::Status& status) {
      const auto self = weak.lock();
      if (!self) return;
      if (!self->connected()) self->NotGreeted(status);
      self->Lost(status);
    };
    auto session =
        std::make_shared<ClientSession>(*std::move(stream), std::move(events));
    {
      base::MutexLock lock(mutex_);
      if (stopped_) return;
      session_ = session;
    }
    session->Greet(std::move(hello));
    session->KeepAlive(options_.ping_interval, options_.silence_max);
    session->strand().After(
        kGreetTimeout, [weak = weak_from_this(),
                        weak_session = std::weak_ptr<FramedStream>(session)] {
          const auto self = weak.lock();
          const auto late = weak_session.lock();
          if (self && late && !self->HasGreeted(late.get())) {
            late->Close(base::Unavailable("no greeting in time"));
          }
        });
  }

  bool HasGreeted(const FramedStream* session) {
    base::MutexLock lock(mutex_);
    return session_.get() != session || greeted_;
  }

  void Greeted(std::string peer_hello) {
    if (!Enter()) return;
    absl::Status accepted;
    if (options_.accept) accepted = options_.accept(peer_hello);
    bool first = false;
    std::shared_ptr<ClientSession> session;
    {
      base::MutexLock lock(mutex_);
      session = session_;
      if (accepted.ok() && !stopped_) {
        greeted_ = true;
        first = epoch_ == 0;
        ++epoch_;
        backoff_ = options_.backoff_min;
        peer_hello_ = std::move(peer_hello);
        last_error_.clear();
      }
    }
    if (!accepted.ok()) {
      session->Close(accepted);
    } else {
      if (first && options_.on_first_connect) options_.on_first_connect();
      if (options_.on_change) options_.on_change(true);
    }
    Leave();
  }

  // Metrics live as long as the channel.
  void Count(telemetry::Counter* counter) {
    if (counter == nullptr || !Enter()) return;
    counter->Increment();
    Leave();
  }

  // A connection ended before both sides knew each other.
  void NotGreeted(const absl::Status& status) {
    Count(greeting_errors_);
    // A peer that starts or stops is no news.
    if (!absl::IsUnavailable(status) && refused_log_.Due()) {
      base::LogWarn("cannot work with ", options_.address, ": ",
                    base::Message(status));
    }
  }

  // The connection is lost, or could not be made.
  void Lost(const absl::Status& status) {
    absl::Duration wait;
    bool was_connected = false;
    {
      base::MutexLock lock(mutex_);
      was_connected = greeted_;
      greeted_ = false;
      session_ = nullptr;
      last_error_ = base::Message(status);
      if (stopped_) return;
      wait = backoff_;
      backoff_ = std::min(backoff_ * 2, options_.backoff_max);
    }
    if (was_connected && options_.on_change && Enter()) {
      options_.on_change(false);
      Leave();
    }
    strand_.After(wait, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self && self->Enter()) {
        self->Dial();
        self->Leave();
      }
    });
  }

  net::Transport* const transport_;
  const TcpChannelOptions options_;
  const std::string dial_address_;
  const net::Strand strand_;
  telemetry::Counter* const dial_errors_;
  telemetry::Counter* const greeting_errors_;
  base::LogEvery refused_log_{kRefusedLogMs};

  base::Mutex mutex_;
  base::CondVar idle_;
  int callbacks_ GUARDED_BY(mutex_) = 0;
  bool stopped_ GUARDED_BY(mutex_) = false;
  bool greeted_ GUARDED_BY(mutex_) = false;
  uint64_t epoch_ GUARDED_BY(mutex_) = 0;
  absl::Duration backoff_ GUARDED_BY(mutex_);
  std::string peer_hello_ GUARDED_BY(mutex_);
  std::string last_error_ GUARDED_BY(mutex_);
  std::shared_ptr<ClientSession> session_ GUARDED_BY(mutex_);
};

TcpChannel::TcpChannel(net::Transport* transport, TcpChannelOptions options)
    : metrics_(options.metrics),
      core_(std::make_shared<Core>(transport, WithCounters(options))) {
  if (metrics_ != nullptr) {
    net::ShowDialer(*metrics_, this, options.metrics_name, options.address,
                    options.dial.counters);
  }
  core_->Dial();
}

TcpChannel::~TcpChannel() {
  if (metrics_ != nullptr) metrics_->RemoveCallbacks(this);
  core_->Stop();
}

std::unique_ptr<Call> TcpChannel::Start(Method method, std::string payload) {
  return core_->Start(method, std::move(payload));
}
bool TcpChannel::connected() const { return core_->connected(); }
std::string TcpChannel::peer_hello() const { return core_->peer_hello(); }
uint64_t TcpChannel::connection_epoch() const { return core_->epoch(); }
const std::string& TcpChannel::address() const { return core_->address(); }

}  // namespace varve::rpc

#include "net/line/line_server.h"

#include <algorithm>
#include <vector>

#include "lib/base/log.h"
#include "lib/base/status.h"
#include "net/line/line_session.h"
#include "net/tcp/traffic_metrics.h"

namespace varve::net {
namespace {

// They wait for storage most of the time; started when needed.
constexpr size_t kThreads = 8;
// How late a time limit may be noticed.
constexpr absl::Duration kSweepMax = absl::Seconds(10);
constexpr absl::Duration kSweepMin = absl::Milliseconds(5);

std::vector<std::shared_ptr<LineSession>> Sessions(LineCore& core) {
  base::MutexLock lock(core.mutex);
  return {core.sessions.begin(), core.sessions.end()};
}

void Accept(const std::shared_ptr<LineCore>& core,
            std::unique_ptr<Stream> stream, bool datagrams) {
  auto session =
      std::make_shared<LineSession>(core, std::move(stream), datagrams);
  {
    base::MutexLock lock(core->mutex);
    if (core->pool == nullptr) return;
    core->sessions.insert(session);
  }
  session->Start();
}

// Ends connections that are over their time, again and again.
void Sweep(const std::weak_ptr<LineCore>& weak, const Strand& strand,
           absl::Duration pause) {
  strand.After(pause, [weak, strand, pause] {
    const std::shared_ptr<LineCore> core = weak.lock();
    if (!core) return;
    const int64_t now_ms = base::SystemClock().SteadyMs();
    for (const auto& session : Sessions(*core)) {
      session->ShutdownIfIdle(now_ms);
    }
    Sweep(weak, strand, pause);
  });
}

}  // namespace

class LineServer::Impl {
 public:
  explicit Impl(LineServerOptions options)
      : core_(std::make_shared<LineCore>()) {
    core_->options = std::move(options);
    pool_ = std::make_unique<base::ThreadPool>("lines", kThreads);
    base::MutexLock lock(core_->mutex);
    core_->pool = pool_.get();
  }

  ~Impl() {
    Stop(absl::ZeroDuration());
    core_->options.metrics->RemoveCallbacks(this);
    pool_.reset();  // waits for the sinks that run
  }

  absl::Status Listen(Transport* transport) {
    const LineServerOptions& options = core_->options;
    AddCounters();
    ASSIGN_OR_RETURN(
        listener_,
        transport->Listen(options.address,
                          {.connections_max = options.connections_max,
                           .proxy_header = options.proxy_header},
                          [core = core_](auto stream) {
                            core->tcp_requests->Increment();
                            Accept(core, std::move(stream), false);
                          }));
    ShowListener(*options.metrics, this, options.type, options.address,
                 listener_->counters());
    if (options.udp) {
      auto counters = std::make_shared<TrafficCounters>();
      ASSIGN_OR_RETURN(auto stream, transport->ListenDatagrams(
                                        listener_->address(), counters));
      options.metrics->AddCallback(
          this, "vm_ingestserver_requests_total", Labels("udp"),
          [counters] { return static_cast<double>(counters->accepts); });
      Accept(core_, std::move(stream), true);
    }
    const absl::Duration shortest =
        std::min(options.idle_max, options.unfinished_max);
    Sweep(core_, transport->loop().NewStrand(),
          std::clamp(shortest / 4, kSweepMin, kSweepMax));
    return absl::OkStatus();
  }

  const std::string& address() const { return listener_->address(); }

  void Stop(absl::Duration grace) {
    if (listener_) listener_->Close();
    core_->stopping = true;
    for (const auto& session : Sessions(*core_)) session->Shutdown();
    const int64_t end_ms =
        base::SystemClock().SteadyMs() + absl::ToInt64Milliseconds(grace);
    std::set<std::shared_ptr<LineSession>> left;
    {
      base::MutexLock lock(core_->mutex);
      while (!core_->sessions.empty()) {
        const int64_t left_ms = end_ms - base::SystemClock().SteadyMs();
        if (left_ms <= 0) break;
        core_->session_gone.WaitFor(lock, absl::Milliseconds(left_ms));
      }
      core_->pool = nullptr;
      left.swap(core_->sessions);
    }
    if (!left.empty() && grace > absl::ZeroDuration()) {
      base::LogWarn(left.size(), " ", core_->options.type,
                    " connections had lines left when they were closed");
    }
  }

 private:
  telemetry::MetricLabels Labels(const char* net) const {
    return {{"type", core_->options.type}, {"name", "write"}, {"net", net}};
  }

  void AddCounters() {
    telemetry::Metrics& metrics = *core_->options.metrics;
    const char* const errors = "vm_ingestserver_request_errors_total";
    core_->tcp_requests =
        &metrics.AddCounter("vm_ingestserver_requests_total", Labels("tcp"));
    core_->tcp_errors = &metrics.AddCounter(errors, Labels("tcp"));
    core_->udp_errors = &metrics.AddCounter(errors, Labels("udp"));
    core_->retries = &metrics.AddCounter("varve_ingestserver_retries_total",
                                         {{"type", core_->options.type}});
  }

  const std::shared_ptr<LineCore> core_;
  std::unique_ptr<base::ThreadPool> pool_;
  std::unique_ptr<Listener> listener_;
};

LineServer::LineServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LineServer::~LineServer() = default;

absl::StatusOr<std::unique_ptr<LineServer>> LineServer::Start(
    Transport* transport, LineServerOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  RETURN_IF_ERROR(impl->Listen(transport));
  return std::unique_ptr<LineServer>(new LineServer(std::move(impl)));
}

const std::string& LineServer::address() const { return impl_->address(); }
void LineServer::Stop(absl::Duration grace) { impl_->Stop(grace); }

}  // namespace varve::net

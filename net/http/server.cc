#include "net/http/server.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "lib/base/machine.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "net/http/connection.h"
#include "net/http/request_target.h"
#include "net/http/server_core.h"
#include "net/tcp/event_loop.h"
#include "net/tcp/traffic_metrics.h"
#include "net/tcp/transport.h"

namespace varve::http {
namespace {

// How late a time limit may be noticed.
constexpr absl::Duration kSweepMax = absl::Seconds(1);
constexpr absl::Duration kSweepMin = absl::Milliseconds(5);
// Handlers wait for other nodes most of the time, so that threads are many;
// they start when needed and end when idle.
constexpr int kHandlerThreadsMin = 32;
constexpr int kHandlerThreadsPerCpu = 8;
// For bodies that are read as they come, each of which may have a record of
// many MiB in memory. As many more wait, and their senders with them.
constexpr int kStreamThreadsMin = 8;
constexpr int kStreamThreadsPerCpu = 2;
// For routes that wait for nobody but the reader of the answer.
constexpr int kPromptThreads = 4;

int HandlerThreads(int asked) {
  if (asked > 0) return asked;
  return std::max(kHandlerThreadsMin,
                  kHandlerThreadsPerCpu * base::CpuThreads());
}

int StreamThreads(int asked) {
  if (asked > 0) return asked;
  return std::max(kStreamThreadsMin,
                  kStreamThreadsPerCpu * base::CpuThreads());
}

std::string Hostname() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "";
  return name.data();
}

telemetry::MetricLabels RouteLabels(const Route& route) {
  telemetry::MetricLabels labels{
      {"path", route.label.empty() ? route.pattern : route.label}};
  if (!route.protocol.empty()) labels.push_back({"protocol", route.protocol});
  return labels;
}

telemetry::Counter* ErrorCounter(telemetry::Metrics& metrics,
                                 const char* reason) {
  return &metrics.AddCounter("vm_http_request_errors_total",
                             {{"path", "*"}, {"reason", reason}});
}

absl::Status FillCore(ServerCore& core, ServerOptions options,
                      std::vector<Route> routes) {
  core.options = std::move(options);
  ServerOptions& kept = core.options;
  kept.path_prefix = NormalPrefix(kept.path_prefix);
  if (kept.body_bytes_in_flight_max <= 0) {
    kept.body_bytes_in_flight_max = base::MemoryLimitBytes() / 8;
  }
  core.hostname = Hostname();
  if (!kept.user.empty() || !kept.password.empty()) {
    core.authorization = base::StrCat(kept.user, ":", kept.password);
  }
  telemetry::Metrics& metrics = *kept.metrics;
  core.unsupported = ErrorCounter(metrics, "unsupported");
  core.wrong_basic_auth = ErrorCounter(metrics, "wrong_basic_auth");
  core.wrong_auth_key = ErrorCounter(metrics, "wrong_auth_key");
  core.overloaded = ErrorCounter(metrics, "too_many_bytes_in_flight");
  core.too_many_streams = ErrorCounter(metrics, "too_many_streamed_bodies");
  core.slow_streams = ErrorCounter(metrics, "slow_streamed_body");
  core.stream_threads = StreamThreads(kept.stream_threads_max);
  for (Route& route : routes) {
    RETURN_IF_ERROR(core.table.Add(route.pattern, core.routes.size()));
    const telemetry::MetricLabels labels = RouteLabels(route);
    CoreRoute entry;
    entry.requests = &metrics.AddCounter("vm_http_requests_total", labels);
    entry.errors = &metrics.AddCounter("vm_http_request_errors_total", labels);
    entry.route = std::move(route);
    core.routes.push_back(std::move(entry));
  }
  return absl::OkStatus();
}

// Ends connections that are over their time, again and again.
void Sweep(const std::weak_ptr<ServerCore>& weak, const net::Strand& strand,
           absl::Duration pause) {
  strand.After(pause, [weak, strand, pause] {
    const std::shared_ptr<ServerCore> core = weak.lock();
    if (!core) return;
    const int64_t now_ms = SteadyMs();
    for (const auto& connection : core->Connections()) {
      connection->CloseIfLate(now_ms);
    }
    Sweep(weak, strand, pause);
  });
}

class TcpServer final : public Server {
 public:
  explicit TcpServer(std::shared_ptr<ServerCore> core)
      : core_(std::move(core)),
        pool_(std::make_unique<base::ThreadPool>(
            "http", HandlerThreads(core_->options.handler_threads_max))),
        prompt_pool_(
            std::make_unique<base::ThreadPool>("http-prompt", kPromptThreads)),
        stream_pool_(std::make_unique<base::ThreadPool>(
            "http-stream", core_->stream_threads)) {
    core_->pool = pool_.get();
    core_->prompt_pool = prompt_pool_.get();
    core_->stream_pool = stream_pool_.get();
  }

  ~TcpServer() override {
    Stop(absl::ZeroDuration());
    core_->options.metrics->RemoveCallbacks(this);
    pool_.reset();  // waits for the handlers
    prompt_pool_.reset();
    stream_pool_.reset();
  }

  absl::Status Listen() {
    net::Transport* transport = core_->options.transport;
    if (transport == nullptr) {
      own_loop_ = std::make_unique<net::EventLoop>();
      own_transport_ = std::make_unique<net::Transport>(own_loop_.get());
      transport = own_transport_.get();
    }
    const std::vector<bool>& proxy_headers = core_->options.proxy_headers;
    for (size_t i = 0; i < core_->options.addresses.size(); ++i) {
      const std::string& address = core_->options.addresses[i];
      net::ListenOptions listen;
      listen.proxy_header = i < proxy_headers.size() && proxy_headers[i];
      ASSIGN_OR_RETURN(
          auto listener,
          transport->Listen(address, listen, [core = core_](auto stream) {
            Accept(core, std::move(stream));
          }));
      addresses_.push_back(listener->address());
      net::ShowListener(*core_->options.metrics, this, "http", address,
                        listener->counters());
      listeners_.push_back(std::move(listener));
    }
    const ServerOptions& options = core_->options;
    const absl::Duration shortest =
        std::min(options.idle_max, options.read_timeout);
    Sweep(core_, transport->loop().NewStrand(),
          std::clamp(shortest / 4, kSweepMin, kSweepMax));
    return absl::OkStatus();
  }

  const std::vector<std::string>& addresses() const override {
    return addresses_;
  }

  void Serve(std::unique_ptr<net::Stream> stream) override {
    Accept(core_, std::move(stream));
  }

  void Stop(absl::Duration grace) override {
    for (const auto& listener : listeners_) listener->Close();
    core_->stopping = true;
    for (const auto& connection : core_->Connections()) {
      connection->CloseIfIdle();
    }
    WaitForConnections(grace);
    {
      base::MutexLock lock(core_->mutex);
      core_->stopped = true;
    }
    for (const auto& connection : core_->Connections()) connection->Close();
  }

 private:
  static void Accept(const std::shared_ptr<ServerCore>& core,
                     std::unique_ptr<net::Stream> stream) {
    auto connection = std::make_shared<Connection>(core, std::move(stream));
    {
      base::MutexLock lock(core->mutex);
      core->connections[connection.get()] = connection;
    }
    connection->Start();
  }

  void WaitForConnections(absl::Duration grace) {
    const int64_t end_ms = SteadyMs() + absl::ToInt64Milliseconds(grace);
    base::MutexLock lock(core_->mutex);
    while (!core_->connections.empty()) {
      const int64_t left_ms = end_ms - SteadyMs();
      if (left_ms <= 0) return;
      core_->connection_gone.WaitFor(lock, absl::Milliseconds(left_ms));
    }
  }

  // The pools go first, then the listeners, then the loop, whose tasks hold
  // connections, which hold the core.
  const std::shared_ptr<ServerCore> core_;
  std::unique_ptr<net::EventLoop> own_loop_;
  std::unique_ptr<net::Transport> own_transport_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::vector<std::string> addresses_;
  std::unique_ptr<base::ThreadPool> pool_;
  std::unique_ptr<base::ThreadPool> prompt_pool_;
  std::unique_ptr<base::ThreadPool> stream_pool_;
};

}  // namespace

std::vector<std::shared_ptr<Connection>> ServerCore::Connections() {
  std::vector<std::shared_ptr<Connection>> found;
  base::MutexLock lock(mutex);
  found.reserve(connections.size());
  for (const auto& [key, weak] : connections) {
    if (auto connection = weak.lock()) found.push_back(std::move(connection));
  }
  return found;
}

bool NeedsNoPrefix(std::string_view path) {
  return path == "/health" || path == "/-/healthy" || path == "/-/ready" ||
         path == "/ping";
}

std::string LimitText(std::string_view flag, int64_t bytes_max) {
  if (flag.empty()) return base::StrCat("the limit is ", bytes_max, " bytes");
  return base::StrCat("the limit is ", flag.front() == '-' ? "" : "-", flag,
                      "=", bytes_max, " bytes");
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    ServerOptions options, std::vector<Route> routes) {
  auto core = std::make_shared<ServerCore>();
  RETURN_IF_ERROR(FillCore(*core, std::move(options), std::move(routes)));
  auto server = std::make_unique<TcpServer>(std::move(core));
  RETURN_IF_ERROR(server->Listen());
  return server;
}

}  // namespace varve::http

#include "net/tcp/transport.h"

#include <sys/socket.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>

#include "lib/base/log.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "net/tcp/asio_access.h"
#include "net/tcp/datagram_stream.h"
#include "net/tcp/plain_stream.h"
#include "net/tcp/proxied_stream.h"

namespace varve::net {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

// Waiting connections the kernel keeps; as Go's default.
constexpr int kBacklog = 4096;
// After a failed accept (no descriptors left), so that the loop does not spin.
constexpr absl::Duration kAcceptPause = absl::Milliseconds(100);

// Shared by the listener and its pending accept.
class Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(EventLoop* loop, tcp::acceptor acceptor, Strand strand,
           ListenOptions options, OnAccept on_accept)
      : counters_(std::make_shared<TrafficCounters>()),
        loop_(loop),
        strand_(std::move(strand)),
        options_(std::move(options)),
        acceptor_(std::move(acceptor)),
        fd_(acceptor_.native_handle()),
        on_accept_(std::move(on_accept)) {}

  void AcceptNext() {
    Strand strand = loop_->NewStrand();
    const AsioStrand executor = AsioAccess::Executor(strand);
    acceptor_.async_accept(
        executor,
        asio::bind_executor(
            AsioAccess::Executor(strand_),
            [self = shared_from_this(), strand = std::move(strand)](
                const error_code& error,
                asio::basic_stream_socket<tcp, AsioStrand> socket) mutable {
              self->Accepted(error, tcp::socket(std::move(socket)),
                             std::move(strand));
            }));
  }

  void Close() {
    {
      base::MutexLock lock(mutex_);
      if (closed_) return;
      closed_ = true;
      while (in_callback_) idle_.Wait(lock);
    }
    // Stops listening at once, even when the loop no longer runs.
    (void)::shutdown(fd_, SHUT_RDWR);
    strand_.Post([self = shared_from_this()] {
      error_code ignored;  // it is gone either way
      self->acceptor_.close(ignored);
      self->on_accept_ = nullptr;
    });
  }

  const std::shared_ptr<TrafficCounters> counters_;

 private:
  void Accepted(const error_code& error, tcp::socket socket, Strand strand) {
    if (!Enter()) return;
    if (error) {
      Leave();
      if (error == asio::error::operation_aborted) return;
      counters_->accept_errors++;
      strand_.After(kAcceptPause, [self = shared_from_this()] {
        if (self->Open()) self->AcceptNext();
      });
      return;
    }
    counters_->accepts++;
    HandOver(std::move(socket), std::move(strand));
    Leave();
    if (Open()) AcceptNext();
  }

  void HandOver(tcp::socket socket, Strand strand) {
    if (counters_->connections >= options_.connections_max) {
      counters_->accept_errors++;
      static base::LogEvery every(10'000);
      if (every.Due()) {
        base::LogWarn("closed a new connection: ", options_.connections_max,
                      " are open already");
      }
      return;
    }
    auto stream =
        MakePlainStream(std::move(socket), std::move(strand), counters_);
    if (options_.check) {
      const absl::Status allowed =
          options_.check({stream->peer_address(), ""});
      if (!allowed.ok()) {
        counters_->accept_errors++;
        return;
      }
    }
    if (!options_.proxy_header) return on_accept_(std::move(stream));
    using Proxied = absl::StatusOr<std::unique_ptr<Stream>>;
    TakeProxyHeader(std::move(stream), [self = shared_from_this()](
                                           Proxied taken) {
      auto shared = std::make_shared<Proxied>(std::move(taken));
      self->strand_.Post([self, shared] { self->TakeProxied(*shared); });
    });
  }

  void TakeProxied(absl::StatusOr<std::unique_ptr<Stream>>& stream) {
    if (!Enter()) return;
    if (stream.ok()) {
      on_accept_(std::move(*stream));
    } else {
      counters_->accept_errors++;
      static base::LogEvery every(10'000);
      if (every.Due()) {
        base::LogWarn("closed a new connection: ",
                      base::Message(stream.status()));
      }
    }
    Leave();
  }

  bool Open() {
    base::MutexLock lock(mutex_);
    return !closed_;
  }
  bool Enter() {
    base::MutexLock lock(mutex_);
    if (closed_) return false;
    in_callback_ = true;
    return true;
  }
  void Leave() {
    base::MutexLock lock(mutex_);
    in_callback_ = false;
    idle_.NotifyAll();
  }

  EventLoop* const loop_;
  const Strand strand_;
  const ListenOptions options_;
  tcp::acceptor acceptor_;  // used on strand_
  const int fd_;
  OnAccept on_accept_;  // used on strand_
  base::Mutex mutex_;
  base::CondVar idle_;
  bool closed_ GUARDED_BY(mutex_) = false;
  bool in_callback_ GUARDED_BY(mutex_) = false;
};

class TcpListener final : public Listener {
 public:
  TcpListener(std::shared_ptr<Acceptor> acceptor, std::string address)
      : acceptor_(std::move(acceptor)), address_(std::move(address)) {}
  ~TcpListener() override { Close(); }
  const std::string& address() const override { return address_; }
  std::shared_ptr<const TrafficCounters> counters() const override {
    return acceptor_->counters_;
  }
  void Close() override { acceptor_->Close(); }

 private:
  const std::shared_ptr<Acceptor> acceptor_;
  const std::string address_;
};

absl::StatusOr<tcp::endpoint> ListenEndpoint(asio::io_context& context,
                                             const std::string& address,
                                             bool enable_ipv6) {
  ASSIGN_OR_RETURN(const HostPort parts, ParseHostPort(address));
  if (parts.host.empty()) {
    return enable_ipv6 ? tcp::endpoint(tcp::v6(), parts.port)
                       : tcp::endpoint(tcp::v4(), parts.port);
  }
  error_code error;
  tcp::resolver resolver(context);
  const auto found =
      resolver.resolve(parts.host, std::to_string(parts.port),
                       tcp::resolver::passive, error);
  if (error || found.empty()) {
    return base::Unavailable("cannot resolve \"", parts.host,
                             "\" to listen on: ", error.message());
  }
  for (const auto& entry : found) {
    if (entry.endpoint().address().is_v4()) return entry.endpoint();
  }
  return found.begin()->endpoint();
}

// One dial: resolve, connect, and a timer that ends either.
class Dialing : public std::enable_shared_from_this<Dialing> {
 public:
  Dialing(EventLoop& loop, std::string address, DialOptions options,
          OnDialed done)
      : strand_(loop.NewStrand()),
        address_(std::move(address)),
        options_(std::move(options)),
        done_(std::move(done)),
        resolver_(AsioAccess::Executor(strand_)),
        socket_(AsioAccess::Executor(strand_)),
        timer_(AsioAccess::Executor(strand_)) {}

  void Start(const HostPort& parts, bool enable_ipv6) {
    timer_.expires_after(absl::ToChronoNanoseconds(options_.timeout));
    timer_.async_wait(asio::bind_executor(
        AsioAccess::Executor(strand_),
        [self = shared_from_this()](const error_code& error) {
          if (!error) self->Fail("no connection within its time limit");
        }));
    resolver_.async_resolve(
        parts.host, std::to_string(parts.port),
        asio::bind_executor(
            AsioAccess::Executor(strand_),
            [self = shared_from_this(), enable_ipv6](
                const error_code& error, const tcp::resolver::results_type& found) {
              self->Resolved(error, found, enable_ipv6);
            }));
  }

  const Strand& strand() const { return strand_; }

  void Fail(std::string_view why) {
    if (options_.counters) options_.counters->dial_errors++;
    Finish(base::Unavailable("cannot dial ", address_, ": ", why));
  }

 private:
  void Resolved(const error_code& error,
                const tcp::resolver::results_type& found, bool enable_ipv6) {
    if (!done_) return;
    if (error) return Fail(error.message());
    std::vector<tcp::endpoint> endpoints;
    for (const auto& entry : found) {
      if (entry.endpoint().address().is_v4() || enable_ipv6) {
        endpoints.push_back(entry.endpoint());
      }
    }
    if (endpoints.empty()) {
      return Fail("only IPv6 addresses, which -enableTCP6 allows");
    }
    endpoints_ = std::move(endpoints);
    asio::async_connect(
        socket_, endpoints_,
        asio::bind_executor(AsioAccess::Executor(strand_),
                            [self = shared_from_this()](
                                const error_code& connect_error,
                                const tcp::endpoint&) {
                              self->Connected(connect_error);
                            }));
  }

  void Connected(const error_code& error) {
    if (!done_) return;
    if (error) return Fail(error.message());
    auto stream =
        MakePlainStream(std::move(socket_), strand_, options_.counters);
    if (options_.check) {
      const absl::Status allowed =
          options_.check({stream->peer_address(), ""});
      if (!allowed.ok()) return Fail(base::Message(allowed));
    }
    Finish(std::move(stream));
  }

  void Finish(absl::StatusOr<std::unique_ptr<Stream>> result) {
    if (!done_) return;
    const OnDialed done = std::exchange(done_, nullptr);
    error_code ignored;  // what is cancelled has nobody waiting for it
    timer_.cancel(ignored);
    resolver_.cancel();
    if (!result.ok()) socket_.close(ignored);
    done(std::move(result));
  }

  const Strand strand_;
  const std::string address_;
  const DialOptions options_;
  OnDialed done_;  // null once called
  tcp::resolver resolver_;
  tcp::socket socket_;
  asio::steady_timer timer_;
  std::vector<tcp::endpoint> endpoints_;
};

}  // namespace

absl::StatusOr<HostPort> ParseHostPort(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) {
    return base::InvalidArgument("address \"", address, "\" has no port");
  }
  HostPort parts;
  parts.host = address.substr(0, colon);
  uint32_t port = 0;
  const std::string port_text = address.substr(colon + 1);
  const char* const port_end = port_text.data() + port_text.size();
  const auto read = std::from_chars(port_text.data(), port_end, port);
  if (read.ec != std::errc() || read.ptr != port_end || port > 65'535) {
    return base::InvalidArgument("address \"", address,
                                 "\" has no port number after the colon");
  }
  parts.port = static_cast<uint16_t>(port);
  if (parts.host.size() >= 2 && parts.host.front() == '[' &&
      parts.host.back() == ']') {
    parts.host = parts.host.substr(1, parts.host.size() - 2);
  } else if (parts.host.find(':') != std::string::npos) {
    return base::InvalidArgument("address \"", address,
                                 "\": put an IPv6 address into []");
  }
  return parts;
}

Transport::Transport(EventLoop* loop, TransportOptions options)
    : loop_(loop), options_(options) {}

absl::StatusOr<std::unique_ptr<Listener>> Transport::Listen(
    const std::string& address, ListenOptions options, OnAccept on_accept) {
  if (options.tls) return base::Unimplemented("TLS listeners");
  asio::io_context& context = AsioAccess::Context(*loop_);
  ASSIGN_OR_RETURN(const tcp::endpoint endpoint,
                   ListenEndpoint(context, address, options_.enable_ipv6));
  Strand strand = loop_->NewStrand();
  tcp::acceptor acceptor(AsioAccess::Executor(strand));
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && endpoint.address().is_v6()) {
    acceptor.set_option(asio::ip::v6_only(false), error);
  }
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(kBacklog, error);
  if (error) {
    return base::Unavailable("cannot listen on ", address, ": ",
                             error.message());
  }
  std::string bound = EndpointText(acceptor.local_endpoint(error));
  auto shared = std::make_shared<Acceptor>(
      loop_, std::move(acceptor), strand, std::move(options),
      std::move(on_accept));
  strand.Post([shared] { shared->AcceptNext(); });
  return std::make_unique<TcpListener>(std::move(shared), std::move(bound));
}

absl::StatusOr<std::unique_ptr<Stream>> Transport::ListenDatagrams(
    const std::string& address, std::shared_ptr<TrafficCounters> counters) {
  using asio::ip::udp;
  ASSIGN_OR_RETURN(const tcp::endpoint endpoint,
                   ListenEndpoint(AsioAccess::Context(*loop_), address,
                                  options_.enable_ipv6));
  const udp::endpoint bound(endpoint.address(), endpoint.port());
  const Strand strand = loop_->NewStrand();
  udp::socket socket(AsioAccess::Executor(strand));
  error_code error;
  socket.open(bound.protocol(), error);
  if (!error && bound.address().is_v6()) {
    socket.set_option(asio::ip::v6_only(false), error);
  }
  if (!error) socket.bind(bound, error);
  if (error) {
    return base::Unavailable("cannot listen on UDP ", address, ": ",
                             error.message());
  }
  return MakeDatagramStream(std::move(socket), strand, std::move(counters));
}

void Transport::Dial(const std::string& address, DialOptions options,
                     OnDialed done) {
  if (options.counters) options.counters->dials++;
  const bool tls = options.tls != nullptr;
  auto dialing = std::make_shared<Dialing>(*loop_, address, std::move(options),
                                           std::move(done));
  absl::StatusOr<HostPort> parts = ParseHostPort(address);
  const Strand& strand = dialing->strand();
  if (tls || !parts.ok()) {
    const std::string why =
        tls ? "TLS is not there yet" : std::string(base::Message(parts.status()));
    strand.Post([dialing, why] { dialing->Fail(why); });
    return;
  }
  const bool enable_ipv6 = options_.enable_ipv6;
  strand.Post([dialing, parts = *std::move(parts), enable_ipv6] {
    dialing->Start(parts, enable_ipv6);
  });
}

}  // namespace varve::net

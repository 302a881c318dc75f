#include "net/tcp/plain_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "lib/base/status.h"
#include "lib/base/strings.h"

namespace varve::net {
namespace {

using Socket = asio::ip::tcp::socket;

bool IsTransient(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

// A vanished peer (no FIN, no RST) is noticed after about 30 + 3 * 10 s, and
// unacknowledged data is given up after as much: waiting writers are freed.
void SetSocketOptions(int fd) {
  const auto set = [fd](int level, int name, int value) {
    // A refused option costs latency or a late notice, never bytes.
    (void)setsockopt(fd, level, name, &value, sizeof(value));
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 60'000);
}

class PlainStream final : public Stream {
 public:
  PlainStream(Socket socket, Strand strand,
              std::shared_ptr<TrafficCounters> counters)
      : strand_(std::move(strand)),
        counters_(std::move(counters)),
        socket_(std::move(socket)),
        fd_(socket_.native_handle()) {
    boost::system::error_code ignored;  // an unconnected socket reads kClosed
    socket_.non_blocking(true, ignored);
    peer_address_ = EndpointText(socket_.remote_endpoint(ignored));
    local_address_ = EndpointText(socket_.local_endpoint(ignored));
    SetSocketOptions(fd_);
    if (counters_) counters_->connections++;
  }

  ~PlainStream() override {
    if (counters_) counters_->connections--;
  }

  IoResult Read(std::span<char> buffer) override {
    const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n > 0) {
      if (counters_) counters_->read_bytes += n;
      return {IoResult::Code::kOk, static_cast<size_t>(n)};
    }
    if (n < 0 && IsTransient(errno)) return {IoResult::Code::kWouldBlock, 0};
    return {IoResult::Code::kClosed, 0, n < 0};
  }

  IoResult Write(std::span<const std::string_view> pieces) override {
    std::array<iovec, kPiecesMax> vectors;
    const size_t count = std::min(pieces.size(), kPiecesMax);
    for (size_t i = 0; i < count; ++i) {
      vectors[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};
    }
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    const ssize_t n = ::sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) {
      if (counters_) counters_->written_bytes += n;
      return {IoResult::Code::kOk, static_cast<size_t>(n)};
    }
    if (n < 0 && IsTransient(errno)) return {IoResult::Code::kWouldBlock, 0};
    return {IoResult::Code::kClosed, 0};
  }

  void WhenReadable(std::function<void()> ready) override {
    Wait(Socket::wait_read, std::move(ready));
  }
  void WhenWritable(std::function<void()> ready) override {
    Wait(Socket::wait_write, std::move(ready));
  }

  absl::Status WriteAll(std::string_view bytes,
                        absl::Duration stall_max) override {
    while (!bytes.empty()) {
      const IoResult result = Write({&bytes, 1});
      if (result.code == IoResult::Code::kOk) {
        bytes.remove_prefix(result.bytes);
        continue;
      }
      if (result.code == IoResult::Code::kClosed) {
        return base::Cancelled("the client ", peer_address_, " has gone");
      }
      pollfd poll_fd{fd_, POLLOUT, 0};
      const int ready = ::poll(&poll_fd, 1,
                               static_cast<int>(stall_max / absl::Milliseconds(1)));
      if (ready == 0) {
        return base::Cancelled("the client ", peer_address_,
                               " took no byte for ",
                               absl::FormatDuration(stall_max));
      }
    }
    return absl::OkStatus();
  }

  bool PeerGone() override {
    // Not by peeking: the end may stand behind bytes that nobody reads yet.
    pollfd polled{.fd = fd_, .events = POLLRDHUP, .revents = 0};
    return ::poll(&polled, 1, 0) > 0;
  }

  // shutdown(2), not close: another thread may be inside a call on the
  // descriptor, whose number must not be given to someone else meanwhile.
  void Shutdown() override { (void)::shutdown(fd_, SHUT_RDWR); }
  void ShutdownWrite() override { (void)::shutdown(fd_, SHUT_WR); }

  const Strand& strand() const override { return strand_; }
  const std::string& peer_address() const override { return peer_address_; }
  const std::string& local_address() const override { return local_address_; }

 private:
  void Wait(Socket::wait_type what, std::function<void()> ready) {
    socket_.async_wait(
        what, asio::bind_executor(
                  AsioAccess::Executor(strand_),
                  [ready = std::move(ready)](const boost::system::error_code&
                                                 error) {
                    // Only destruction cancels; then nobody is left to tell.
                    if (error != asio::error::operation_aborted) ready();
                  }));
  }

  const Strand strand_;
  const std::shared_ptr<TrafficCounters> counters_;
  Socket socket_;
  const int fd_;
  std::string peer_address_;
  std::string local_address_;
};

}  // namespace

std::string EndpointText(const asio::ip::tcp::endpoint& endpoint) {
  const asio::ip::address address = endpoint.address();
  return address.is_v6()
             ? base::StrCat("[", address.to_string(), "]:", endpoint.port())
             : base::StrCat(address.to_string(), ":", endpoint.port());
}

std::unique_ptr<Stream> MakePlainStream(
    asio::ip::tcp::socket socket, Strand strand,
    std::shared_ptr<TrafficCounters> counters) {
  return std::make_unique<PlainStream>(std::move(socket), std::move(strand),
                                       std::move(counters));
}

}  // namespace varve::net

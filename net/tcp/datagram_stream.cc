#include "net/tcp/datagram_stream.h"

#include <sys/socket.h>

#include <atomic>
#include <cerrno>

#include "lib/base/status.h"
#include "lib/base/strings.h"

namespace varve::net {
namespace {

using Socket = asio::ip::udp::socket;

class DatagramStream final : public Stream {
 public:
  DatagramStream(Socket socket, Strand strand,
                 std::shared_ptr<TrafficCounters> counters)
      : strand_(std::move(strand)),
        counters_(std::move(counters)),
        socket_(std::move(socket)),
        fd_(socket_.native_handle()) {
    boost::system::error_code ignored;  // a bound socket has an address
    const auto local = socket_.local_endpoint(ignored);
    local_address_ =
        local.address().is_v6()
            ? base::StrCat("[", local.address().to_string(), "]:", local.port())
            : base::StrCat(local.address().to_string(), ":", local.port());
  }

  IoResult Read(std::span<char> buffer) override {
    while (true) {
      const ssize_t n =
          ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (n > 0) {
        if (counters_) {
          counters_->accepts++;
          counters_->read_bytes += n;
        }
        return {IoResult::Code::kOk, static_cast<size_t>(n)};
      }
      if (closed_) return {IoResult::Code::kClosed, 0};
      // Empty datagrams are passed over, errors are of one datagram.
      if (n < 0 && errno != EINTR) return {IoResult::Code::kWouldBlock, 0};
    }
  }
  IoResult Write(std::span<const std::string_view>) override {
    return {IoResult::Code::kClosed, 0};
  }

  void WhenReadable(std::function<void()> ready) override {
    socket_.async_wait(
        Socket::wait_read,
        asio::bind_executor(AsioAccess::Executor(strand_),
                            [ready = std::move(ready)](
                                const boost::system::error_code& error) {
                              // Only destruction cancels.
                              if (error != asio::error::operation_aborted) {
                                ready();
                              }
                            }));
  }
  void WhenWritable(std::function<void()> ready) override {
    strand_.Post(std::move(ready));
  }

  absl::Status WriteAll(std::string_view, absl::Duration) override {
    return base::Cancelled("a UDP port has no peer to write to");
  }
  bool PeerGone() override { return false; }

  // What has arrived can still be read, then the reader is told.
  void Shutdown() override {
    closed_ = true;
    (void)::shutdown(fd_, SHUT_RDWR);
  }
  void ShutdownWrite() override {}

  const Strand& strand() const override { return strand_; }
  const std::string& peer_address() const override { return peer_address_; }
  const std::string& local_address() const override { return local_address_; }

 private:
  const Strand strand_;
  const std::shared_ptr<TrafficCounters> counters_;
  Socket socket_;
  const int fd_;
  std::atomic<bool> closed_{false};
  const std::string peer_address_ = "UDP";
  std::string local_address_;
};

}  // namespace

std::unique_ptr<Stream> MakeDatagramStream(
    asio::ip::udp::socket socket, Strand strand,
    std::shared_ptr<TrafficCounters> counters) {
  return std::make_unique<DatagramStream>(std::move(socket), std::move(strand),
                                          std::move(counters));
}

}  // namespace varve::net

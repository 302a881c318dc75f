#include "net/tcp/proxied_stream.h"

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "lib/base/status.h"
#include "net/tcp/proxy_header.h"
#include "net/tcp/replayed_stream.h"

namespace varve::net {
namespace {

// One connection whose header is read; used on its strand. Lives while the
// stream waits for bytes.
class Taking : public std::enable_shared_from_this<Taking> {
 public:
  using Done = std::function<void(absl::StatusOr<std::unique_ptr<Stream>>)>;

  Taking(std::unique_ptr<Stream> stream, Done done)
      : stream_(std::move(stream)), done_(std::move(done)) {}

  void Start() {
    const Strand strand = stream_->strand();
    strand.After(kProxyHeaderTimeMax, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->EndLate();
    });
    strand.Post([self = shared_from_this()] { self->Read(); });
  }

 private:
  void Read() {
    while (done_) {
      const IoResult result =
          stream_->Read({bytes_.data() + used_, bytes_.size() - used_});
      if (result.code == IoResult::Code::kWouldBlock) {
        return stream_->WhenReadable(
            [self = shared_from_this()] { self->Read(); });
      }
      if (result.code == IoResult::Code::kClosed) {
        return End(base::Cancelled("it ended before its PROXY header"));
      }
      used_ += result.bytes;
      const std::string_view bytes(bytes_.data(), used_);
      auto header = ParseProxyHeader(bytes);
      if (!header.ok()) return End(header.status());
      if (!header->has_value()) continue;
      std::string rest(bytes.substr((*header)->bytes));
      return End(MakeReplayedStream(std::move(stream_), std::move(rest),
                                    std::move((*header)->client)));
    }
  }

  void EndLate() {
    if (!done_) return;
    // Wakes what waits, and with it goes the last reference.
    stream_->Shutdown();
    End(absl::DeadlineExceededError("no PROXY header within 5s"));
  }

  void End(absl::StatusOr<std::unique_ptr<Stream>> result) {
    std::exchange(done_, nullptr)(std::move(result));
  }

  std::unique_ptr<Stream> stream_;
  Done done_;  // null after its call
  std::array<char, kProxyHeaderBytesMax> bytes_;
  size_t used_ = 0;
};

}  // namespace

void TakeProxyHeader(
    std::unique_ptr<Stream> stream,
    std::function<void(absl::StatusOr<std::unique_ptr<Stream>>)> done) {
  std::make_shared<Taking>(std::move(stream), std::move(done))->Start();
}

}  // namespace varve::net

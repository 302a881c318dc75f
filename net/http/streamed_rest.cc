#include "net/http/streamed_rest.h"

#include <algorithm>

#include "lib/base/mutex.h"
#include "lib/base/status.h"

namespace varve::http {
namespace {

// One read(2), and so the most that the handler holds beside its own.
constexpr size_t kReadBytes = 256 << 10;
// How late it may be seen that others have begun to wait.
constexpr int64_t kLookMs = 500;

// Told on the stream's strand, maybe after nobody waits any more.
struct Readable {
  base::Mutex mutex;
  base::CondVar changed;
  bool is GUARDED_BY(mutex) = false;
};

}  // namespace

StreamedRest::StreamedRest(ServerCore& core, const Route& route,
                           net::Stream* stream, RequestParser* parser,
                           std::string* unread, bool* body_unread)
    : core_(core),
      route_(route),
      timeout_ms_(absl::ToInt64Milliseconds(core.options.read_timeout)),
      stream_(stream),
      parser_(parser),
      unread_(unread),
      body_unread_(body_unread),
      timeout_window_(timeout_ms_),
      rate_window_(timeout_ms_ / 3) {}

absl::Status StreamedRest::Read(std::string& piece) {
  piece.clear();
  if (failed_.ok() && *body_unread_) failed_ = Fill();
  RETURN_IF_ERROR(failed_);
  piece.swap(parser_->body());
  if (parser_->beast.is_done()) *body_unread_ = false;
  return absl::OkStatus();
}

absl::Status StreamedRest::Fill() {
  RETURN_IF_ERROR(Parse());
  while (parser_->body().empty() && !parser_->beast.is_done()) {
    RETURN_IF_ERROR(Receive());
    RETURN_IF_ERROR(Parse());
  }
  return absl::OkStatus();
}

absl::Status StreamedRest::Parse() {
  namespace beast_http = boost::beast::http;
  std::string_view bytes = *unread_;
  boost::system::error_code error;
  while (!bytes.empty() && !parser_->beast.is_done() && !error) {
    const size_t used = parser_->beast.put(
        boost::asio::const_buffer(bytes.data(), bytes.size()), error);
    bytes.remove_prefix(std::min(used, bytes.size()));
    if (used == 0) break;
  }
  unread_->erase(0, unread_->size() - bytes.size());
  if (error && error != beast_http::error::need_more) {
    return base::InvalidArgument("cannot parse the HTTP request: ",
                                 error.message());
  }
  if (parser_->body().empty() && !parser_->beast.is_done() &&
      unread_->size() > kHeadBytesMax) {
    return base::InvalidArgument("a chunk's head or the trailer is over ",
                                 kHeadBytesMax, " bytes");
  }
  return absl::OkStatus();
}

absl::Status StreamedRest::Receive() {
  if (buffer_ == nullptr) {
    buffer_ = std::make_unique_for_overwrite<char[]>(kReadBytes);
  }
  net::IoResult got = stream_->Read({buffer_.get(), kReadBytes});
  while (got.code == net::IoResult::Code::kWouldBlock) {
    RETURN_IF_ERROR(AwaitReadable());
    got = stream_->Read({buffer_.get(), kReadBytes});
  }
  if (got.code == net::IoResult::Code::kClosed) {
    return base::Cancelled("the client ", stream_->peer_address(),
                           " has gone in the midst of its body");
  }
  unread_->append(buffer_.get(), got.bytes);
  timeout_window_.Came(got.bytes);
  rate_window_.Came(got.bytes);
  return absl::OkStatus();
}

absl::Status StreamedRest::CheckPace(int64_t waited_ms) {
  constexpr auto kLeast = static_cast<int64_t>(kStreamedBytesMin);
  const auto timeout = timeout_window_.Waited(waited_ms);
  if (timeout && timeout->bytes < kLeast) {
    return TooSlow(*timeout, base::StrCat("the limit is ", kLeast,
                                          " bytes in ", timeout_ms_, " ms"));
  }
  const auto recent = rate_window_.Waited(waited_ms);
  const int64_t rate = route_.streamed_rate_min;
  if (recent && recent->bytes * 1000 < recent->waited_ms * rate &&
      core_.StreamsWait()) {
    return TooSlow(*recent,
                   base::StrCat("others wait for its place, and ",
                                LimitText(route_.streamed_rate_flag, rate),
                                " per second"));
  }
  return absl::OkStatus();
}

absl::Status StreamedRest::TooSlow(const PaceWindow::Window& sent,
                                   std::string_view limit) {
  core_.slow_streams->Increment();
  return base::Unavailable("the client ", stream_->peer_address(), " sent ",
                           sent.bytes, " bytes of its body in ",
                           sent.waited_ms, " ms of waiting for it; ", limit);
}

absl::Status StreamedRest::AwaitReadable() {
  const auto readable = std::make_shared<Readable>();
  stream_->WhenReadable([readable] {
    base::MutexLock lock(readable->mutex);
    readable->is = true;
    readable->changed.NotifyAll();
  });
  const int64_t start_ms = SteadyMs();
  int64_t seen_ms = start_ms;
  base::MutexLock lock(readable->mutex);
  while (!readable->is) {
    const int64_t left_ms = start_ms + timeout_ms_ - seen_ms;
    if (left_ms <= 0) {
      return TooSlow({.bytes = 0, .waited_ms = seen_ms - start_ms},
                     "it is given up");
    }
    readable->changed.WaitFor(
        lock, absl::Milliseconds(std::min(left_ms, kLookMs)));
    const int64_t before_ms = std::exchange(seen_ms, SteadyMs());
    RETURN_IF_ERROR(CheckPace(seen_ms - before_ms));
  }
  return absl::OkStatus();
}

}  // namespace varve::http

// The rest of a streamed body, read in the handler's thread.
//
// Its client must send, of each read_timeout that it was waited for,
// kStreamedBytesMin; while others wait for the thread it must keep to the
// route's rate, too, which is looked at after a third of that time.
//
// Lifetime: while the handler runs, when its thread owns the connection.
#ifndef VARVE_NET_HTTP_STREAMED_REST_H_
#define VARVE_NET_HTTP_STREAMED_REST_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "net/http/request_parser.h"
#include "net/http/server.h"
#include "net/http/server_core.h"
#include "net/tcp/stream.h"

namespace varve::http {

// What came while it was waited for: a window of waiting at a time.
class PaceWindow {
 public:
  struct Window {
    int64_t bytes = 0;
    int64_t waited_ms = 0;
  };
  explicit PaceWindow(int64_t ms) : ms_(ms) {}

  void Came(size_t bytes) { now_.bytes += static_cast<int64_t>(bytes); }
  // The window that ends with this wait, if one does.
  std::optional<Window> Waited(int64_t ms) {
    now_.waited_ms += ms;
    if (now_.waited_ms < ms_) return std::nullopt;
    return std::exchange(now_, {});
  }

 private:
  const int64_t ms_;
  Window now_;
};

class StreamedRest final : public BodyStream {
 public:
  // All are the connection's: `unread` is what it has received and not parsed;
  // `body_unread` is set to false at the body's end.
  StreamedRest(ServerCore& core, const Route& route, net::Stream* stream,
               RequestParser* parser, std::string* unread, bool* body_unread);

  absl::Status Read(std::string& piece) override;
  bool Ends() override { return core_.stopping || stream_->PeerGone(); }

 private:
  // Bytes of the body, or its end.
  absl::Status Fill();
  // From *unread_ into the parser.
  absl::Status Parse();
  // From the stream into *unread_.
  absl::Status Receive();
  absl::Status AwaitReadable();
  // An error when the client has sent too little for the time it took, of
  // which `waited_ms` are new.
  absl::Status CheckPace(int64_t waited_ms);
  // Counts it; `limit` says what is asked of clients.
  absl::Status TooSlow(const PaceWindow::Window& sent, std::string_view limit);

  ServerCore& core_;
  const Route& route_;
  const int64_t timeout_ms_;
  net::Stream* const stream_;
  RequestParser* const parser_;
  std::string* const unread_;
  bool* const body_unread_;
  PaceWindow timeout_window_;
  PaceWindow rate_window_;
  std::unique_ptr<char[]> buffer_;
  absl::Status failed_;
};

}  // namespace varve::http

#endif  // VARVE_NET_HTTP_STREAMED_REST_H_

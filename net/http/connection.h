// One client's connection: reads requests, runs handlers, one at a time.
//
// Between requests and while bytes come, it runs on its stream's strand. While
// a handler runs, the pool's thread owns everything here but the atomics; it
// hands back by waiting for the next bytes as its last act.
//
// Lifetime: by the waiting read, the running handler, and nobody else; the
//           destructor takes it out of ServerCore::connections.
#ifndef VARVE_NET_HTTP_CONNECTION_H_
#define VARVE_NET_HTTP_CONNECTION_H_

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/http/response.h"
#include "net/http/server.h"
#include "net/http/server_core.h"
#include "net/tcp/stream.h"

namespace varve::http {

struct RequestParser;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<ServerCore> core,
             std::unique_ptr<net::Stream> stream);
  ~Connection();

  // Once, after construction; from any thread.
  void Start();

  // From any thread: closes what is over its time, what is idle, all.
  void CloseIfLate(int64_t now_ms);
  void CloseIfIdle();
  void Close();

 private:
  enum class Phase : uint8_t { kIdle, kHead, kBody, kHandling, kLingering };

  void WaitForBytes();
  void ReadBytes();
  // False when reading must pause: a handler runs or the end is near.
  bool Consume(std::string_view bytes);
  bool ParseAll(std::string_view& bytes);
  bool ParseSome(std::string_view& bytes);
  void BeginHead();
  bool HeadDone();
  bool FillRequest();
  bool CheckBasicAuth();
  bool RefuseBody(uint64_t length);
  bool StripPrefix(std::string_view& path,
                   std::span<const std::string>& parts) const;
  bool AccountBody();
  bool TakeStreamPlace();
  // All of the body is there, or as much as a streaming handler begins with.
  bool ReadyForHandler() const;
  void Dispatch();
  void RunHandler();
  bool CheckAuthKey(ResponseWriter& writer);
  void ReleaseRequest();
  // Answers without a handler; false when the connection ends with it.
  bool Answer(int status, std::string_view text, const Arguments& headers = {});
  void Linger();
  AnswerTraits Traits(bool keep_alive) const;
  void SetDeadline(absl::Duration from_now);

  const std::shared_ptr<ServerCore> core_;
  const std::unique_ptr<net::Stream> stream_;
  const int64_t close_after_ms_;  // steady; connection_age_max with jitter
  std::atomic<Phase> phase_{Phase::kIdle};
  std::atomic<int64_t> deadline_ms_;

  std::unique_ptr<RequestParser> parser_;
  std::string unread_;  // received, not yet parsed
  Request request_;
  const CoreRoute* route_ = nullptr;  // of request_; null: answered here
  bool keep_alive_ = true;
  bool http_1_0_ = false;
  bool ends_ = false;  // closed by us
  bool body_unread_ = false;  // of a streamed body; the handler's
  bool has_stream_place_ = false;  // one of ServerCore::streams
  int64_t accounted_bytes_ = 0;
  int64_t lingered_bytes_ = 0;
};

}  // namespace varve::http

#endif  // VARVE_NET_HTTP_CONNECTION_H_

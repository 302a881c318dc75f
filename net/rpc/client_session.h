// The client's side of one connection: its calls by id. For tcp_channel.cc.
//
// Threads: Begin, Credit and Forget from any thread.
#ifndef VARVE_NET_RPC_CLIENT_SESSION_H_
#define VARVE_NET_RPC_CLIENT_SESSION_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "lib/base/mutex.h"
#include "net/rpc/answer_queue.h"
#include "net/rpc/framed_stream.h"
#include "net/rpc/rpc.h"

namespace varve::rpc {

// Ends at once with the given error.
class FailedCall final : public Call {
 public:
  explicit FailedCall(absl::Status status) : status_(std::move(status)) {}
  absl::StatusOr<std::optional<std::string>> Next(int64_t) override {
    return status_;
  }

 private:
  const absl::Status status_;
};

class ClientSession final : public FramedStream {
 public:
  struct Events {
    // On the loop: the server's HELLO, or the end with its reason.
    std::function<void(std::string hello)> greeted;
    std::function<void(const absl::Status&)> closed;
  };
  ClientSession(std::unique_ptr<net::Stream> stream, Events events);

  // Sends the greeting and starts reading.
  void Greet(std::string hello);
  std::unique_ptr<Call> Begin(Method method, std::string payload);
  // Every `interval`: pings when it was quiet for as long, closes after
  // `silence_max`.
  void KeepAlive(absl::Duration interval, absl::Duration silence_max);

  // For calls: the reader consumed `bytes`; the reader is gone.
  void Credit(uint64_t call, uint32_t bytes);
  void Forget(uint64_t call);

 protected:
  void OnFrame(Frame frame) override;
  void OnClosed(const absl::Status& status) override;

 private:
  std::shared_ptr<AnswerQueue> Find(uint64_t call, bool remove);

  Events events_;         // on the strand
  bool greeted_ = false;  // on the strand
  base::Mutex calls_mutex_;
  uint64_t next_call_ GUARDED_BY(calls_mutex_) = 1;
  bool closed_ GUARDED_BY(calls_mutex_) = false;
  std::map<uint64_t, std::shared_ptr<AnswerQueue>> calls_
      GUARDED_BY(calls_mutex_);
};

}  // namespace varve::rpc

#endif  // VARVE_NET_RPC_CLIENT_SESSION_H_

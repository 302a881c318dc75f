// The server's side of one connection. For tcp_server.cc.
#ifndef VARVE_NET_RPC_SERVER_SESSION_H_
#define VARVE_NET_RPC_SERVER_SESSION_H_

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lib/base/mutex.h"
#include "lib/base/thread_pool.h"
#include "net/rpc/answer_queue.h"
#include "net/rpc/framed_stream.h"
#include "net/rpc/rpc.h"
#include "net/rpc/tcp_server.h"

namespace varve::rpc {

class ServerSession;
class SessionServerCall;

// What the sessions of one server share.
struct ServerCore {
  Service* service = nullptr;
  TcpServerOptions options;

  base::Mutex mutex;
  base::CondVar changed;
  base::ThreadPool* pool GUARDED_BY(mutex) = nullptr;  // null: stopped
  bool refusing GUARDED_BY(mutex) = false;
  int64_t running GUARDED_BY(mutex) = 0;  // uses of service, queued ones too
  std::set<std::shared_ptr<ServerSession>> sessions GUARDED_BY(mutex);
  std::vector<std::weak_ptr<FramedStream>> paused GUARDED_BY(mutex);
  std::atomic<int64_t> request_bytes{0};

  // False when the server takes no more calls.
  bool Submit(std::shared_ptr<SessionServerCall> call);
  void CallEnded(int64_t request_bytes_freed);
  // Around a use of `service` on the loop; false once the server has stopped.
  bool Enter();
  void Leave();
};

class ServerSession final : public FramedStream {
 public:
  ServerSession(std::shared_ptr<ServerCore> core,
                std::unique_ptr<net::Stream> stream);

  // Starts reading and the greeting's time limit.
  void Open();
  void CallEnded(uint64_t call);
  void CancelCalls();
  const std::string& peer_hello() const { return peer_hello_; }
  bool greeted() const { return greeted_; }
  // None of its calls is under way.
  bool idle() {
    base::MutexLock lock(calls_mutex_);
    return calls_.empty();
  }

 protected:
  void OnFrame(Frame frame) override;
  void OnClosed(const absl::Status& status) override;
  bool MayRead() override;

 private:
  void Greeting(Frame frame);
  void Request(Frame frame);
  void Refuse(const absl::Status& status);
  std::shared_ptr<SessionServerCall> Find(uint64_t call);

  const std::shared_ptr<ServerCore> core_;
  std::atomic<bool> greeted_{false};
  std::string peer_hello_;  // constant once greeted
  base::Mutex calls_mutex_;
  std::map<uint64_t, std::shared_ptr<SessionServerCall>> calls_
      GUARDED_BY(calls_mutex_);
};

class SessionServerCall final : public ServerCall {
 public:
  SessionServerCall(std::shared_ptr<ServerSession> session, Frame request)
      : session_(std::move(session)), request_(std::move(request)) {}

  // On a pool thread: the handler, then the end.
  void Run(ServerCore& core);
  // Answers without a handler.
  void EndWith(const absl::Status& status);
  void Credit(size_t bytes) { gate_.Add(bytes); }
  void Cancel() { gate_.Cancel(); }

  Method method() const override { return request_.method; }
  std::string_view payload() const override { return request_.payload; }
  const std::string& peer_hello() const override {
    return session_->peer_hello();
  }
  const std::string& peer_address() const override {
    return session_->peer_address();
  }
  absl::Status Send(std::string_view payload) override;
  bool cancelled() const override { return gate_.cancelled(); }

 private:
  const std::shared_ptr<ServerSession> session_;
  const Frame request_;
  mutable CreditGate gate_;
};

}  // namespace varve::rpc

#endif  // VARVE_NET_RPC_SERVER_SESSION_H_

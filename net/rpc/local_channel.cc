#include "net/rpc/local_channel.h"

#include <vector>

#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/base/thread_pool.h"
#include "net/rpc/answer_queue.h"

namespace varve::rpc {
namespace {

// Shared by the caller's and the handler's side.
struct LocalCallState {
  AnswerQueue answers;
  CreditGate gate;

  void End(absl::Status status) {
    // In this order: the handler's own end must not come first.
    answers.End(std::move(status));
    gate.Cancel();
  }
};

class LocalCall final : public Call {
 public:
  explicit LocalCall(std::shared_ptr<LocalCallState> state)
      : state_(std::move(state)) {}
  ~LocalCall() override {
    state_->answers.OnReady(nullptr);
    state_->gate.Cancel();
  }
  absl::StatusOr<std::optional<std::string>> Next(
      int64_t deadline_steady_ms) override {
    ASSIGN_OR_RETURN(std::optional<std::string> message,
                     state_->answers.Next(deadline_steady_ms));
    if (message) state_->gate.Add(message->size());
    return message;
  }
  bool ready() override { return state_->answers.ready(); }
  void OnReady(std::function<void()> callback) override {
    state_->answers.OnReady(std::move(callback));
  }

 private:
  const std::shared_ptr<LocalCallState> state_;
};

class LocalServerCall final : public ServerCall {
 public:
  LocalServerCall(std::shared_ptr<LocalCallState> state, Method method,
                  std::string payload, const std::string& hello)
      : state_(std::move(state)),
        method_(method),
        payload_(std::move(payload)),
        hello_(hello) {}

  Method method() const override { return method_; }
  std::string_view payload() const override { return payload_; }
  const std::string& peer_hello() const override { return hello_; }
  const std::string& peer_address() const override { return address_; }
  absl::Status Send(std::string_view payload) override {
    RETURN_IF_ERROR(state_->gate.Take(payload.size()));
    state_->answers.Push(std::string(payload));
    return absl::OkStatus();
  }
  bool cancelled() const override { return state_->gate.cancelled(); }

 private:
  const std::shared_ptr<LocalCallState> state_;
  const Method method_;
  const std::string payload_;
  const std::string& hello_;  // of the channel, which waits for us
  const std::string address_ = "local";
};

std::unique_ptr<Call> Failed(absl::Status status) {
  auto state = std::make_shared<LocalCallState>();
  state->End(std::move(status));
  return std::make_unique<LocalCall>(std::move(state));
}

}  // namespace

struct LocalChannel::Core {
  Core(std::string address, Service* service, std::string hello,
       int handler_threads_max)
      : address(std::move(address)),
        service(service),
        hello(std::move(hello)),
        accepted(service->Accept(this->hello)),
        connected(accepted.ok()),
        pool("rpc-local", static_cast<size_t>(handler_threads_max)) {}

  const std::string address;
  Service* const service;
  const std::string hello;
  const absl::Status accepted;
  base::Mutex mutex;
  bool connected GUARDED_BY(mutex);
  uint64_t epoch GUARDED_BY(mutex) = 1;
  std::vector<std::weak_ptr<LocalCallState>> calls GUARDED_BY(mutex);
  base::ThreadPool pool;  // last: its destructor runs what uses the rest
};

LocalChannel::LocalChannel(std::string address, Service* service,
                           std::string hello, int handler_threads_max)
    : core_(std::make_unique<Core>(std::move(address), service,
                                   std::move(hello), handler_threads_max)) {}

LocalChannel::~LocalChannel() { SetConnected(false); }

std::unique_ptr<Call> LocalChannel::Start(Method method,
                                          std::string payload) {
  auto state = std::make_shared<LocalCallState>();
  {
    base::MutexLock lock(core_->mutex);
    if (!core_->connected) {
      return Failed(base::Unavailable(core_->address, " is not connected",
                                      core_->accepted.ok() ? "" : ": ",
                                      base::Message(core_->accepted)));
    }
    std::erase_if(core_->calls,
                  [](const auto& weak) { return weak.expired(); });
    core_->calls.push_back(state);
  }
  auto call = std::make_shared<LocalServerCall>(
      state, method, std::move(payload), core_->hello);
  core_->pool.Submit([service = core_->service, state, call] {
    state->answers.End(state->gate.cancelled()
                           ? base::Cancelled("cancelled before it began")
                           : service->Handle(*call));
  });
  return std::make_unique<LocalCall>(std::move(state));
}

void LocalChannel::SetConnected(bool connected) {
  std::vector<std::weak_ptr<LocalCallState>> ended;
  {
    base::MutexLock lock(core_->mutex);
    connected = connected && core_->accepted.ok();
    if (connected && !core_->connected) ++core_->epoch;
    if (!connected) ended.swap(core_->calls);
    core_->connected = connected;
  }
  for (const auto& weak : ended) {
    if (const auto state = weak.lock()) {
      state->End(base::Unavailable(core_->address, " is gone"));
    }
  }
}

bool LocalChannel::connected() const {
  base::MutexLock lock(core_->mutex);
  return core_->connected;
}

std::string LocalChannel::peer_hello() const {
  return connected() ? core_->service->Hello() : "";
}

uint64_t LocalChannel::connection_epoch() const {
  base::MutexLock lock(core_->mutex);
  return core_->epoch;
}

const std::string& LocalChannel::address() const { return core_->address; }

}  // namespace varve::rpc

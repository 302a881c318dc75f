#include "net/rpc/client_session.h"

#include "lib/base/byte_coding.h"
#include "lib/base/clock.h"
#include "lib/base/status.h"

namespace varve::rpc {
namespace {

// The server learns of consumed bytes in steps of this: a quarter of what it
// may have outstanding, so that it never waits for what is already read.
constexpr size_t kCreditStepBytes = kCreditBytes / 4;

class SessionCall final : public Call {
 public:
  SessionCall(std::shared_ptr<ClientSession> session, uint64_t id,
              std::shared_ptr<AnswerQueue> answers)
      : session_(std::move(session)), id_(id), answers_(std::move(answers)) {}

  ~SessionCall() override {
    answers_->OnReady(nullptr);
    if (!answers_->ended()) session_->Forget(id_);
  }

  absl::StatusOr<std::optional<std::string>> Next(
      int64_t deadline_steady_ms) override {
    ASSIGN_OR_RETURN(std::optional<std::string> message,
                     answers_->Next(deadline_steady_ms));
    if (message) {
      unreported_bytes_ += message->size();
      if (unreported_bytes_ >= kCreditStepBytes && !answers_->ended()) {
        session_->Credit(id_, static_cast<uint32_t>(unreported_bytes_));
        unreported_bytes_ = 0;
      }
    }
    return message;
  }
  bool ready() override { return answers_->ready(); }
  void OnReady(std::function<void()> callback) override {
    answers_->OnReady(std::move(callback));
  }

 private:
  const std::shared_ptr<ClientSession> session_;
  const uint64_t id_;
  const std::shared_ptr<AnswerQueue> answers_;
  size_t unreported_bytes_ = 0;
};

}  // namespace

ClientSession::ClientSession(std::unique_ptr<net::Stream> stream,
                             Events events)
    : FramedStream(std::move(stream)), events_(std::move(events)) {}

void ClientSession::Greet(std::string hello) {
  (void)Send(FrameKind::kHello, 0, 0, std::move(hello));  // reading tells
  Start();
}

std::unique_ptr<Call> ClientSession::Begin(Method method,
                                           std::string payload) {
  if (payload.size() > kPayloadBytesMax) {
    return std::make_unique<FailedCall>(base::InvalidArgument(
        "a request of ", payload.size(), " bytes is over the limit of ",
        kPayloadBytesMax));
  }
  auto answers = std::make_shared<AnswerQueue>();
  uint64_t id = 0;
  {
    base::MutexLock lock(calls_mutex_);
    if (closed_) {
      return std::make_unique<FailedCall>(base::Unavailable(
          "the connection to ", peer_address(), " is lost"));
    }
    id = next_call_++;
    calls_.emplace(id, answers);
  }
  if (!Send(FrameKind::kRequest, method, id, std::move(payload))) {
    if (Find(id, /*remove=*/true)) {
      answers->End(base::Unavailable(
          "too much waits to be sent to ", peer_address(),
          ", or its connection is lost"));
    }
  }
  return std::make_unique<SessionCall>(
      std::static_pointer_cast<ClientSession>(shared_from_this()), id,
      std::move(answers));
}

void ClientSession::KeepAlive(absl::Duration interval,
                              absl::Duration silence_max) {
  std::weak_ptr<FramedStream> weak = weak_from_this();
  strand().After(interval, [weak, interval, silence_max] {
    const auto self = std::static_pointer_cast<ClientSession>(weak.lock());
    if (!self) return;
    const absl::Duration quiet = absl::Milliseconds(
        base::SystemClock().SteadyMs() - self->last_read_steady_ms());
    if (quiet >= silence_max) {
      self->Close(base::Unavailable(self->peer_address(), " was silent for ",
                                    absl::FormatDuration(quiet)));
      return;
    }
    if (quiet >= interval) {
      (void)self->Send(FrameKind::kPing, 0, 0, "");  // silence tells
    }
    self->KeepAlive(interval, silence_max);
  });
}

void ClientSession::Credit(uint64_t call, uint32_t bytes) {
  std::string payload;
  base::PutFixedLe(payload, bytes);
  (void)Send(FrameKind::kCredit, 0, call, std::move(payload));  // lost: ended
}

void ClientSession::Forget(uint64_t call) {
  if (Find(call, /*remove=*/true)) {
    (void)Send(FrameKind::kCancel, 0, call, "");  // lost: cancelled anyway
  }
}

std::shared_ptr<AnswerQueue> ClientSession::Find(uint64_t call, bool remove) {
  base::MutexLock lock(calls_mutex_);
  const auto found = calls_.find(call);
  if (found == calls_.end()) return nullptr;
  std::shared_ptr<AnswerQueue> answers = found->second;
  if (remove) calls_.erase(found);
  return answers;
}

void ClientSession::OnFrame(Frame frame) {
  if (!greeted_) {
    if (frame.kind == FrameKind::kRefuse) {
      return Close(DecodeStatus(frame.payload));
    }
    if (frame.kind != FrameKind::kHello) {
      return Close(base::DataLoss(peer_address(), " does not greet"));
    }
    greeted_ = true;
    if (events_.greeted) events_.greeted(std::move(frame.payload));
    return;
  }
  switch (frame.kind) {
    case FrameKind::kAnswer:
      // Unknown ids are calls given up meanwhile.
      if (const auto answers = Find(frame.call, /*remove=*/false)) {
        answers->Push(std::move(frame.payload));
      }
      return;
    case FrameKind::kEnd:
      if (const auto answers = Find(frame.call, /*remove=*/true)) {
        answers->End(DecodeStatus(frame.payload));
      }
      return;
    case FrameKind::kPong:
      return;
    default:
      Close(base::DataLoss(peer_address(), " sent a frame of kind ",
                           int{static_cast<uint8_t>(frame.kind)}));
  }
}

void ClientSession::OnClosed(const absl::Status& status) {
  std::map<uint64_t, std::shared_ptr<AnswerQueue>> calls;
  {
    base::MutexLock lock(calls_mutex_);
    closed_ = true;
    calls.swap(calls_);
  }
  // Whatever broke it, the caller's choice is another replica or a retry.
  const absl::Status lost = base::Unavailable(base::Message(status));
  for (const auto& [id, answers] : calls) answers->End(lost);
  const Events events = std::exchange(events_, {});
  if (events.closed) events.closed(status);
}

}  // namespace varve::rpc

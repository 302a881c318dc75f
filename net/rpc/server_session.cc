#include "net/rpc/server_session.h"

#include "lib/base/byte_coding.h"
#include "lib/base/log.h"
#include "lib/base/status.h"

namespace varve::rpc {
namespace {

// Calls of one connection at a time; a select node has some hundreds.
constexpr size_t kCallsMax = 10'000;

}  // namespace

bool ServerCore::Submit(std::shared_ptr<SessionServerCall> call) {
  base::MutexLock lock(mutex);
  if (pool == nullptr || refusing) return false;
  ++running;
  pool->Submit([this, call = std::move(call)] { call->Run(*this); });
  return true;
}

void ServerCore::CallEnded(int64_t request_bytes_freed) {
  const int64_t left = request_bytes -= request_bytes_freed;
  std::vector<std::weak_ptr<FramedStream>> resumed;
  {
    base::MutexLock lock(mutex);
    --running;
    changed.NotifyAll();
    if (left < options.request_bytes_max) resumed.swap(paused);
  }
  for (const auto& weak : resumed) {
    if (const auto stream = weak.lock()) stream->Resume();
  }
}

bool ServerCore::Enter() {
  base::MutexLock lock(mutex);
  if (pool == nullptr) return false;
  ++running;
  return true;
}

void ServerCore::Leave() {
  base::MutexLock lock(mutex);
  --running;
  changed.NotifyAll();
}

void SessionServerCall::Run(ServerCore& core) {
  const auto request_bytes = static_cast<int64_t>(request_.payload.size());
  const std::shared_ptr<ServerSession> session = session_;
  absl::Status status = base::Cancelled("cancelled before it began");
  if (!gate_.cancelled()) status = core.service->Handle(*this);
  // A handler that stopped early may call it a success; a caller that is still
  // there (the server stops) must not.
  if (gate_.cancelled()) status = base::Unavailable("the call was cut off");
  EndWith(status);
  session->CallEnded(request_.call);
  core.CallEnded(request_bytes);
}

void SessionServerCall::EndWith(const absl::Status& status) {
  // A lost connection has ended the call on the other side.
  (void)session_->Send(FrameKind::kEnd, request_.method, request_.call,
                       EncodeStatus(status));
}

absl::Status SessionServerCall::Send(std::string_view payload) {
  if (payload.size() > kPayloadBytesMax) {
    return base::Internal("an answer of ", payload.size(),
                          " bytes is over the limit of ", kPayloadBytesMax);
  }
  RETURN_IF_ERROR(gate_.Take(payload.size()));
  // Held back when small: with the end it makes one packet.
  if (!session_->Send(FrameKind::kAnswer, request_.method, request_.call,
                      std::string(payload), /*hold=*/true)) {
    gate_.Cancel();
    return base::Cancelled("the connection to ", session_->peer_address(),
                           " is lost");
  }
  return absl::OkStatus();
}

ServerSession::ServerSession(std::shared_ptr<ServerCore> core,
                             std::unique_ptr<net::Stream> stream)
    : FramedStream(std::move(stream)), core_(std::move(core)) {}

void ServerSession::Open() {
  Start();
  std::weak_ptr<FramedStream> weak = weak_from_this();
  strand().After(core_->options.greet_timeout, [weak] {
    const auto self = std::static_pointer_cast<ServerSession>(weak.lock());
    if (self && !self->greeted_) {
      self->Close(base::Unavailable("no greeting in time"));
    }
  });
}

void ServerSession::OnFrame(Frame frame) {
  if (!greeted_) return Greeting(std::move(frame));
  switch (frame.kind) {
    case FrameKind::kRequest:
      return Request(std::move(frame));
    case FrameKind::kCancel:
      if (const auto call = Find(frame.call)) call->Cancel();
      return;
    case FrameKind::kCredit: {
      base::ByteReader reader(frame.payload);
      const auto bytes = reader.FixedLe<uint32_t>();
      const auto call = Find(frame.call);
      if (reader.ok() && call) call->Credit(bytes);
      return;
    }
    case FrameKind::kPing:
      (void)Send(FrameKind::kPong, 0, frame.call, std::move(frame.payload));
      return;
    default:
      Close(base::DataLoss(peer_address(), " sent a frame of kind ",
                           int{static_cast<uint8_t>(frame.kind)}));
  }
}

void ServerSession::Greeting(Frame frame) {
  if (frame.kind != FrameKind::kHello) {
    return Close(base::DataLoss(peer_address(), " does not greet"));
  }
  if (!core_->Enter()) return Close(base::Unavailable("the node is stopping"));
  const absl::Status accepted = core_->service->Accept(frame.payload);
  std::string hello = accepted.ok() ? core_->service->Hello() : "";
  core_->Leave();
  if (!accepted.ok()) return Refuse(accepted);
  peer_hello_ = std::move(frame.payload);
  greeted_ = true;
  (void)Send(FrameKind::kHello, 0, 0, std::move(hello));
}

void ServerSession::Refuse(const absl::Status& status) {
  if (core_->options.refused != nullptr) core_->options.refused->Increment();
  static base::LogEvery every(10'000);
  if (every.Due()) {
    base::LogWarn("refused ", peer_address(), ": ", base::Message(status));
  }
  (void)Send(FrameKind::kRefuse, 0, 0, EncodeStatus(status));
  // The peer reads the reason and closes; the greeting's time limit else.
  FinishSending();
}

void ServerSession::Request(Frame frame) {
  const uint64_t id = frame.call;
  const auto bytes = static_cast<int64_t>(frame.payload.size());
  auto call = std::make_shared<SessionServerCall>(
      std::static_pointer_cast<ServerSession>(shared_from_this()),
      std::move(frame));
  {
    base::MutexLock lock(calls_mutex_);
    if (calls_.size() >= kCallsMax || !calls_.emplace(id, call).second) {
      lock.Unlock();
      return call->EndWith(base::ResourceExhausted(
          "call ", id, " is there already, or one of over ", kCallsMax,
          " at a time"));
    }
  }
  core_->request_bytes += bytes;
  if (!core_->Submit(call)) {
    core_->request_bytes -= bytes;
    CallEnded(id);
    call->EndWith(base::Unavailable("the node is stopping"));
  }
}

bool ServerSession::MayRead() {
  if (core_->request_bytes < core_->options.request_bytes_max) return true;
  base::MutexLock lock(core_->mutex);
  // Asked again under the lock: CallEnded resumes those in `paused` under it.
  if (core_->request_bytes < core_->options.request_bytes_max) return true;
  core_->paused.push_back(weak_from_this());
  return false;
}

std::shared_ptr<SessionServerCall> ServerSession::Find(uint64_t call) {
  base::MutexLock lock(calls_mutex_);
  const auto found = calls_.find(call);
  return found == calls_.end() ? nullptr : found->second;
}

void ServerSession::CallEnded(uint64_t call) {
  base::MutexLock lock(calls_mutex_);
  calls_.erase(call);
}

void ServerSession::CancelCalls() {
  base::MutexLock lock(calls_mutex_);
  for (const auto& [id, call] : calls_) call->Cancel();
}

void ServerSession::OnClosed(const absl::Status&) {
  CancelCalls();
  base::MutexLock lock(core_->mutex);
  core_->sessions.erase(
      std::static_pointer_cast<ServerSession>(shared_from_this()));
  core_->changed.NotifyAll();
}

}  // namespace varve::rpc

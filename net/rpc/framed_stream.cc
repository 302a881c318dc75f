#include "net/rpc/framed_stream.h"

#include <algorithm>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/status.h"
#include "net/rpc/rpc.h"

namespace varve::rpc {
namespace {

// One read(2); the buffer is the loop thread's.
constexpr size_t kReadBytes = 256 << 10;
// Reads in a row before other connections get their turn.
constexpr int kReadsInRow = 16;
// What may wait for a slow peer: two of the largest frames.
constexpr size_t kQueueBytesMax = 2 * kPayloadBytesMax;
// A frame larger than this is never held back.
constexpr size_t kHoldBytesMax = 16 << 10;

int64_t SteadyMs() { return base::SystemClock().SteadyMs(); }

}  // namespace

FramedStream::FramedStream(std::unique_ptr<net::Stream> stream)
    : stream_(std::move(stream)), last_read_ms_(SteadyMs()) {}

void FramedStream::Start() {
  strand().Post([self = shared_from_this()] { self->ReadFrames(); });
}

void FramedStream::ReadFrames() {
  static thread_local std::unique_ptr<char[]> buffer(new char[kReadBytes]);
  for (int i = 0; i < kReadsInRow; ++i) {
    if (closed_ || paused_) return;
    const net::IoResult got = stream_->Read({buffer.get(), kReadBytes});
    if (got.code == net::IoResult::Code::kClosed) {
      return HandleClosed(
          base::Unavailable("the connection to ", peer_address(), " is lost"));
    }
    if (got.code == net::IoResult::Code::kOk) {
      last_read_ms_ = SteadyMs();
      if (!Consume({buffer.get(), got.bytes})) return;
      if (got.bytes == kReadBytes) continue;
    }
    return stream_->WhenReadable(
        [self = shared_from_this()] { self->ReadFrames(); });
  }
  Start();  // others first
}

// False when reading has ended or pauses.
bool FramedStream::Consume(std::string_view bytes) {
  while (!bytes.empty()) {
    Frame frame;
    const absl::StatusOr<bool> complete = parser_.Feed(bytes, frame);
    if (!complete.ok()) {
      HandleClosed(base::Annotate(complete.status(), peer_address()));
      return false;
    }
    if (!*complete) break;
    OnFrame(std::move(frame));
    if (closed_) return false;
    if (!MayRead()) {
      paused_ = true;
      unparsed_ = std::string(bytes);
      return false;
    }
  }
  return true;
}

void FramedStream::Resume() {
  strand().Post([self = shared_from_this()] {
    if (!self->paused_ || self->closed_ || !self->MayRead()) return;
    self->paused_ = false;
    const std::string bytes = std::move(self->unparsed_);
    self->unparsed_.clear();
    if (self->Consume(bytes)) self->ReadFrames();
  });
}

void FramedStream::Close(absl::Status status) {
  strand().Post([self = shared_from_this(), status = std::move(status)] {
    self->HandleClosed(status);
  });
}

void FramedStream::HandleClosed(absl::Status status) {
  if (closed_) return;
  closed_ = true;
  {
    base::MutexLock lock(mutex_);
    broken_ = true;
    queue_.clear();
    queued_bytes_ = 0;
  }
  stream_->Shutdown();
  OnClosed(status);
}

bool FramedStream::Send(FrameKind kind, uint8_t method, uint64_t call,
                        std::string payload, bool hold) {
  Outgoing outgoing{EncodeHeader(kind, method, call, payload),
                    std::move(payload)};
  const size_t bytes = kHeaderBytes + outgoing.payload.size();
  base::MutexLock lock(mutex_);
  if (broken_ || queued_bytes_ > kQueueBytesMax) return false;
  queued_bytes_ += bytes;
  queue_.push_back(std::move(outgoing));
  if (writing_ || (hold && bytes <= kHoldBytesMax)) return true;
  writing_ = true;
  lock.Unlock();
  WriteQueued();
  return true;
}

// Called by whoever set writing_; leaves it set while a wait is under way.
void FramedStream::WriteQueued() {
  for (;;) {
    if (batch_.empty()) {
      base::MutexLock lock(mutex_);
      if (queue_.empty() || broken_) {
        writing_ = false;
        return;
      }
      batch_.swap(queue_);
      queued_bytes_ = 0;
    }
    if (!WriteBatch()) return;
  }
}

// False when the rest waits for the socket.
bool FramedStream::WriteBatch() {
  while (!batch_.empty()) {
    std::array<std::string_view, net::Stream::kPiecesMax> pieces;
    size_t count = 0;
    for (const Outgoing& frame : batch_) {
      if (count + 2 > pieces.size()) break;
      pieces[count++] = {frame.header.data(), frame.header.size()};
      pieces[count++] = frame.payload;
    }
    size_t skip = batch_done_bytes_;
    for (size_t i = 0; i < count && skip > 0; ++i) {
      const size_t cut = std::min(skip, pieces[i].size());
      pieces[i].remove_prefix(cut);
      skip -= cut;
    }
    const net::IoResult sent = stream_->Write({pieces.data(), count});
    if (sent.code == net::IoResult::Code::kWouldBlock) {
      strand().Post([self = shared_from_this()] {
        self->stream_->WhenWritable([self] { self->WriteQueued(); });
      });
      return false;
    }
    if (sent.code == net::IoResult::Code::kClosed) {
      batch_.clear();
      Close(base::Unavailable("the connection to ", peer_address(),
                              " is lost"));
      base::MutexLock lock(mutex_);
      broken_ = true;
      return true;
    }
    batch_done_bytes_ += sent.bytes;
    while (!batch_.empty() &&
           batch_done_bytes_ >= kHeaderBytes + batch_.front().payload.size()) {
      batch_done_bytes_ -= kHeaderBytes + batch_.front().payload.size();
      batch_.pop_front();
    }
  }
  return true;
}

}  // namespace varve::rpc

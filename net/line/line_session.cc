#include "net/line/line_session.h"

#include <algorithm>
#include <utility>

#include "lib/base/log.h"
#include "lib/base/status.h"
#include "net/tcp/replayed_stream.h"

namespace varve::net {
namespace {

// Room for a read: any datagram and its newline fit.
constexpr size_t kReadBytes = 64 << 10;
// Lines for one call of the sink: some thousand samples, one write's worth.
constexpr size_t kBlockBytes = 256 << 10;
// Blocks of one peer before the others have a turn.
constexpr int kBlocksPerTurn = 16;
constexpr absl::Duration kRetryPauseMin = absl::Milliseconds(50);
constexpr absl::Duration kRetryPauseMax = absl::Seconds(1);
constexpr absl::Duration kFullPause = absl::Milliseconds(100);
constexpr size_t kBufferBytesKept = 1 << 20;

bool IsRetryable(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status);
}

}  // namespace

LineSession::LineSession(std::shared_ptr<LineCore> core,
                         std::unique_ptr<Stream> stream, bool datagrams)
    : core_(std::move(core)),
      stream_(std::move(stream)),
      datagrams_(datagrams) {}

LineSession::~LineSession() {
  core_->tail_bytes -= static_cast<int64_t>(tail_.size());
  core_->pending_bytes -= static_cast<int64_t>(pending_.size());
}

void LineSession::ShutdownIfIdle(int64_t now_steady_ms) {
  if (!datagrams_ && now_steady_ms > wait_end_steady_ms_) Shutdown();
}

void LineSession::WaitForBytes() {
  const LineServerOptions& options = core_->options;
  const int64_t now_ms = base::SystemClock().SteadyMs();
  if (tail_.empty()) {
    wait_end_steady_ms_ = now_ms + absl::ToInt64Milliseconds(options.idle_max);
  } else {
    if (!tail_since_steady_ms_) tail_since_steady_ms_ = now_ms;
    wait_end_steady_ms_ = *tail_since_steady_ms_ +
                          absl::ToInt64Milliseconds(options.unfinished_max);
  }
  stream_->WhenReadable([self = shared_from_this()] { self->RunSoon(); });
}

void LineSession::RunSoon() {
  wait_end_steady_ms_ = kNoEnd;
  base::MutexLock lock(core_->mutex);
  if (core_->pool == nullptr) return;
  core_->pool->Submit([self = shared_from_this()] { self->Run(); });
}

void LineSession::RunAfter(absl::Duration pause) {
  stream_->strand().After(pause, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->RunSoon();
  });
}

void LineSession::Run() {
  Next next = Next::kRead;
  if (!pending_.empty()) next = Deliver(pending_);
  for (int i = 0; next == Next::kRead && i < kBlocksPerTurn; ++i) {
    next = ended_ ? Next::kEnd : ReadAndDeliver();
  }
  switch (next) {
    case Next::kRead:
      return RunSoon();
    case Next::kWait:
      return WaitForBytes();
    case Next::kPaused:
      tail_since_steady_ms_.reset();
      return RunAfter(pause_);
    case Next::kEnd:
      return End();
  }
}

// Only for blocks to be tried again: those go when the sink takes them, with
// no help of who is paused.
bool LineSession::MustPause() const {
  return core_->pending_bytes > core_->options.held_bytes_max && !shut_ &&
         !core_->stopping;
}

LineSession::Next LineSession::ReadAndDeliver() {
  if (MustPause()) {
    pause_ = kFullPause;
    return Next::kPaused;
  }
  static thread_local std::string buffer;
  size_t used = tail_.size();
  const size_t used_max = used + kBlockBytes;
  if (buffer.size() < used_max + kReadBytes + 1) {
    buffer.resize(used_max + kReadBytes + 1);
  }
  tail_.copy(buffer.data(), used);
  IoResult result;
  while (used < used_max) {
    result = stream_->Read({buffer.data() + used, kReadBytes});
    if (result.code != IoResult::Code::kOk) break;
    used += result.bytes;
    if (datagrams_ && buffer[used - 1] != '\n') buffer[used++] = '\n';
  }
  const std::string_view bytes(buffer.data(), used);
  ended_ = result.code == IoResult::Code::kClosed;
  if (first_bytes_ && !bytes.empty()) {
    first_bytes_ = false;
    const auto& is_other = core_->options.is_other;
    if (is_other && !datagrams_ && is_other(bytes.front())) {
      HandOver(bytes);
      return Next::kEnd;
    }
  }
  const bool by_peer = ended_ && !result.broken && !shut_;
  const std::string_view lines = Cut(bytes, by_peer);
  Next next = Next::kRead;
  if (!lines.empty()) {
    pending_received_ms_ = base::SystemClock().NowMs();
    next = Deliver(lines);
  }
  if (buffer.size() > kBufferBytesKept) std::string().swap(buffer);
  if (next == Next::kRead && result.code == IoResult::Code::kWouldBlock) {
    next = Next::kWait;
  }
  return next;
}

std::string_view LineSession::Cut(std::string_view bytes, bool ended) {
  if (skipping_) {
    const size_t end = bytes.find('\n');
    skipping_ = end == std::string_view::npos;
    bytes.remove_prefix(skipping_ ? bytes.size() : end + 1);
  }
  const size_t whole = ended ? bytes.size() : bytes.rfind('\n') + 1;
  if (whole > 0) tail_since_steady_ms_.reset();
  KeepTail(bytes.substr(whole));
  return bytes.substr(0, whole);
}

void LineSession::KeepTail(std::string_view rest) {
  const LineServerOptions& options = core_->options;
  const auto size = static_cast<int64_t>(rest.size());
  const int64_t total = core_->tail_bytes +=
      size - static_cast<int64_t>(tail_.size());
  const int64_t share =
      options.held_bytes_max / std::max<int64_t>(options.connections_max, 1);
  if (size > options.line_bytes_max ||
      (total > options.held_bytes_max && size > share)) {
    core_->tail_bytes -= size;
    rest = {};
    skipping_ = true;
    if (options.on_long_line) options.on_long_line();
  }
  if (rest.empty()) {
    std::string().swap(tail_);
    tail_since_steady_ms_.reset();
  } else {
    tail_.assign(rest);
  }
}

LineSession::Next LineSession::Deliver(std::string_view lines) {
  const absl::Status status = core_->options.sink(
      {lines, stream_->peer_address(), pending_received_ms_});
  if (IsRetryable(status) && !core_->stopping) {
    core_->retries->Increment();
    if (pending_.empty()) {
      pending_.assign(lines);
      core_->pending_bytes += static_cast<int64_t>(pending_.size());
    }
    const int doublings = std::min(tries_++, 10);
    pause_ = std::min(kRetryPauseMin * (1 << doublings), kRetryPauseMax);
    return Next::kPaused;
  }
  if (!status.ok()) {
    (datagrams_ ? core_->udp_errors : core_->tcp_errors)->Increment();
    static base::LogEvery log_every(10'000);
    if (log_every.Due()) {
      base::LogWarn(lines.size(), " bytes of ", core_->options.type,
                    " lines from ", stream_->peer_address(),
                    " were not stored: ", base::Message(status));
    }
  }
  tries_ = 0;
  core_->pending_bytes -= static_cast<int64_t>(pending_.size());
  std::string().swap(pending_);
  return Next::kRead;
}

void LineSession::HandOver(std::string_view bytes) {
  core_->options.take_other(MakeReplayedStream(stream_, std::string(bytes)));
}

void LineSession::End() {
  base::MutexLock lock(core_->mutex);
  core_->sessions.erase(shared_from_this());
  core_->session_gone.NotifyAll();
}

}  // namespace varve::net

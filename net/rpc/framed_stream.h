// A connection that carries frames: what client and server sides share.
//
// Frames are read on the stream's strand, one after another. Send writes at
// once from the calling thread when nobody else writes, and else leaves the
// frame to the one who does: no thread is switched for an answer.
//
// Lifetime: shared; kept by the waiting read until the connection ends.
// Threads:  Send, Close, Resume from any thread; On* run on the strand.
#ifndef VARVE_NET_RPC_FRAMED_STREAM_H_
#define VARVE_NET_RPC_FRAMED_STREAM_H_

#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <string>

#include "lib/base/mutex.h"
#include "net/rpc/frame.h"
#include "net/tcp/stream.h"

namespace varve::rpc {

class FramedStream : public std::enable_shared_from_this<FramedStream> {
 public:
  explicit FramedStream(std::unique_ptr<net::Stream> stream);
  virtual ~FramedStream() = default;

  // Starts reading; once.
  void Start();
  // False when the connection is closed or too much waits to be sent: the
  // frame is dropped. With `hold` a small frame may wait for the next one.
  bool Send(FrameKind kind, uint8_t method, uint64_t call, std::string payload,
            bool hold = false);
  // OnClosed will be called, once, with the first status given.
  void Close(absl::Status status);
  // Ends our side after what was sent; the peer closes the rest.
  void FinishSending() { stream_->ShutdownWrite(); }
  // Reads on after MayRead said no.
  void Resume();

  const net::Strand& strand() const { return stream_->strand(); }
  const std::string& peer_address() const { return stream_->peer_address(); }
  int64_t last_read_steady_ms() const { return last_read_ms_; }

 protected:
  virtual void OnFrame(Frame frame) = 0;
  virtual void OnClosed(const absl::Status& status) = 0;
  // False stops reading until Resume.
  virtual bool MayRead() { return true; }

 private:
  struct Outgoing {
    std::array<char, kHeaderBytes> header;
    std::string payload;
  };

  void ReadFrames();
  bool Consume(std::string_view bytes);
  void HandleClosed(absl::Status status);
  void WriteQueued();
  bool WriteBatch();

  const std::unique_ptr<net::Stream> stream_;
  FrameParser parser_;         // on the strand
  bool closed_ = false;        // on the strand
  bool paused_ = false;        // on the strand
  std::string unparsed_;       // on the strand; while paused
  std::atomic<int64_t> last_read_ms_;

  base::Mutex mutex_;
  std::deque<Outgoing> queue_ GUARDED_BY(mutex_);
  size_t queued_bytes_ GUARDED_BY(mutex_) = 0;
  bool writing_ GUARDED_BY(mutex_) = false;
  bool broken_ GUARDED_BY(mutex_) = false;
  // Of whoever set writing_.
  std::deque<Outgoing> batch_;
  size_t batch_done_bytes_ = 0;  // of the first frame of batch_
};

}  // namespace varve::rpc

#endif  // VARVE_NET_RPC_FRAMED_STREAM_H_

// One connection's bytes, plain today, TLS behind the same calls.
//
// Reads and writes never block: they say kWouldBlock, and WhenReadable or
// WhenWritable tells when to try again. So an idle connection holds no buffer
// and a pool thread may write an answer without a hop through the loop.
//
// Threads: one reader and one writer at a time, who may differ; Shutdown from
//          any thread. When* callbacks run on strand().
#ifndef VARVE_NET_TCP_STREAM_H_
#define VARVE_NET_TCP_STREAM_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "net/tcp/event_loop.h"

namespace varve::net {

// What went through one listener or dialer; its owner shows it as metrics.
struct TrafficCounters {
  std::atomic<int64_t> accepts{0};
  std::atomic<int64_t> accept_errors{0};
  std::atomic<int64_t> connections{0};  // open now
  std::atomic<int64_t> read_bytes{0};
  std::atomic<int64_t> written_bytes{0};
  std::atomic<int64_t> dials{0};
  std::atomic<int64_t> dial_errors{0};
};

struct IoResult {
  enum class Code : uint8_t { kOk, kWouldBlock, kClosed };
  Code code = Code::kOk;
  size_t bytes = 0;  // of kOk; above 0
  // Of a read's kClosed: an error, not the end that the peer has sent.
  bool broken = false;
};

class Stream {
 public:
  virtual ~Stream() = default;

  // REQUIRES: `buffer` is not empty. kClosed: end of stream or an error.
  virtual IoResult Read(std::span<char> buffer) = 0;
  // May take fewer bytes than the pieces hold. REQUIRES: some bytes; at most
  // kPiecesMax pieces.
  static constexpr size_t kPiecesMax = 16;
  virtual IoResult Write(std::span<const std::string_view> pieces) = 0;

  // Calls `ready` once, on strand(); also when the connection ended.
  virtual void WhenReadable(std::function<void()> ready) = 0;
  virtual void WhenWritable(std::function<void()> ready) = 0;

  // Blocks the calling thread until all is written: Cancelled when the peer
  // has gone or took nothing for `stall_max`.
  virtual absl::Status WriteAll(std::string_view bytes,
                                absl::Duration stall_max) = 0;
  // The peer has closed its side or the connection is broken, whether or not
  // all its bytes are read; may be called while nobody reads.
  virtual bool PeerGone() = 0;

  // Ends both directions: all reads and writes say kClosed from now on, the
  // waiting ones wake. The descriptor is closed by the destructor.
  virtual void Shutdown() = 0;
  // Ends the sending side: the peer reads the end after what was written.
  virtual void ShutdownWrite() = 0;

  virtual const Strand& strand() const = 0;
  virtual const std::string& peer_address() const = 0;  // host:port
  virtual const std::string& local_address() const = 0;
};

}  // namespace varve::net

#endif  // VARVE_NET_TCP_STREAM_H_

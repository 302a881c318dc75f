// Writes one answer onto a connection. For net/http's .cc files.
//
// The first kHoldBytes of a streamed answer are held back: an answer that ends
// within them gets a Content-Length and needs no chunks.
//
// Threads: belongs to the handler's.
#ifndef VARVE_NET_HTTP_RESPONSE_H_
#define VARVE_NET_HTTP_RESPONSE_H_

#include <atomic>
#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "lib/compress/compress.h"
#include "net/http/server.h"
#include "net/tcp/stream.h"

namespace varve::http {

// Also the size of chunks: large enough for the codecs, small for memory.
inline constexpr size_t kHoldBytes = 32 << 10;
// Below it, compression costs more bytes of headers than it saves.
inline constexpr size_t kCompressBytesMin = 1024;

enum class Coding : uint8_t { kNone, kGzip, kZstd };
// gzip before zstd (clients announce zstd and cannot read it: issue 455 of
// VictoriaMetrics' Grafana data source); q=0 refuses.
Coding ChooseCoding(std::string_view accept_encoding);

std::string_view ReasonPhrase(int status);

struct AnswerTraits {
  bool keep_alive = true;
  bool http_1_0 = false;
  bool head_only = false;
  bool cors = true;
  Coding coding = Coding::kNone;
  std::string_view hostname;
  // Looked at when the head is written: true ends keep_alive.
  const std::atomic<bool>* closing = nullptr;
  // Likewise; of the thread that writes: some of the request is unread.
  const bool* body_unread = nullptr;
};

// The head of an answer up to and with its empty line. `length` < 0: chunked
// or up to the end of the connection.
std::string AnswerHead(int status, std::string_view content_type,
                       const Arguments& headers, const AnswerTraits& traits,
                       Coding coding, int64_t length);

class StreamedResponse final : public ResponseWriter {
 public:
  StreamedResponse(net::Stream* stream, AnswerTraits traits)
      : stream_(stream), traits_(traits) {}

  void SetHeader(std::string name, std::string value) override;
  void Send(int status, std::string_view content_type,
            std::string_view body) override;
  void Begin(int status, std::string_view content_type) override;
  absl::Status Write(std::string_view bytes) override;
  void Abort() override;
  bool client_gone() const override;

  // After the handler: sends what is missing. True when the connection can
  // take the next request.
  bool Finish();
  int status() const { return status_; }

 private:
  enum class State : uint8_t { kNothing, kHeld, kStreaming, kDone, kBroken };

  void SendWhole(std::string_view body);
  std::string Head(Coding coding, int64_t length);
  absl::Status StartStreaming();
  absl::Status SendHeld(bool last);
  absl::Status Put(std::string_view bytes);

  net::Stream* const stream_;
  AnswerTraits traits_;
  // Written by the handler; client_gone() may be asked from elsewhere.
  std::atomic<State> state_{State::kNothing};
  int status_ = 0;
  std::string content_type_;
  Arguments headers_;
  std::string held_;  // not yet sent, not yet compressed
  std::unique_ptr<compress::StreamCompressor> compressor_;
};

}  // namespace varve::http

#endif  // VARVE_NET_HTTP_RESPONSE_H_

#include "net/tcp/replayed_stream.h"

#include <algorithm>
#include <utility>

namespace varve::net {
namespace {

class ReplayedStream final : public Stream {
 public:
  ReplayedStream(std::shared_ptr<Stream> stream, std::string first_bytes,
                 std::string peer_address)
      : stream_(std::move(stream)),
        peer_address_(peer_address.empty() ? stream_->peer_address()
                                           : std::move(peer_address)),
        first_(std::move(first_bytes)) {}

  IoResult Read(std::span<char> buffer) override {
    if (first_.empty()) return stream_->Read(buffer);
    const size_t bytes = std::min(first_.size(), buffer.size());
    first_.copy(buffer.data(), bytes);
    first_.erase(0, bytes);
    return {IoResult::Code::kOk, bytes};
  }
  void WhenReadable(std::function<void()> ready) override {
    if (first_.empty()) return stream_->WhenReadable(std::move(ready));
    strand().Post(std::move(ready));
  }

  IoResult Write(std::span<const std::string_view> pieces) override {
    return stream_->Write(pieces);
  }
  void WhenWritable(std::function<void()> ready) override {
    stream_->WhenWritable(std::move(ready));
  }
  absl::Status WriteAll(std::string_view bytes,
                        absl::Duration stall_max) override {
    return stream_->WriteAll(bytes, stall_max);
  }
  bool PeerGone() override { return stream_->PeerGone(); }
  void Shutdown() override { stream_->Shutdown(); }
  void ShutdownWrite() override { stream_->ShutdownWrite(); }
  const Strand& strand() const override { return stream_->strand(); }
  const std::string& peer_address() const override {
    return peer_address_;
  }
  const std::string& local_address() const override {
    return stream_->local_address();
  }

 private:
  const std::shared_ptr<Stream> stream_;
  const std::string peer_address_;
  std::string first_;
};

}  // namespace

std::unique_ptr<Stream> MakeReplayedStream(std::shared_ptr<Stream> stream,
                                           std::string first_bytes,
                                           std::string peer_address) {
  return std::make_unique<ReplayedStream>(
      std::move(stream), std::move(first_bytes), std::move(peer_address));
}

}  // namespace varve::net

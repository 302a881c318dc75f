#include "net/rpc/frame.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "absl/strings/escaping.h"
#include "lib/base/hash.h"
#include "lib/base/status.h"
#include "net/rpc/rpc.h"

namespace varve::rpc {
namespace {

std::string Encode(FrameKind kind, uint8_t method, uint64_t call,
                   std::string_view payload) {
  const auto header = EncodeHeader(kind, method, call, payload);
  return std::string(header.data(), header.size()) + std::string(payload);
}

TEST_CASE("frames come out as they went in, whatever the cuts", "[rpc]") {
  std::string bytes = Encode(FrameKind::kRequest, 33, 1, "");
  bytes += Encode(FrameKind::kAnswer, 255, UINT64_MAX, std::string(1000, 'x'));
  for (const size_t step : {size_t{1}, size_t{7}, bytes.size()}) {
    FrameParser parser;
    std::vector<Frame> frames;
    for (size_t at = 0; at < bytes.size(); at += step) {
      std::string_view piece = std::string_view(bytes).substr(at, step);
      while (!piece.empty()) {
        Frame frame;
        const auto complete = parser.Feed(piece, frame);
        REQUIRE(complete.ok());
        if (*complete) frames.push_back(std::move(frame));
      }
    }
    REQUIRE(frames.size() == 2);
    CHECK(frames[0].kind == FrameKind::kRequest);
    CHECK(frames[0].method == 33);
    CHECK(frames[0].payload.empty());
    CHECK(frames[1].call == UINT64_MAX);
    CHECK(frames[1].payload == std::string(1000, 'x'));
  }
}

TEST_CASE("a frame cut at any byte is incomplete, never a frame", "[rpc]") {
  const std::string bytes = Encode(FrameKind::kAnswer, 1, 2, "payload");
  for (size_t keep = 0; keep < bytes.size(); ++keep) {
    FrameParser parser;
    std::string_view piece = std::string_view(bytes).substr(0, keep);
    Frame frame;
    const auto complete = parser.Feed(piece, frame);
    REQUIRE(complete.ok());
    CHECK_FALSE(*complete);
  }
}

TEST_CASE("a flipped bit anywhere is never taken for a frame", "[rpc]") {
  const std::string bytes = Encode(FrameKind::kAnswer, 1, 2, "payload");
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    CAPTURE(bit);
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    FrameParser parser;
    std::string_view piece = damaged;
    Frame frame;
    const auto complete = parser.Feed(piece, frame);
    // A larger size, too, is seen before bytes are waited for.
    CHECK(absl::IsDataLoss(complete.status()));
  }
}

TEST_CASE("a size over the limit is refused at once", "[rpc]") {
  std::string bytes = Encode(FrameKind::kAnswer, 1, 2, "");
  const auto size = static_cast<uint32_t>(kPayloadBytesMax + 1);
  std::memcpy(bytes.data() + 4, &size, sizeof(size));
  const auto sum = static_cast<uint32_t>(base::Hash64Of(bytes.substr(0, 16)));
  std::memcpy(bytes.data() + 16, &sum, sizeof(sum));
  FrameParser parser;
  std::string_view piece = bytes;
  Frame frame;
  const absl::Status status = parser.Feed(piece, frame).status();
  CHECK(absl::IsDataLoss(status));
  CHECK(base::Message(status).find("over the limit") != std::string::npos);
}

TEST_CASE("the header's bytes are those of the document", "[rpc]") {
  const std::string bytes = Encode(FrameKind::kRequest, 32, 258, "up");
  const std::string begin("V\x03\x20\x00\x02\x00\x00\x00\x02\x01\0\0\0\0\0\0",
                          16);
  CHECK(bytes.substr(0, 16) == begin);
  CHECK(bytes.substr(28) == "up");
  // The worked example of docs/formats/wire.md.
  CHECK(absl::BytesToHexString(bytes.substr(16, 12)) ==
        "94e5863ae0cca8d86409dbda");
}

TEST_CASE("statuses cross the wire", "[rpc]") {
  const absl::Status status = absl::ResourceExhaustedError("too many");
  CHECK(DecodeStatus(EncodeStatus(status)) == status);
  CHECK(DecodeStatus(EncodeStatus(absl::OkStatus())).ok());
  CHECK(absl::IsDataLoss(DecodeStatus("")));
  CHECK(absl::IsDataLoss(DecodeStatus("abc")));
  CHECK(absl::IsDataLoss(DecodeStatus("\x11\0\0\0")));
}

}  // namespace
}  // namespace varve::rpc

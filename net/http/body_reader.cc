#include "net/http/body_reader.h"

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/compress/compress.h"
#include "net/http/content_coding.h"
#include "net/http/server_core.h"

namespace varve::http {

BodyReader::BodyReader(const Request& request, int64_t bytes_max,
                       std::string_view limit_flag)
    : request_(request),
      bytes_max_(bytes_max),
      limit_flag_(limit_flag),
      received_(static_cast<int64_t>(request.body.size())),
      src_(request.body) {}

absl::Status BodyReader::Start() {
  using compress::StreamDecompressor;
  started_ = true;
  ASSIGN_OR_RETURN(const ContentCoding coding, CodingOf(request_));
  switch (coding) {
    case ContentCoding::kIdentity:
      return absl::OkStatus();
    case ContentCoding::kGzip:
      decompressor_ = std::make_unique<StreamDecompressor>(
          StreamDecompressor::Format::kGzip);
      return absl::OkStatus();
    case ContentCoding::kZstd:
      decompressor_ = std::make_unique<StreamDecompressor>(
          StreamDecompressor::Format::kZstd);
      return absl::OkStatus();
    case ContentCoding::kSnappy:
      return UnpackSnappy();
  }
  return base::Internal("BUG: content coding ", static_cast<int>(coding));
}

absl::Status BodyReader::UnpackSnappy() {
  std::string packed(src_);
  const auto size_max = static_cast<size_t>(bytes_max_);
  src_ = {};
  while (!ended_ && packed.size() <= size_max) {
    RETURN_IF_ERROR(NextPiece());
    packed += src_;
  }
  const absl::Status status =
      packed.size() > size_max
          ? absl::ResourceExhaustedError("")
          : compress::SnappyDecompress(packed, size_max, piece_);
  RETURN_IF_ERROR(DecodeError(status, "snappy", bytes_max_, limit_flag_));
  src_ = piece_;
  ended_ = true;
  return absl::OkStatus();
}

absl::Status BodyReader::NextPiece() {
  src_ = {};
  if (request_.rest == nullptr) {
    ended_ = true;
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(request_.rest->Read(piece_));
  src_ = piece_;
  received_ += static_cast<int64_t>(piece_.size());
  ended_ = piece_.empty();
  return absl::OkStatus();
}

absl::Status BodyReader::Unpack(size_t bytes_max, std::string& out) {
  const std::string_view coding = request_.Header("content-encoding");
  constexpr size_t kUnpackBytes = 64 << 10;  // most bodies are small
  const size_t before = out.size();
  RETURN_IF_ERROR(DecodeError(
      decompressor_->Add(src_, std::min(bytes_max, kUnpackBytes), out), coding,
      bytes_max_, limit_flag_));
  unpacked_ += static_cast<int64_t>(out.size() - before);
  const int64_t read = received_ - static_cast<int64_t>(src_.size());
  if (unpacked_ <= bytes_max_ || unpacked_ / kUnpackedFoldMax <= read) {
    return absl::OkStatus();
  }
  return base::InvalidArgument("too big request body: ", read, " bytes of ",
                               coding, " are ", unpacked_,
                               " decoded; of what unpacks more than ",
                               kUnpackedFoldMax, "-fold ",
                               LimitText(limit_flag_, bytes_max_));
}

absl::Status BodyReader::Read(size_t bytes_max, std::string& out) {
  if (!started_) RETURN_IF_ERROR(Start());
  const size_t before = out.size();
  while (true) {
    if (decompressor_ == nullptr) {
      const size_t bytes = std::min(src_.size(), bytes_max);
      out += src_.substr(0, bytes);
      src_.remove_prefix(bytes);
    } else {
      RETURN_IF_ERROR(Unpack(bytes_max, out));
    }
    if (out.size() > before) return absl::OkStatus();
    if (ended_) break;
    RETURN_IF_ERROR(NextPiece());
  }
  if (decompressor_ == nullptr) return absl::OkStatus();
  return DecodeError(decompressor_->Finish(),
                     request_.Header("content-encoding"), bytes_max_,
                     limit_flag_);
}

}  // namespace varve::http

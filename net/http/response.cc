#include "net/http/response.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"

namespace varve::http {
namespace {

// A client that takes nothing for so long has gone; Go's clients and proxies
// give up in less.
constexpr absl::Duration kWriteStallMax = absl::Minutes(1);
// Fast levels: the CPU is dearer than the network between neighbours.
constexpr int kGzipLevel = 1;
constexpr int kZstdLevel = 1;

// Line breaks in a header would begin another one.
void AppendHeader(std::string& out, std::string_view name,
                  std::string_view value) {
  base::StrAppend(&out, name, ": ");
  for (const char c : value) {
    out.push_back(c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
  }
  out += "\r\n";
}

// True unless "q=0" or "q=0.000" refuses the coding.
bool Accepts(std::string_view parameters) {
  const size_t q = parameters.find("q=");
  if (q == std::string_view::npos) return true;
  const std::string_view value = parameters.substr(q + 2);
  const size_t digit = value.find_first_of("123456789");
  return digit != std::string_view::npos;
}

bool IsBodyless(int status) {
  return status == 204 || status == 304 || status < 200;
}

}  // namespace

Coding ChooseCoding(std::string_view accept_encoding) {
  bool zstd = false;
  while (!accept_encoding.empty()) {
    const size_t comma = accept_encoding.find(',');
    const std::string_view item = accept_encoding.substr(0, comma);
    accept_encoding.remove_prefix(
        comma == std::string_view::npos ? accept_encoding.size() : comma + 1);
    const size_t semicolon = item.find(';');
    const absl::string_view name =
        absl::StripAsciiWhitespace(base::ToAbsl(item.substr(0, semicolon)));
    if (semicolon != std::string_view::npos &&
        !Accepts(item.substr(semicolon + 1))) {
      continue;
    }
    if (absl::EqualsIgnoreCase(name, "gzip")) return Coding::kGzip;
    if (absl::EqualsIgnoreCase(name, "zstd")) zstd = true;
  }
  return zstd ? Coding::kZstd : Coding::kNone;
}

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200: return "OK";
    case 204: return "No Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Payload Too Large";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Entity";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 507: return "Insufficient Storage";
    default: return "Status";
  }
}

std::string AnswerHead(int status, std::string_view content_type,
                       const Arguments& headers, const AnswerTraits& traits,
                       Coding coding, int64_t length) {
  std::string head;
  head.reserve(320);
  base::StrAppend(&head, "HTTP/1.1 ", status, " ", ReasonPhrase(status),
                  "\r\n");
  if (!content_type.empty()) AppendHeader(head, "Content-Type", content_type);
  if (coding == Coding::kGzip) AppendHeader(head, "Content-Encoding", "gzip");
  if (coding == Coding::kZstd) AppendHeader(head, "Content-Encoding", "zstd");
  AppendHeader(head, "Vary", "Accept-Encoding");
  AppendHeader(head, "X-Server-Hostname", traits.hostname);
  if (traits.cors) AppendHeader(head, "Access-Control-Allow-Origin", "*");
  for (const auto& [name, value] : headers) AppendHeader(head, name, value);
  if (!IsBodyless(status)) {
    if (length >= 0) {
      base::StrAppend(&head, "Content-Length: ", length, "\r\n");
    } else if (!traits.http_1_0) {
      AppendHeader(head, "Transfer-Encoding", "chunked");
    }
  }
  if (!traits.keep_alive) {
    AppendHeader(head, "Connection", "close");
  } else if (traits.http_1_0) {
    AppendHeader(head, "Connection", "keep-alive");
  }
  head += "\r\n";
  return head;
}

void StreamedResponse::SetHeader(std::string name, std::string value) {
  // The handler encoded the body itself.
  if (absl::EqualsIgnoreCase(base::ToAbsl(name), "Content-Encoding")) {
    traits_.coding = Coding::kNone;
  }
  headers_.emplace_back(std::move(name), std::move(value));
}

absl::Status StreamedResponse::Put(std::string_view bytes) {
  if (state_ == State::kBroken) {
    return base::Cancelled("the client ", stream_->peer_address(),
                           " has gone");
  }
  absl::Status status = stream_->WriteAll(bytes, kWriteStallMax);
  if (!status.ok()) {
    state_ = State::kBroken;
    stream_->Shutdown();
  }
  return status;
}

void StreamedResponse::Send(int status, std::string_view content_type,
                            std::string_view body) {
  if (state_ != State::kNothing) return;
  status_ = status;
  content_type_ = content_type;
  SendWhole(body);
}

std::string StreamedResponse::Head(Coding coding, int64_t length) {
  if ((traits_.closing != nullptr && *traits_.closing) ||
      (traits_.body_unread != nullptr && *traits_.body_unread)) {
    traits_.keep_alive = false;
  }
  return AnswerHead(status_, content_type_, headers_, traits_, coding, length);
}

void StreamedResponse::SendWhole(std::string_view body) {
  Coding coding = Coding::kNone;
  std::string compressed;
  if (body.size() >= kCompressBytesMin) {
    coding = traits_.coding;
    if (coding == Coding::kGzip) {
      compress::GzipCompress(body, kGzipLevel, compressed);
      body = compressed;
    } else if (coding == Coding::kZstd) {
      compress::ZstdCompress(body, kZstdLevel, compressed);
      body = compressed;
    }
  }
  std::string head = Head(coding, static_cast<int64_t>(body.size()));
  const bool with_body = !traits_.head_only && !IsBodyless(status_);
  state_ = State::kDone;
  if (with_body && body.size() <= kHoldBytes) {
    head += body;  // one system call, one packet
    (void)Put(head);  // a client that has gone needs no answer
  } else if (Put(head).ok() && with_body) {
    (void)Put(body);  // as above
  }
}

void StreamedResponse::Begin(int status, std::string_view content_type) {
  if (state_ != State::kNothing) return;
  status_ = status;
  content_type_ = content_type;
  state_ = State::kHeld;
}

absl::Status StreamedResponse::Write(std::string_view bytes) {
  if (state_ == State::kBroken) return Put({});
  if (state_ != State::kHeld && state_ != State::kStreaming) {
    return base::Internal("Write without Begin or after the end");
  }
  if (traits_.head_only) return absl::OkStatus();
  while (!bytes.empty()) {
    const size_t take = std::min(bytes.size(), kHoldBytes - held_.size());
    held_ += bytes.substr(0, take);
    bytes.remove_prefix(take);
    if (held_.size() < kHoldBytes) break;
    if (state_ == State::kHeld) RETURN_IF_ERROR(StartStreaming());
    RETURN_IF_ERROR(SendHeld(/*last=*/false));
  }
  return absl::OkStatus();
}

absl::Status StreamedResponse::StartStreaming() {
  using Format = compress::StreamCompressor::Format;
  if (traits_.http_1_0) traits_.keep_alive = false;
  if (traits_.coding != Coding::kNone) {
    compressor_ = std::make_unique<compress::StreamCompressor>(
        traits_.coding == Coding::kGzip ? Format::kGzip : Format::kZstd);
  }
  state_ = State::kStreaming;
  return Put(Head(traits_.coding, -1));
}

absl::Status StreamedResponse::SendHeld(bool last) {
  std::string body;
  if (compressor_) {
    compressor_->Add(held_, body);
    if (last) compressor_->Finish(body);
  } else {
    body.swap(held_);
  }
  held_.clear();
  std::string chunk;
  chunk.reserve(body.size() + 32);
  if (traits_.http_1_0) {
    chunk.swap(body);
  } else {
    if (!body.empty()) {
      char size[24];
      const int size_bytes =
          std::snprintf(size, sizeof(size), "%zx\r\n", body.size());
      chunk.append(size, static_cast<size_t>(size_bytes));
      chunk += body;
      chunk += "\r\n";
    }
    if (last) chunk += "0\r\n\r\n";
  }
  return chunk.empty() ? absl::OkStatus() : Put(chunk);
}

void StreamedResponse::Abort() {
  if (state_ == State::kHeld && StartStreaming().ok()) {
    (void)SendHeld(/*last=*/false);  // the connection is closed in any case
  }
  state_ = State::kBroken;
  stream_->Shutdown();
}

bool StreamedResponse::client_gone() const {
  return state_ == State::kBroken || stream_->PeerGone();
}

bool StreamedResponse::Finish() {
  if (state_ == State::kNothing) {
    Send(500, "text/plain; charset=utf-8", "the handler gave no answer\n");
  } else if (state_ == State::kHeld) {
    const std::string body = std::move(held_);
    SendWhole(body);
  } else if (state_ == State::kStreaming) {
    if (SendHeld(/*last=*/true).ok()) state_ = State::kDone;
  }
  return state_ == State::kDone && traits_.keep_alive;
}

}  // namespace varve::http

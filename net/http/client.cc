#include "net/http/client.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "net/tcp/transport.h"

namespace varve::http {
namespace {

namespace beast_http = boost::beast::http;

constexpr size_t kReadBytes = 64 << 10;
constexpr uint32_t kHeadBytesMax = 64 << 10;
constexpr int kDefaultPort = 80;
constexpr int64_t kAskGivenUpMs = 50;

std::string_view FromBeast(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

// What the loop tells the waiting thread. Shared with callbacks that may run
// after the wait was given up.
template <typename Value>
class Awaited {
 public:
  void Set(Value value) {
    base::MutexLock lock(mutex_);
    value_ = std::move(value);
    set_.NotifyAll();
  }
  // Nothing when the steady clock passed `deadline_ms` first.
  std::optional<Value> Take(int64_t deadline_ms) {
    base::MutexLock lock(mutex_);
    while (!value_) {
      const int64_t left_ms = deadline_ms - base::SystemClock().SteadyMs();
      if (left_ms <= 0) return std::nullopt;
      set_.WaitFor(lock, absl::Milliseconds(left_ms));
    }
    return std::exchange(value_, std::nullopt);
  }

 private:
  base::Mutex mutex_;
  base::CondVar set_;
  std::optional<Value> value_ GUARDED_BY(mutex_);
};

// One request under way, up to its deadline.
class Exchange {
 public:
  Exchange(const ClientRequest& request, const ClientLimits& limits)
      : request_(request),
        limits_(limits),
        deadline_ms_(base::SystemClock().SteadyMs() +
                     absl::ToInt64Milliseconds(limits.timeout)) {}

  absl::StatusOr<ClientAnswer> Run(net::Transport& transport) {
    RETURN_IF_ERROR(Connect(transport));
    RETURN_IF_ERROR(Send(Head()));
    RETURN_IF_ERROR(Send(request_.body));
    return Receive();
  }

 private:
  using StreamPtr = std::unique_ptr<net::Stream>;
  using Parser = beast_http::response_parser<beast_http::string_body>;

  // Nothing when it is too late, or the caller gave up.
  template <typename Value>
  std::optional<Value> Await(Awaited<Value>& awaited) const {
    while (!given_up()) {
      const int64_t ask_ms = base::SystemClock().SteadyMs() + kAskGivenUpMs;
      auto value = awaited.Take(std::min(deadline_ms_, ask_ms));
      if (value || ask_ms >= deadline_ms_) return value;
    }
    return std::nullopt;
  }
  bool over() const {
    return base::SystemClock().SteadyMs() >= deadline_ms_ || given_up();
  }
  bool given_up() const { return request_.given_up && request_.given_up(); }

  absl::Status Late(std::string_view doing) const {
    if (given_up()) {
      return base::Cancelled(request_.address, ": given up: ", doing);
    }
    return base::DeadlineExceeded(
        request_.address, ": ", doing, " took longer than ",
        absl::FormatDuration(limits_.timeout));
  }

  absl::Status Connect(net::Transport& transport) {
    auto dialed = std::make_shared<Awaited<absl::StatusOr<StreamPtr>>>();
    net::DialOptions options;
    options.timeout = limits_.timeout;
    transport.Dial(request_.address, std::move(options),
                   [dialed](absl::StatusOr<StreamPtr> result) {
                     dialed->Set(std::move(result));
                   });
    auto result = Await(*dialed);
    if (!result) return Late("connecting");
    ASSIGN_OR_RETURN(stream_, std::move(*result));
    return absl::OkStatus();
  }

  std::string Head() const {
    std::string head =
        base::StrCat(request_.method, " ", request_.target,
                     " HTTP/1.1\r\nHost: ", request_.address,
                     "\r\nConnection: close\r\nAccept-Encoding: identity\r\n");
    for (const auto& [name, value] : request_.headers) {
      base::StrAppend(&head, name, ": ", value, "\r\n");
    }
    if (!request_.body.empty() || request_.method == "POST" ||
        request_.method == "PUT") {
      base::StrAppend(&head, "Content-Length: ", request_.body.size(), "\r\n");
    }
    head += "\r\n";
    return head;
  }

  // Until the stream can be read from, or written to; false: too late.
  bool Wait(bool to_read) {
    auto ready = std::make_shared<Awaited<bool>>();
    const auto tell = [ready] { ready->Set(true); };
    if (to_read) {
      stream_->WhenReadable(tell);
    } else {
      stream_->WhenWritable(tell);
    }
    return Await(*ready).has_value();
  }

  absl::Status Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const net::IoResult sent = stream_->Write({&bytes, 1});
      if (sent.code == net::IoResult::Code::kOk) {
        bytes.remove_prefix(sent.bytes);
      } else if (sent.code == net::IoResult::Code::kClosed) {
        // Whoever refuses a body early has answered already.
        return absl::OkStatus();
      } else if (!Wait(/*to_read=*/false)) {
        return Late("sending the request");
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<ClientAnswer> Receive() {
    Parser parser;
    parser.header_limit(kHeadBytesMax);
    // HandOver bounds what is kept; Beast 1.81 takes no limit for 0 where there
    // is a Content-Length.
    parser.body_limit(request_.take_body
                          ? UINT64_MAX
                          : static_cast<uint64_t>(limits_.body_bytes_max));
    parser.eager(true);
    parser.skip(request_.method == "HEAD");
    const auto buffer = std::make_unique<std::array<char, kReadBytes>>();
    std::string unread;
    while (!parser.is_done()) {
      // Bytes that are always there end no wait.
      if (over()) return Late("the answer");
      const net::IoResult got = stream_->Read(*buffer);
      if (got.code == net::IoResult::Code::kWouldBlock) {
        if (!Wait(/*to_read=*/true)) return Late("the answer");
        continue;
      }
      boost::system::error_code error;
      if (got.code == net::IoResult::Code::kClosed) {
        if (!parser.got_some()) {
          return base::Unavailable(request_.address,
                                   ": closed without an answer");
        }
        parser.put_eof(error);
      } else {
        unread.append(buffer->data(), got.bytes);
        const size_t used = parser.put(
            boost::asio::const_buffer(unread.data(), unread.size()), error);
        unread.erase(0, used);
      }
      if (request_.take_body) RETURN_IF_ERROR(HandOver(parser));
      if (error == beast_http::error::need_more) continue;
      if (error) return Broken(error);
    }
    return AnswerOf(parser.get());
  }

  absl::Status HandOver(Parser& parser) const {
    if (!parser.is_header_done()) return absl::OkStatus();
    std::string& body = parser.get().body();
    if (parser.get().result_int() != 200) {
      const auto bytes = static_cast<int64_t>(body.size());
      if (bytes <= limits_.body_bytes_max) return absl::OkStatus();
      return Broken(beast_http::error::body_limit);
    }
    if (!body.empty() && !request_.take_body(body)) {
      return base::Cancelled(request_.address, ": given up: the answer");
    }
    body.clear();
    return absl::OkStatus();
  }

  absl::Status Broken(const boost::system::error_code& error) const {
    if (error == beast_http::error::body_limit) {
      return base::ResourceExhausted(request_.address,
                                     ": the answer is over ",
                                     limits_.body_bytes_max, " bytes");
    }
    return base::Unavailable(request_.address,
                             ": no complete HTTP answer: ", error.message());
  }

  static ClientAnswer AnswerOf(
      beast_http::response<beast_http::string_body>& got) {
    ClientAnswer answer;
    answer.status = static_cast<int>(got.result_int());
    for (const auto& field : got) {
      answer.headers.emplace_back(
          absl::AsciiStrToLower(base::ToAbsl(FromBeast(field.name_string()))),
          std::string(FromBeast(field.value())));
    }
    answer.body = std::move(got.body());
    return answer;
  }

  const ClientRequest& request_;
  const ClientLimits limits_;
  const int64_t deadline_ms_;
  StreamPtr stream_;
};

void AppendEscaped(std::string& out, std::string_view text,
                   std::string_view also_plain) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
        also_plain.find(c) != std::string_view::npos) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
}

constexpr std::string_view kUnreserved = "-._~";

}  // namespace

absl::StatusOr<BaseUrl> BaseUrl::Parse(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  if (text.substr(0, kScheme.size()) != kScheme) {
    return base::InvalidArgument("\"", text, "\": expected http://host:port");
  }
  const std::string_view rest = text.substr(kScheme.size());
  const size_t slash = std::min(rest.find('/'), rest.size());
  const bool is_plain = std::ranges::none_of(rest, [](char c) {
    return c == '?' || c == '#' || c == '@' ||
           absl::ascii_isspace(static_cast<unsigned char>(c)) ||
           absl::ascii_iscntrl(static_cast<unsigned char>(c));
  });
  if (slash == 0 || !is_plain) {
    return base::InvalidArgument(
        "\"", text, "\": expected http://host:port and perhaps a path");
  }
  BaseUrl url;
  url.address = std::string(rest.substr(0, slash));
  const size_t bracket = url.address.rfind(']');
  const size_t colon = url.address.rfind(':');
  if (colon == std::string::npos ||
      (bracket != std::string::npos && colon < bracket)) {
    base::StrAppend(&url.address, ":", kDefaultPort);
  }
  const auto parsed = net::ParseHostPort(url.address);
  if (!parsed.ok()) {
    return base::InvalidArgument("\"", text, "\": ",
                                 base::Message(parsed.status()));
  }
  url.path = std::string(rest.substr(slash));
  while (url.path.ends_with('/')) url.path.pop_back();
  return url;
}

std::string_view ClientAnswer::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

absl::StatusOr<ClientAnswer> Fetch(net::Transport& transport,
                                   const ClientRequest& request,
                                   const ClientLimits& limits) {
  return Exchange(request, limits).Run(transport);
}

void AddAccess(const ServerAccess& access, ClientRequest& request) {
  request.target.insert(0, EscapePath(access.path_prefix));
  if (access.user.empty() && access.password.empty()) return;
  const std::string plain = base::StrCat(access.user, ":", access.password);
  request.headers.emplace_back(
      "Authorization",
      base::StrCat("Basic ", absl::Base64Escape(base::ToAbsl(plain))));
}

std::string EscapePath(std::string_view path) {
  std::string out;
  AppendEscaped(out, path, "-._~/:@!$&'()*+,;=");
  return out;
}

std::string EscapeArguments(const Arguments& arguments) {
  std::string out;
  for (const auto& [name, value] : arguments) {
    if (!out.empty()) out.push_back('&');
    AppendEscaped(out, name, kUnreserved);
    out.push_back('=');
    AppendEscaped(out, value, kUnreserved);
  }
  return out;
}

}  // namespace varve::http

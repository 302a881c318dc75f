#include "net/http/connection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "lib/base/hash.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "net/http/credentials.h"
#include "net/http/request_form.h"
#include "net/http/request_parser.h"
#include "net/http/request_target.h"
#include "net/http/streamed_rest.h"

namespace varve::http {
namespace {

namespace beast_http = boost::beast::http;
using boost::system::error_code;

constexpr std::string_view kText = "text/plain; charset=utf-8";
// One read(2); the buffer is the loop thread's, not the connection's.
constexpr size_t kReadBytes = 256 << 10;
// Reads in a row before other connections get their turn.
constexpr int kReadsInRow = 16;
// After the last answer the peer's bytes are discarded for a while: closing
// at once would reset the connection under the answer.
constexpr absl::Duration kLingerTime = absl::Seconds(2);
constexpr int64_t kLingerBytesMax = 64 << 20;

std::string_view FromBeast(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

// +-10 %, so that connections made together do not end together.
int64_t JitteredMs(absl::Duration age, const void* salt) {
  const uint64_t hash = base::Hash64Of(
      std::string_view(reinterpret_cast<const char*>(&salt), sizeof(salt)),
      static_cast<uint64_t>(SteadyMs()));
  const double factor = 0.9 + 0.2 * static_cast<double>(hash % 1000) / 1000;
  return absl::ToInt64Milliseconds(age * factor);
}

// Why the end of a body cannot be told the one way that everyone in between
// tells it; null when it can. Beast refuses the other ambiguities, but takes
// a transfer coding it does not know for no body (RFC 9112, section 6.1).
const char* BadFraming(const beast_http::fields& head) {
  const auto coding = head.find(beast_http::field::transfer_encoding);
  if (coding == head.end()) return nullptr;
  if (!absl::EqualsIgnoreCase(
          absl::StripAsciiWhitespace(base::ToAbsl(FromBeast(coding->value()))),
          "chunked")) {
    return "unsupported Transfer-Encoding; chunked is the only one\n";
  }
  return nullptr;
}

}  // namespace

Connection::Connection(std::shared_ptr<ServerCore> core,
                       std::unique_ptr<net::Stream> stream)
    : core_(std::move(core)),
      stream_(std::move(stream)),
      close_after_ms_(SteadyMs() +
                      JitteredMs(core_->options.connection_age_max, this)) {
  SetDeadline(core_->options.idle_max);
}

Connection::~Connection() {
  ReleaseRequest();
  base::MutexLock lock(core_->mutex);
  core_->connections.erase(this);
  core_->connection_gone.NotifyAll();
}

void Connection::Start() {
  stream_->strand().Post([self = shared_from_this()] { self->ReadBytes(); });
}

void Connection::SetDeadline(absl::Duration from_now) {
  deadline_ms_ = SteadyMs() + absl::ToInt64Milliseconds(from_now);
}

void Connection::CloseIfLate(int64_t now_ms) {
  if (now_ms >= deadline_ms_) Close();
}
void Connection::CloseIfIdle() {
  if (phase_ == Phase::kIdle) Close();
}
void Connection::Close() { stream_->Shutdown(); }

void Connection::WaitForBytes() {
  stream_->WhenReadable([self = shared_from_this()] { self->ReadBytes(); });
}

void Connection::ReadBytes() {
  static thread_local std::unique_ptr<char[]> buffer(new char[kReadBytes]);
  for (int i = 0; i < kReadsInRow; ++i) {
    const net::IoResult got = stream_->Read({buffer.get(), kReadBytes});
    if (got.code == net::IoResult::Code::kWouldBlock) return WaitForBytes();
    if (got.code == net::IoResult::Code::kClosed) return;
    if (!Consume({buffer.get(), got.bytes})) return;
    // A short read has emptied the socket.
    if (got.bytes < kReadBytes) return WaitForBytes();
  }
  stream_->strand().Post([self = shared_from_this()] { self->ReadBytes(); });
}

bool Connection::Consume(std::string_view bytes) {
  if (phase_ == Phase::kLingering) {
    lingered_bytes_ += static_cast<int64_t>(bytes.size());
    return lingered_bytes_ <= kLingerBytesMax;
  }
  bool go_on;
  if (unread_.empty()) {
    go_on = ParseAll(bytes);
    unread_.assign(bytes);
  } else {
    unread_ += bytes;
    std::string_view rest = unread_;
    go_on = ParseAll(rest);
    unread_.erase(0, unread_.size() - rest.size());
    if (unread_.empty()) std::string().swap(unread_);
  }
  // Beast has no limit for what surrounds chunks: extensions and trailers.
  if (go_on && phase_ == Phase::kBody && unread_.size() > kHeadBytesMax) {
    std::string().swap(unread_);
    go_on = Answer(400, base::StrCat("a chunk's head or the trailer is over ",
                                     kHeadBytesMax, " bytes\n"));
  }
  // Last of all: from there on the handler's thread owns the members.
  if (phase_ == Phase::kHandling) Dispatch();
  return go_on;
}

// Removes from `bytes` what is parsed.
bool Connection::ParseAll(std::string_view& bytes) {
  while (!bytes.empty()) {
    const size_t before = bytes.size();
    if (!ParseSome(bytes)) return false;
    if (phase_ == Phase::kLingering) {
      bytes = {};
      return true;
    }
    if (bytes.size() == before) break;
  }
  return true;
}

bool Connection::ParseSome(std::string_view& bytes) {
  if (phase_ == Phase::kIdle) {
    while (!bytes.empty() && (bytes.front() == '\r' || bytes.front() == '\n')) {
      bytes.remove_prefix(1);  // RFC 9112, section 2.2
    }
    if (bytes.empty()) return true;
    BeginHead();
  }
  auto& beast = parser_->beast;
  error_code error;
  const size_t used =
      beast.put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
  bytes.remove_prefix(std::min(used, bytes.size()));
  if (error == beast_http::error::need_more) return true;
  if (error == beast_http::error::header_limit) {
    return Answer(400, base::StrCat("the request's head is over ",
                                    kHeadBytesMax, " bytes\n"));
  }
  if (error == beast_http::error::body_limit) {
    return RefuseBody(
        static_cast<uint64_t>(route_->route.body_bytes_max) + 1);
  }
  if (error) {
    return Answer(400, base::StrCat("cannot parse the HTTP request: ",
                                    error.message(), "\n"));
  }
  if (phase_ == Phase::kHead && beast.is_header_done()) {
    phase_ = Phase::kBody;
    if (!HeadDone()) return false;
    if (phase_ != Phase::kBody) return true;  // answered already
  }
  if (phase_ == Phase::kBody) {
    SetDeadline(core_->options.read_timeout);
    if (!AccountBody()) return Answer(503, "too many bytes in flight; retry\n",
                                      {{"Retry-After", "5"}});
    if (ReadyForHandler()) {
      if (!TakeStreamPlace()) {
        return Answer(503, "too many imports at once; retry\n",
                      {{"Retry-After", "5"}});
      }
      phase_ = Phase::kHandling;
      return false;
    }
  }
  return true;
}

void Connection::BeginHead() {
  phase_ = Phase::kHead;
  // The whole head must be there by then: dripping bytes gain no time.
  SetDeadline(core_->options.read_timeout);
  parser_ = std::make_unique<RequestParser>();
  parser_->beast.header_limit(kHeadBytesMax);
  // Unlimited until the route is known; its limit is checked then.
  parser_->beast.body_limit(UINT64_MAX);
  parser_->beast.eager(false);
}

// The head is there: false when reading must pause.
bool Connection::HeadDone() {
  auto& beast = parser_->beast;
  const auto& head = beast.get();
  http_1_0_ = head.version() < 11;
  body_unread_ = false;
  keep_alive_ = head.keep_alive() && SteadyMs() < close_after_ms_ &&
                !core_->stopping;
  if (const char* const why = BadFraming(head)) {
    keep_alive_ = false;  // where the next request begins is not known
    return Answer(400, why);
  }
  if (!FillRequest()) return !ends_;
  if (route_->route.streamed) {
    beast.get().body().whole = false;
  } else {
    uint64_t length = 0;
    if (const auto claimed = beast.content_length()) length = *claimed;
    if (length > static_cast<uint64_t>(route_->route.body_bytes_max)) {
      return RefuseBody(length);
    }
    beast.body_limit(static_cast<uint64_t>(route_->route.body_bytes_max));
  }
  beast.eager(true);
  if (!beast.is_done() &&
      absl::EqualsIgnoreCase(base::ToAbsl(request_.Header("expect")),
                             "100-continue")) {
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    const net::IoResult sent = stream_->Write({&kContinue, 1});
    if (sent.code == net::IoResult::Code::kClosed) return false;
  }
  return true;
}

// Fills request_ and route_; false when it was answered here.
bool Connection::FillRequest() {
  const auto& head = parser_->beast.get();
  request_ = Request();
  route_ = nullptr;
  request_.method = std::string(FromBeast(head.method_string()));
  request_.remote_addr = stream_->peer_address();
  for (const auto& field : head) {
    request_.headers.emplace_back(
        absl::AsciiStrToLower(base::ToAbsl(FromBeast(field.name_string()))),
        std::string(FromBeast(field.value())));
  }
  if (request_.method == "OPTIONS") {
    (void)Answer(204, "", {{"Access-Control-Allow-Headers", "*"},
                           {"Access-Control-Allow-Methods", "*"}});
    return false;
  }
  absl::StatusOr<RequestTarget> target = ParseTarget(FromBeast(head.target()));
  if (!target.ok()) {
    (void)Answer(400, base::StrCat(base::Message(target.status()), "\n"));
    return false;
  }
  std::string_view path = target->path;
  std::span<const std::string> parts = target->parts;
  if (!StripPrefix(path, parts)) {
    core_->unsupported->Increment();
    (void)Answer(400, base::StrCat("missing -http.pathPrefix=\"",
                                   core_->options.path_prefix,
                                   "\" in the requested path \"", path,
                                   "\"\n"));
    return false;
  }
  const int64_t found =
      core_->table.Find(parts, target->trailing_slash, request_.captures);
  if (found < 0) {
    core_->unsupported->Increment();
    (void)Answer(400, base::StrCat("unsupported path requested: \"", path,
                                   "\"\n"));
    return false;
  }
  request_.path = std::string(path);
  request_.arguments = std::move(target->arguments);
  route_ = &core_->routes[static_cast<size_t>(found)];
  return CheckBasicAuth();
}

// Takes -http.pathPrefix away; false when it is missing.
bool Connection::StripPrefix(std::string_view& path,
                             std::span<const std::string>& parts) const {
  const std::string& prefix = core_->options.path_prefix;
  if (prefix.empty() || NeedsNoPrefix(path)) return true;
  const auto prefix_parts =
      static_cast<size_t>(std::count(prefix.begin(), prefix.end(), '/'));
  if (path.substr(0, prefix.size()) != prefix ||
      (path.size() > prefix.size() && path[prefix.size()] != '/') ||
      parts.size() < prefix_parts) {
    return false;
  }
  path.remove_prefix(prefix.size());
  if (path.empty()) path = "/";
  parts = parts.subspan(prefix_parts);
  return true;
}

bool Connection::CheckBasicAuth() {
  const std::string* const key = route_->route.auth_key;
  if ((key != nullptr && !key->empty()) || NeedsNoPrefix(request_.path) ||
      HasPassword(request_, core_->authorization)) {
    return true;
  }
  core_->wrong_basic_auth->Increment();
  (void)Answer(401, "wrong user or password\n",
               {{"WWW-Authenticate", "Basic realm=\"VictoriaMetrics\""}});
  return false;
}

// Answers a body of `length` bytes or, in chunks, of at least as many.
bool Connection::RefuseBody(uint64_t length) {
  route_->requests->Increment();
  route_->errors->Increment();
  const bool claimed = parser_->beast.content_length().has_value();
  return Answer(400, base::StrCat("too big request body: ",
                                  claimed ? "" : "at least ", length,
                                  " bytes; ",
                                  LimitText(route_->route.limit_flag,
                                            route_->route.body_bytes_max),
                                  "\n"));
}

// False when the server holds too many bytes of bodies.
bool Connection::AccountBody() {
  const auto now = static_cast<int64_t>(parser_->body().size());
  const int64_t more = now - accounted_bytes_;
  if (more <= 0) return true;
  accounted_bytes_ = now;
  const int64_t total = core_->body_bytes.fetch_add(more) + more;
  if (total <= core_->options.body_bytes_in_flight_max) return true;
  core_->overloaded->Increment();
  return false;
}

// False when too many bodies that still come are handled or wait for it: each
// that waits keeps memory that other routes need.
bool Connection::TakeStreamPlace() {
  if (parser_->beast.is_done()) return true;
  has_stream_place_ = core_->streams.fetch_add(1) < core_->streams_max();
  if (has_stream_place_) return true;
  core_->streams -= 1;
  core_->too_many_streams->Increment();
  return false;
}

void Connection::ReleaseRequest() {
  core_->body_bytes -= accounted_bytes_;
  accounted_bytes_ = 0;
  if (std::exchange(has_stream_place_, false)) core_->streams -= 1;
  request_ = Request();
  parser_.reset();
}

bool Connection::ReadyForHandler() const {
  return parser_->beast.is_done() ||
         (route_->route.streamed && parser_->body().size() >= kStreamedBytes);
}

void Connection::Dispatch() {
  body_unread_ = !parser_->beast.is_done();
  request_.body.swap(parser_->body());
  deadline_ms_ = INT64_MAX;  // the handler's own affair
  base::MutexLock lock(core_->mutex);
  if (core_->stopped) return;  // Stop has closed us, or will
  base::ThreadPool* const pool = route_->route.prompt ? core_->prompt_pool
                                 : body_unread_       ? core_->stream_pool
                                                      : core_->pool;
  pool->Submit([self = shared_from_this()] { self->RunHandler(); });
}

void Connection::RunHandler() {
  if (!route_->route.raw_body) AddFormArguments(request_);
  StreamedRest rest(*core_, route_->route, stream_.get(), parser_.get(),
                    &unread_, &body_unread_);
  if (body_unread_) request_.rest = &rest;
  StreamedResponse response(stream_.get(), Traits(keep_alive_));
  route_->requests->Increment();
  if (CheckAuthKey(response)) {
    route_->route.handler(request_, response);
  }
  const bool keep = response.Finish() && !body_unread_;
  if (response.status() >= 400 && response.status() != 401 &&
      response.status() != 429) {
    route_->errors->Increment();
  }
  ReleaseRequest();
  if (!keep) return Linger();
  SetDeadline(core_->options.idle_max);
  phase_ = Phase::kIdle;
  // Stop either sees the idle phase or is seen here.
  if (core_->stopping) Close();
  if (unread_.empty()) {
    std::string().swap(unread_);  // grown by a streamed body
    return WaitForBytes();
  }
  stream_->strand().Post([self = shared_from_this()] {
    if (self->Consume({})) self->ReadBytes();
  });
}

bool Connection::CheckAuthKey(ResponseWriter& writer) {
  const std::string* const key = route_->route.auth_key;
  if (key == nullptr || HasAuthKey(request_, *key)) return true;
  core_->wrong_auth_key->Increment();
  writer.Send(401, kText, "the provided authKey does not match\n");
  return false;
}

AnswerTraits Connection::Traits(bool keep_alive) const {
  AnswerTraits traits;
  traits.keep_alive = keep_alive;
  traits.closing = &core_->stopping;
  traits.body_unread = &body_unread_;
  traits.http_1_0 = http_1_0_;
  traits.head_only = request_.method == "HEAD";
  traits.cors = core_->options.cors;
  traits.hostname = core_->hostname;
  if (core_->options.compress) {
    traits.coding = ChooseCoding(request_.Header("accept-encoding"));
  }
  return traits;
}

// Written from the loop, so it must not wait: a peer that has not even room
// for this is closed without.
bool Connection::Answer(int status, std::string_view text,
                        const Arguments& headers) {
  const bool keep = keep_alive_ && parser_ && parser_->beast.is_done() &&
                    !core_->stopping;
  const AnswerTraits traits = Traits(keep);
  std::string answer =
      AnswerHead(status, text.empty() ? "" : kText, headers, traits,
                 Coding::kNone, static_cast<int64_t>(text.size()));
  if (!traits.head_only) answer += text;
  const std::string_view piece = answer;
  const net::IoResult sent = stream_->Write({&piece, 1});
  const bool complete = sent.code == net::IoResult::Code::kOk &&
                        sent.bytes == answer.size();
  ReleaseRequest();
  if (!complete) {
    ends_ = true;
    Close();
    return false;
  }
  if (keep) {
    SetDeadline(core_->options.idle_max);
    phase_ = Phase::kIdle;
    return true;
  }
  stream_->ShutdownWrite();
  SetDeadline(kLingerTime);
  phase_ = Phase::kLingering;
  return true;
}

// From the handler's thread, after an answer that ends the connection.
void Connection::Linger() {
  if (core_->stopping) return Close();  // nobody shall wait for the peer
  stream_->ShutdownWrite();
  std::string().swap(unread_);
  SetDeadline(kLingerTime);
  phase_ = Phase::kLingering;
  WaitForBytes();
}

}  // namespace varve::http

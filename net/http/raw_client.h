// A blocking client over a raw socket, for tests that send what they like.
#ifndef VARVE_NET_HTTP_RAW_CLIENT_H_
#define VARVE_NET_HTTP_RAW_CLIENT_H_

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>

namespace varve::http {

class RawClient {
 public:
  explicit RawClient(const std::string& address) {
    const size_t colon = address.rfind(':');
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(
        static_cast<uint16_t>(std::atoi(address.c_str() + colon + 1)));
    inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    connected_ =
        ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0;
    timeval limit{20, 0};  // a test that hangs fails instead
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  }
  ~RawClient() { ::close(fd_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }

  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

  // Up to and with `end`; what came until the end of the connection otherwise.
  std::string ReadUntil(std::string_view end) {
    size_t at;
    while ((at = got_.find(end)) == std::string::npos) {
      if (!Fill()) return TakeAll();
    }
    return Take(at + end.size());
  }
  std::string Read(size_t bytes) {
    while (got_.size() < bytes) {
      if (!Fill()) return TakeAll();
    }
    return Take(bytes);
  }
  std::string ReadToEnd() {
    while (Fill()) {
    }
    return TakeAll();
  }
  // True when the server has closed and nothing is left to read.
  bool AtEnd() { return got_.empty() && !Fill(); }

  // Head and body of one answer.
  struct Answer {
    std::string head;
    std::string body;  // chunks joined
    bool complete = false;
    int status() const {
      return head.size() > 12 ? std::atoi(head.c_str() + 9) : 0;
    }
    bool Has(std::string_view line) const {
      return head.find(line) != std::string::npos;
    }
  };
  Answer ReadAnswer() {
    Answer answer;
    answer.head = ReadUntil("\r\n\r\n");
    constexpr std::string_view kLength = "Content-Length: ";
    const size_t length = answer.head.find(kLength);
    if (length != std::string::npos) {
      const auto bytes = static_cast<size_t>(
          std::atoll(answer.head.c_str() + length + kLength.size()));
      answer.body = Read(bytes);
      answer.complete = answer.body.size() == bytes;
    } else if (answer.Has("Transfer-Encoding: chunked")) {
      ReadChunks(answer);
    } else {
      answer.complete = !answer.head.empty();
    }
    return answer;
  }
  Answer Get(const std::string& target, const std::string& headers = "") {
    Send("GET " + target + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n");
    return ReadAnswer();
  }

 private:
  bool Fill() {
    char buffer[65536];
    const ssize_t n = ::recv(fd_, buffer, sizeof(buffer), 0);
    if (n <= 0) return false;
    got_.append(buffer, static_cast<size_t>(n));
    return true;
  }
  std::string Take(size_t bytes) {
    std::string taken = got_.substr(0, bytes);
    got_.erase(0, bytes);
    return taken;
  }
  std::string TakeAll() { return Take(got_.size()); }

  void ReadChunks(Answer& answer) {
    for (;;) {
      const std::string size = ReadUntil("\r\n");
      if (size.size() < 3) return;
      const size_t bytes = std::strtoull(size.c_str(), nullptr, 16);
      const std::string chunk = Read(bytes + 2);
      if (chunk.size() != bytes + 2) return;
      answer.body += chunk.substr(0, bytes);
      if (bytes == 0) {
        answer.complete = true;
        return;
      }
    }
  }

  int fd_ = -1;
  bool connected_ = false;
  std::string got_;
};

}  // namespace varve::http

#endif  // VARVE_NET_HTTP_RAW_CLIENT_H_

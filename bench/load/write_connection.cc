#include "bench/load/write_connection.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "lib/base/strings.h"

namespace varve::bench {

void Die(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

WriteTarget ParseWriteTarget(const std::string& address,
                             const std::string& path,
                             const std::string& headers) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) Die("-target wants host:port");
  return {address.substr(0, colon), address.substr(colon + 1), path, headers};
}

int WriteConnection::Post(const std::string& body) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (fd_ < 0) Dial();
    const int code = TryPost(body);
    if (code > 0) return code;
    Close();
  }
  return 0;
}

void WriteConnection::Dial() {
  addrinfo hints{}, *list = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (getaddrinfo(target_.host.c_str(), target_.port.c_str(), &hints, &list) !=
      0) {
    Die("cannot resolve " + target_.host);
  }
  fd_ = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd_, list->ai_addr, list->ai_addrlen) != 0) {
    Die("cannot connect to " + target_.host + ":" + target_.port);
  }
  freeaddrinfo(list);
  const int one = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

void WriteConnection::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

bool WriteConnection::SendAll(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

int WriteConnection::TryPost(const std::string& body) {
  std::string request = base::StrCat(
      "POST ", target_.path, " HTTP/1.1\r\nHost: ", target_.host, ":",
      target_.port, "\r\n", target_.headers,
      "User-Agent: varve_bench\r\nContent-Length: ", body.size(), "\r\n\r\n");
  request += body;
  if (!SendAll(request)) return 0;
  answer_.clear();
  char buffer[4096];
  size_t head = std::string::npos;
  while ((head = answer_.find("\r\n\r\n")) == std::string::npos) {
    const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
    if (n <= 0) return 0;
    answer_.append(buffer, static_cast<size_t>(n));
  }
  const int code = std::atoi(answer_.c_str() + 9);
  size_t length = 0;
  const size_t field = answer_.find("Content-Length: ");
  if (field < head)
    length = std::strtoul(answer_.c_str() + field + 16, nullptr, 10);
  while (answer_.size() < head + 4 + length) {
    const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
    if (n <= 0) return 0;
    answer_.append(buffer, static_cast<size_t>(n));
  }
  // The bodies of errors are told, not waited for further.
  if (code >= 300 || answer_.find("Connection: close") < head) Close();
  return code;
}

}  // namespace varve::bench

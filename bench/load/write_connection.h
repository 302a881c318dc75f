// Writes over one keep-alive connection, for load generators.
//
// Errors:  Die() ends the program when nobody can be reached; an answer's code
//          is the caller's to judge.
// Threads: one at a time.
#ifndef VARVE_BENCH_LOAD_WRITE_CONNECTION_H_
#define VARVE_BENCH_LOAD_WRITE_CONNECTION_H_

#include <string>
#include <string_view>

namespace varve::bench {

[[noreturn]] void Die(const std::string& why);

struct WriteTarget {
  std::string host, port, path;
  std::string headers;  // each with its line end
};
// `address` is host:port.
WriteTarget ParseWriteTarget(const std::string& address,
                             const std::string& path,
                             const std::string& headers);

class WriteConnection {
 public:
  // `target` outlives this.
  explicit WriteConnection(const WriteTarget& target) : target_(target) {}
  ~WriteConnection() { Close(); }
  WriteConnection(const WriteConnection&) = delete;
  WriteConnection& operator=(const WriteConnection&) = delete;

  // The status code of the answer; dials when needed, once more when the
  // server closed a connection that was idle or too old. 0: neither worked.
  int Post(const std::string& body);
  const std::string& answer() const { return answer_; }

 private:
  void Dial();
  void Close();
  bool SendAll(std::string_view bytes);
  int TryPost(const std::string& body);

  const WriteTarget& target_;
  int fd_ = -1;
  std::string answer_;
};

}  // namespace varve::bench

#endif  // VARVE_BENCH_LOAD_WRITE_CONNECTION_H_

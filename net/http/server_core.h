// What all connections of one server share. For net/http's .cc files.
//
// Threads: constant after Start but for the atomics and the guarded members.
#ifndef VARVE_NET_HTTP_SERVER_CORE_H_
#define VARVE_NET_HTTP_SERVER_CORE_H_

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/base/thread_pool.h"
#include "lib/telemetry/metrics.h"
#include "net/http/route_table.h"
#include "net/http/server.h"

namespace varve::http {

class Connection;

// Head of a request, request line included.
inline constexpr size_t kHeadBytesMax = 64 << 10;

struct CoreRoute {
  Route route;
  telemetry::Counter* requests = nullptr;
  telemetry::Counter* errors = nullptr;
};

struct ServerCore {
  ServerOptions options;
  std::vector<CoreRoute> routes;
  RouteTable table;
  std::string hostname;
  std::string authorization;  // "user:password"; "" asks for nothing
  telemetry::Counter* unsupported = nullptr;
  telemetry::Counter* wrong_basic_auth = nullptr;
  telemetry::Counter* wrong_auth_key = nullptr;
  telemetry::Counter* overloaded = nullptr;
  telemetry::Counter* too_many_streams = nullptr;
  telemetry::Counter* slow_streams = nullptr;
  // Of the Server, which waits for us.
  base::ThreadPool* pool = nullptr;
  base::ThreadPool* prompt_pool = nullptr;  // for routes that are `prompt`
  base::ThreadPool* stream_pool = nullptr;  // for bodies that still come

  std::atomic<bool> stopping{false};
  std::atomic<int64_t> body_bytes{0};  // received and not yet released
  // Bodies that still come and have a thread or wait for one.
  std::atomic<int> streams{0};
  int stream_threads = 0;

  base::Mutex mutex;
  base::CondVar connection_gone;
  std::map<Connection*, std::weak_ptr<Connection>> connections
      GUARDED_BY(mutex);
  // The pool takes no more: bytes may still lie in a closed socket.
  bool stopped GUARDED_BY(mutex) = false;

  std::vector<std::shared_ptr<Connection>> Connections();
  // As many bodies may wait as have threads.
  int streams_max() const { return 2 * stream_threads; }
  bool StreamsWait() const { return streams > stream_threads; }
};

// "the limit is -name=value bytes", for a flag given with or without its dash.
std::string LimitText(std::string_view flag, int64_t bytes_max);

// Answered without -http.pathPrefix and without a password too: what probes
// ask.
bool NeedsNoPrefix(std::string_view path);

inline int64_t SteadyMs() { return base::SystemClock().SteadyMs(); }

}  // namespace varve::http

#endif  // VARVE_NET_HTTP_SERVER_CORE_H_

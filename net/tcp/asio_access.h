// Asio behind net/tcp's plain headers; included by net/tcp's .cc files only.
#ifndef VARVE_NET_TCP_ASIO_ACCESS_H_
#define VARVE_NET_TCP_ASIO_ACCESS_H_

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <thread>
#include <vector>

#include "net/tcp/event_loop.h"

namespace varve::net {

namespace asio = boost::asio;
using AsioStrand = asio::strand<asio::io_context::executor_type>;

struct EventLoop::Core {
  explicit Core(int thread_count)
      : context(thread_count), work(asio::make_work_guard(context)) {}
  asio::io_context context;
  asio::executor_work_guard<asio::io_context::executor_type> work;
  std::vector<std::thread> threads;
};

struct Strand::Core {
  explicit Core(asio::io_context& loop_context)
      : context(loop_context), strand(asio::make_strand(loop_context)) {}
  asio::io_context& context;
  AsioStrand strand;
};

struct AsioAccess {
  static asio::io_context& Context(EventLoop& loop) {
    return loop.core_->context;
  }
  static const AsioStrand& Executor(const Strand& strand) {
    return strand.core_->strand;
  }
  static asio::io_context& Context(const Strand& strand) {
    return strand.core_->context;
  }
};

}  // namespace varve::net

#endif  // VARVE_NET_TCP_ASIO_ACCESS_H_

#include "net/tcp/event_loop.h"

#include <pthread.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "lib/base/machine.h"
#include "net/tcp/asio_access.h"

namespace varve::net {
namespace {

int ThreadsFor(int asked) {
  if (asked > 0) return asked;
  return base::CpuThreads() > 4 ? 2 : 1;
}

}  // namespace

void Strand::Post(std::function<void()> task) const {
  asio::post(core_->strand, std::move(task));
}

void Strand::After(absl::Duration delay, std::function<void()> task) const {
  auto timer = std::make_unique<asio::steady_timer>(core_->strand);
  timer->expires_after(absl::ToChronoNanoseconds(delay));
  asio::steady_timer& waiting = *timer;
  waiting.async_wait(asio::bind_executor(
      core_->strand, [timer = std::move(timer), task = std::move(task)](
                         const boost::system::error_code& error) {
        if (!error) task();
      }));
}

EventLoop::EventLoop(int threads) {
  const int count = ThreadsFor(threads);
  core_ = std::make_unique<Core>(count);
  for (int i = 0; i < count; ++i) {
    core_->threads.emplace_back([core = core_.get()] {
      pthread_setname_np(pthread_self(), "net-loop");
      core->context.run();
    });
  }
}

EventLoop::~EventLoop() { Stop(); }

Strand EventLoop::NewStrand() {
  return Strand(std::make_shared<Strand::Core>(core_->context));
}

void EventLoop::Stop() {
  core_->work.reset();
  core_->context.stop();
  for (std::thread& thread : core_->threads) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace varve::net

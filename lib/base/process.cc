#include "lib/base/process.h"

#include <pthread.h>

#include <cstdlib>

#include "lib/base/log.h"

namespace varve::base {

void ExitFatally(std::string_view text, const char* file, uint32_t line) {
  WriteLogLine(LogLevel::kFatal, SourcePlace{file, line}, text);
  std::_Exit(kExitConfig);
}

SignalWaiter::SignalWaiter() {
  sigemptyset(&signals_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP})
    sigaddset(&signals_, signal);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

int SignalWaiter::Wait(const std::function<void()>& on_hangup) {
  for (;;) {
    int signal = 0;
    if (sigwait(&signals_, &signal) != 0) continue;
    if (signal == SIGHUP) {
      if (on_hangup) on_hangup();
      continue;
    }
    LogInfo("received signal ", signal == SIGINT ? "interrupt" : "terminated");
    return signal;
  }
}

bool SignalWaiter::Pending() {
  sigset_t pending;
  sigemptyset(&pending);
  if (sigpending(&pending) != 0) return false;
  return sigismember(&pending, SIGINT) == 1 ||
         sigismember(&pending, SIGTERM) == 1;
}

}  // namespace varve::base

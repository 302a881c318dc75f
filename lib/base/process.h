// How a program starts and ends: signals become values of one thread.
//
//   int main(int argc, char** argv) {
//     base::SignalWaiter signals;  // before any thread starts
//     ... build and start ...
//     signals.Wait();              // SIGINT or SIGTERM
//     ... stop ...
//   }
//
// SIGINT, SIGTERM and SIGHUP are blocked in all threads from construction on,
// so that one that comes during start-up is not lost: Pending() tells long
// steps of the start of it. SIGPIPE is ignored: a closed connection is an
// error of the write.
//
// Threads: construct and Wait on the main thread; Pending from any.
#ifndef VARVE_LIB_BASE_PROCESS_H_
#define VARVE_LIB_BASE_PROCESS_H_

#include <csignal>
#include <functional>
#include <string_view>

#include "lib/base/log.h"

namespace varve::base {

// The exit code for what the configuration or the machine does not allow.
inline constexpr int kExitConfig = 255;

// Logs `text` as fatal, at the caller's place, and ends the process at once
// with kExitConfig. For start-up only: nothing is closed.
[[noreturn]] void ExitFatally(std::string_view text,
                              const char* file = __builtin_FILE(),
                              uint32_t line = __builtin_LINE());

class SignalWaiter {
 public:
  SignalWaiter();
  SignalWaiter(const SignalWaiter&) = delete;
  SignalWaiter& operator=(const SignalWaiter&) = delete;

  // Returns the number of the signal that ends the process. `on_hangup` is
  // called for each SIGHUP.
  int Wait(const std::function<void()>& on_hangup = {});

  // True when SIGINT or SIGTERM waits to be taken.
  static bool Pending();

 private:
  sigset_t signals_;
};

}  // namespace varve::base

#endif  // VARVE_LIB_BASE_PROCESS_H_

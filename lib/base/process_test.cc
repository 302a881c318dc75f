#include "lib/base/process.h"

#include <unistd.h>

#include <catch2/catch.hpp>

namespace varve::base {
namespace {

TEST_CASE("a signal that came before the wait is not lost", "[base]") {
  SignalWaiter signals;
  CHECK_FALSE(SignalWaiter::Pending());
  int hangups = 0;
  kill(getpid(), SIGHUP);
  kill(getpid(), SIGTERM);
  CHECK(SignalWaiter::Pending());
  CHECK(signals.Wait([&] { ++hangups; }) == SIGTERM);
  CHECK(hangups == 1);
  CHECK_FALSE(SignalWaiter::Pending());
}

}  // namespace
}  // namespace varve::base

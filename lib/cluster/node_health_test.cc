#include "lib/cluster/node_health.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "lib/base/status.h"

namespace varve::cluster {
namespace {

// Its calls get no answer.
class HangingChannel final : public rpc::Channel {
 public:
  class HangingCall final : public rpc::Call {
   public:
    explicit HangingCall(int* alive) : alive_(alive) { ++*alive_; }
    ~HangingCall() override { --*alive_; }
    absl::StatusOr<std::optional<std::string>> Next(int64_t) override {
      return base::Unavailable("no answer");
    }
    bool ready() override { return false; }

   private:
    int* const alive_;
  };

  std::unique_ptr<rpc::Call> Start(rpc::Method, std::string) override {
    return std::make_unique<HangingCall>(&calls);
  }
  bool connected() const override { return true; }
  std::string peer_hello() const override { return ""; }
  uint64_t connection_epoch() const override { return epoch; }
  const std::string& address() const override { return name; }

  int calls = 0;  // that are alive
  uint64_t epoch = 1;
  const std::string name = "s0:8400";
};

TEST_CASE("a node that hangs is not fit, over a new connection it is",
          "[cluster]") {
  HangingChannel channel;
  NodeHealth health;
  CHECK(health.Fit(channel, 0));
  health.Suspend(channel, 1'000);
  CHECK_FALSE(health.Fit(channel, 1'500));
  CHECK_FALSE(health.Fit(channel, 60'000));
  CHECK(health.DownForMs(60'000) == 58'500);
  CHECK(channel.calls == 1);
  // The call over the old connection is not kept, nor is that connection.
  channel.epoch = 2;
  CHECK(health.Fit(channel, 61'000));
  CHECK(channel.calls == 0);
}

}  // namespace
}  // namespace varve::cluster

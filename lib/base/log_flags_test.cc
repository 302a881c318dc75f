#include "lib/base/log_flags.h"

#include <catch2/catch.hpp>

namespace varve::base {
namespace {

absl::Status Configured(const std::vector<std::string>& args) {
  FlagSet flags("test");
  const LogFlags log_flags(flags);
  int exit_code;
  REQUIRE(flags.Parse(args, &exit_code).ok());
  return log_flags.Configure();
}

TEST_CASE("known logger settings are taken, others refused", "[base]") {
  CHECK(Configured({"-loggerFormat=json", "-loggerLevel=ERROR",
                    "-loggerTimezone=Local"})
            .ok());
  CHECK(Configured({}).ok());
  CHECK_FALSE(Configured({"-loggerFormat=xml"}).ok());
  CHECK_FALSE(Configured({"-loggerLevel=loud"}).ok());
  CHECK_FALSE(Configured({"-loggerOutput=/tmp/x"}).ok());
  CHECK(Configured({}).ok());
}

}  // namespace
}  // namespace varve::base

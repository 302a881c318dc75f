#include <catch2/catch.hpp>
#include "lib/base/flags.h"
#include "lib/storenode/storage_flags.h"
#include "lib/storenode/test_node.h"

namespace varve::storenode {
namespace {

TEST_CASE("an explicit interval of 0 is told, the default is not",
          "[storenode]") {
  TestNode node({"-dedup.minScrapeInterval=0"});
  proto::Coverage coverage;
  (void)node.Search(coverage);
  CHECK(coverage.dedup_keep_all());
}

TEST_CASE("retentions below their minimum are refused", "[storenode]") {
  for (const char* arg : {"-retentionPeriod=23h", "-futureRetention=1d"}) {
    base::FlagSet flag_set("test");
    const StorageFlags flags(flag_set, "x");
    int exit_code = 0;
    REQUIRE(flag_set.Parse({arg}, &exit_code).ok());
    CHECK(absl::IsInvalidArgument(flags.Check()));
  }
}

TEST_CASE("a weight that is none is refused", "[storenode]") {
  for (const char* arg : {"-storage.weight=0", "-storage.weight=1001"}) {
    base::FlagSet flag_set("test");
    const StorageFlags flags(flag_set, "x");
    int exit_code = 0;
    REQUIRE(flag_set.Parse({arg}, &exit_code).ok());
    CHECK(absl::IsInvalidArgument(flags.Check()));
  }
}

TEST_CASE("a flag an operator passes is known", "[storenode]") {
  base::FlagSet flag_set("test");
  const StorageFlags flags(flag_set, "x");
  int exit_code = 0;
  CHECK(flag_set
            .Parse({"-vminsertAddr=:8400", "-vmselectAddr=:8401",
                    "-retentionPeriod=1", "-storageDataPath=/storage",
                    "-dedup.minScrapeInterval=1ms", "-license=abc",
                    "-retentionFilter={a=\"b\"}:1d",
                    "-storage.vminsertConnsShutdownDuration=1ms"},
                   &exit_code)
            .ok());
  CHECK(flags.Check().ok());
  CHECK(flags.EngineOptions().retention_ms == 31 * model::kDayMs);
  CHECK(flags.EngineOptions().dedup.interval_ms == 1);
}

}  // namespace
}  // namespace varve::storenode

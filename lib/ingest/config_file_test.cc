#include "lib/ingest/config_file.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "lib/base/status.h"
#include "tests/support/becomes_true.h"
#include "tests/support/temp_dir.h"

namespace varve::ingest {
namespace {

struct Watched {
  tests::TempDir folder;
  std::string path = folder.File("limits.yaml");
  base::ManualClock clock{1'700'000'000'000};
  telemetry::Metrics metrics{"vminsert", nullptr};
  std::vector<std::string> taken;

  // Beside and renamed, as editors and ConfigMaps do.
  void Write(const std::string& text) {
    std::ofstream(path + ".new") << text;
    std::filesystem::rename(path + ".new", path);
  }
  std::unique_ptr<ConfigFile> File() {
    return std::make_unique<ConfigFile>(
        ConfigFileOptions{.flag = "-some.file",
                          .path = path,
                          .metric_prefix = "vm_some_config",
                          .metrics = &metrics,
                          .clock = &clock},
        [this](std::string_view text) {
          if (text == "bad") return base::InvalidArgument("line 1 is bad");
          taken.emplace_back(text);
          return absl::OkStatus();
        });
  }
  double Gauge(const std::string& name) {
    return metrics.AddGauge("vm_some_config_" + name).value();
  }
  int64_t Counted(const std::string& name) {
    return metrics.AddCounter("vm_some_config_" + name).value();
  }
};

TEST_CASE("a file is loaded, and again when it changed", "[ingest]") {
  Watched watched;
  watched.Write("one");
  const auto file = watched.File();
  REQUIRE(file->Load().ok());
  file->LoadIfChanged();
  CHECK(watched.taken == std::vector<std::string>{"one"});
  CHECK(watched.Gauge("last_reload_successful") == 1);
  CHECK(watched.Gauge("last_reload_success_timestamp_seconds") ==
        1'700'000'000);
  watched.clock.Advance(60'000);
  watched.Write("two");
  file->LoadIfChanged();
  file->LoadIfChanged();
  CHECK(watched.taken == std::vector<std::string>{"one", "two"});
  CHECK(watched.Gauge("last_reload_success_timestamp_seconds") ==
        1'700'000'060);
  CHECK(watched.Counted("reloads_total") == 2);
  REQUIRE(file->Load().ok());  // asked for, it is read unchanged as well
  CHECK(watched.taken.size() == 3);
}

TEST_CASE("what is fetched is taken when it is another text", "[ingest]") {
  Watched watched;
  absl::StatusOr<std::string> answer = std::string("one");
  ConfigFile file({.flag = "-some.file",
                   .path = "http://x",
                   .fetch = [&answer] { return answer; },
                   .metric_prefix = "vm_some_config",
                   .metrics = &watched.metrics,
                   .clock = &watched.clock},
                  [&watched](std::string_view text) {
                    watched.taken.emplace_back(text);
                    return absl::OkStatus();
                  });
  REQUIRE(file.Load().ok());
  file.LoadIfChanged();
  CHECK(watched.Counted("reloads_total") == 1);
  answer = base::Unavailable("gone");
  file.LoadIfChanged();
  CHECK(watched.Gauge("last_reload_successful") == 0);
  CHECK(base::Message(file.Load()) == "-some.file=http://x: gone");
  answer = std::string("one");
  file.LoadIfChanged();
  CHECK(watched.Gauge("last_reload_successful") == 1);
  answer = std::string("two");
  file.LoadIfChanged();
  file.LoadIfChanged();
  CHECK(watched.taken == std::vector<std::string>{"one", "one", "two"});
}

TEST_CASE("one fetch serves all that ask before it begins, none later",
          "[ingest]") {
  Watched watched;
  std::atomic<int> fetches{0};
  std::atomic<int> ended{0};
  std::atomic<bool> changed{false};
  std::atomic<bool> go{false};
  ConfigFile file({.flag = "-some.file",
                   .path = "http://x",
                   .fetch = [&]() -> absl::StatusOr<std::string> {
                     const std::string text = changed ? "new" : "old";
                     ++fetches;
                     while (!go) std::this_thread::yield();
                     return text;
                   },
                   .metric_prefix = "vm_some_config",
                   .metrics = &watched.metrics,
                   .clock = &watched.clock},
                  [&](std::string_view text) {
                    watched.taken.emplace_back(text);
                    return absl::OkStatus();
                  });
  std::thread first([&] { CHECK(file.Load().ok()); });
  while (fetches == 0) std::this_thread::yield();
  file.LoadIfChanged();  // leaves it to the other
  changed = true;
  std::vector<std::thread> later;
  std::atomic<int> old{0};
  constexpr int kLater = 6;
  for (int i = 0; i < kLater; ++i) {
    later.emplace_back([&] {
      const bool good = file.Load().ok();
      // What is taken is another's affair while it takes it.
      if (!good || fetches < 2) ++old;
      ++ended;
    });
  }
  // Time for some to come upon the first's.
  const absl::Time then = absl::Now() + absl::Milliseconds(50);
  while (absl::Now() < then) std::this_thread::yield();
  CHECK(ended == 0);
  go = true;
  first.join();
  for (std::thread& thread : later) thread.join();
  CHECK(old == 0);
  CHECK(watched.taken.front() == "old");
  CHECK(watched.taken.back() == "new");
  CHECK(fetches >= 2);
  CHECK(fetches < 1 + kLater);
}

TEST_CASE("a bad or missing file keeps the old and shows in the metrics",
          "[ingest]") {
  Watched watched;
  watched.Write("one");
  const auto file = watched.File();
  REQUIRE(file->Load().ok());
  watched.clock.Advance(60'000);
  watched.Write("bad");
  file->LoadIfChanged();
  file->LoadIfChanged();
  CHECK(watched.taken == std::vector<std::string>{"one"});
  CHECK(watched.Gauge("last_reload_successful") == 0);
  CHECK(watched.Gauge("last_reload_success_timestamp_seconds") ==
        1'700'000'000);
  CHECK(watched.Counted("reloads_errors_total") == 1);  // once per change
  const absl::Status status = file->Load();
  CHECK(base::Message(status) == base::StrCat("-some.file=", watched.path,
                                              ": line 1 is bad"));
  std::filesystem::remove(watched.path);
  file->LoadIfChanged();
  CHECK(watched.Counted("reloads_errors_total") == 3);
  watched.Write("three");
  file->LoadIfChanged();
  CHECK(watched.taken.back() == "three");
  CHECK(watched.Gauge("last_reload_successful") == 1);
}

TEST_CASE("a reloader refuses a bad start, watches and reloads", "[ingest]") {
  Watched watched;
  {
    ConfigReloader reloader;
    CHECK_FALSE(reloader.Add(watched.File(), absl::ZeroDuration()).ok());
    watched.Write("bad");
    CHECK_FALSE(reloader.Add(watched.File(), absl::ZeroDuration()).ok());
    watched.Write("one");
    REQUIRE(reloader.Add(watched.File(), absl::Milliseconds(10)).ok());
    reloader.Start();
    watched.Write("two");
    CHECK(tests::BecomesTrue(
        [&] { return watched.Counted("reloads_total") == 4; }));
    watched.Write("bad");
    CHECK(tests::BecomesTrue(
        [&] { return watched.Gauge("last_reload_successful") == 0; }));
    CHECK_FALSE(reloader.ReloadAll().ok());
    watched.Write("three");
    CHECK(reloader.ReloadAll().ok());
  }
  CHECK(watched.taken.front() == "one");
  CHECK(watched.taken.back() == "three");
}

}  // namespace
}  // namespace varve::ingest

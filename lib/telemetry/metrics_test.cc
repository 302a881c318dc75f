#include "lib/telemetry/metrics.h"

#include <catch2/catch.hpp>

#include <limits>
#include <thread>

#include "lib/base/clock.h"
#include "lib/base/flags.h"
#include "lib/base/log.h"
#include "lib/telemetry/metrics_text.h"

namespace varve::telemetry {
namespace {

bool HasLine(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST_CASE("a counter is there with 0 and labels keep their order",
          "[telemetry]") {
  Metrics metrics("vmstorage", nullptr);
  Counter& rows = metrics.AddCounter("vm_rows_sent_total",
                                     {{"name", "vminsert"}, {"addr", "a:1"}});
  CHECK(HasLine(metrics.Text(),
                "vm_rows_sent_total{name=\"vminsert\",addr=\"a:1\"} 0"));
  rows.Add(5);
  CHECK(&rows == &metrics.AddCounter("vm_rows_sent_total",
                                     {{"name", "vminsert"}, {"addr", "a:1"}}));
  CHECK(HasLine(metrics.Text(),
                "vm_rows_sent_total{name=\"vminsert\",addr=\"a:1\"} 5"));
}

TEST_CASE("a name comes before longer names that begin with it",
          "[telemetry]") {
  Metrics metrics("vmstorage", nullptr);
  metrics.AddCounter("vm_rows_added_total");
  metrics.AddGauge("vm_rows", {{"type", "storage/big"}}).Set(1.5);
  const std::string text = metrics.Text();
  CHECK(text.find("\nvm_rows{type=\"storage/big\"} 1.5\n") <
        text.find("\nvm_rows_added_total 0\n"));
}

TEST_CASE("label values are escaped", "[telemetry]") {
  CHECK(LabelText({{"a", "x\"y\\z\n"}}) == "{a=\"x\\\"y\\\\z\\n\"}");
  CHECK(LabelText({}).empty());
}

TEST_CASE("numbers read back as they were", "[telemetry]") {
  CHECK(NumberText(0.0) == "0");
  CHECK(NumberText(1e9) == "1000000000");
  CHECK(NumberText(0.1) == "0.1");
  CHECK(NumberText(1e300) == "1e+300");
  CHECK(NumberText(std::numeric_limits<double>::infinity()) == "+Inf");
  CHECK(NumberText(-std::numeric_limits<double>::infinity()) == "-Inf");
  CHECK(NumberText(std::numeric_limits<double>::quiet_NaN()) == "NaN");
  CHECK(NumberText(std::numeric_limits<int64_t>::min()) ==
        "-9223372036854775808");
}

TEST_CASE("histogram ranges are those dashboards know", "[telemetry]") {
  Metrics metrics("vminsert", nullptr);
  RangeHistogram& rows = metrics.AddHistogram("h", {{"type", "x"}});
  CHECK(HasLine(metrics.Text(), "h_count{type=\"x\"} 0"));
  for (const double value : {1.0, 0.9, 1.01, 0.0, 1e-9, 2e18, 1e18}) {
    rows.Observe(value);
  }
  rows.Observe(-1);
  rows.Observe(std::numeric_limits<double>::quiet_NaN());
  const std::string text = metrics.Text();
  CHECK(HasLine(
      text, "h_bucket{type=\"x\",vmrange=\"8.799e-01...1.000e+00\"} 2"));
  CHECK(HasLine(
      text, "h_bucket{type=\"x\",vmrange=\"1.000e+00...1.136e+00\"} 1"));
  CHECK(HasLine(text, "h_bucket{type=\"x\",vmrange=\"0...1.000e-09\"} 2"));
  CHECK(HasLine(text,
                "h_bucket{type=\"x\",vmrange=\"8.799e+17...1.000e+18\"} 1"));
  CHECK(HasLine(text, "h_bucket{type=\"x\",vmrange=\"1.000e+18...+Inf\"} 1"));
  CHECK(HasLine(text, "h_count{type=\"x\"} 7"));
}

TEST_CASE("a summary has the five quantiles of the last minutes",
          "[telemetry]") {
  Metrics metrics("vmselect", nullptr);
  QuantileSummary& shown = metrics.AddSummary("s", {{"path", "/q"}});
  CHECK(HasLine(metrics.Text(), "s_count{path=\"/q\"} 0"));
  for (int i = 1; i <= 100; ++i) shown.Observe(i);
  const std::string text = metrics.Text();
  CHECK(HasLine(text, "s{path=\"/q\",quantile=\"0.5\"} 50"));
  CHECK(HasLine(text, "s{path=\"/q\",quantile=\"0.9\"} 90"));
  CHECK(HasLine(text, "s{path=\"/q\",quantile=\"0.97\"} 97"));
  CHECK(HasLine(text, "s{path=\"/q\",quantile=\"0.99\"} 99"));
  CHECK(HasLine(text, "s{path=\"/q\",quantile=\"1\"} 100"));
  CHECK(HasLine(text, "s_sum{path=\"/q\"} 5050"));
}

TEST_CASE("old values leave the quantiles, not the sum", "[telemetry]") {
  base::ManualClock clock(1'000'000);
  QuantileSummary summary(clock);
  summary.Observe(7);
  CHECK(summary.Text("s").find("quantile=\"1\"} 7") != std::string::npos);
  clock.Advance(160'000);
  summary.Observe(3);
  CHECK(summary.Text("s").find("quantile=\"1\"} 7") != std::string::npos);
  clock.Advance(160'000);
  CHECK(summary.Text("s").find("quantile=\"1\"} 3") != std::string::npos);
  clock.Advance(1'000'000);
  CHECK(summary.Text("s") == "s_sum 10\ns_count 2\n");
}

TEST_CASE("callbacks are asked until their owner removes them",
          "[telemetry]") {
  Metrics metrics("vmstorage", nullptr);
  int owner = 0;
  metrics.AddCallback(&owner, "vm_snapshots", {}, [] { return 3.0; });
  CHECK(HasLine(metrics.Text(), "vm_snapshots 3"));
  metrics.RemoveCallbacks(&owner);
  CHECK(metrics.Text().find("vm_snapshots") == std::string::npos);
}

TEST_CASE("removing callbacks waits for scrapes", "[telemetry]") {
  Metrics metrics("vmstorage", nullptr);
  std::atomic<bool> done = false;
  std::thread scraper([&] {
    while (!done) (void)metrics.Text();
  });
  for (int i = 0; i < 200; ++i) {
    auto value = std::make_unique<std::atomic<double>>(i);
    metrics.AddCallback(&value, "g", {},
                        [read = value.get()] { return read->load(); });
    metrics.RemoveCallbacks(&value);
  }
  done = true;
  scraper.join();
}

TEST_CASE("the app says its version, flags and log lines", "[telemetry]") {
  base::FlagSet flags("varve-storage");
  flags.String("storageDataPath", "d", "");
  flags.Secret("httpAuth.password", "");
  int exit_code;
  REQUIRE(flags.Parse({"-storageDataPath=x", "-httpAuth.password=p"},
                      &exit_code)
              .ok());
  base::LogInfo("a line");
  Metrics metrics("vmstorage", &flags);
  const std::string text = metrics.Text();
  CHECK_THAT(text, Catch::Contains("vm_app_version{version=\"vmstorage-20"));
  CHECK_THAT(text, Catch::Contains("-varve-0.1.0\",short_version=\"v0.1.0\"}"));
  CHECK(HasLine(text,
                "flag{name=\"storageDataPath\",value=\"x\",is_set=\"true\"} 1"));
  CHECK(HasLine(text, "flag{name=\"httpAuth.password\",value=\"secret\","
                      "is_set=\"true\"} 1"));
  CHECK_THAT(text, Catch::Contains("vm_log_messages_total{app_version=\"vms"));
  CHECK(text.find("# TYPE") == std::string::npos);
}

TEST_CASE("the kernel's figures are there and plausible", "[telemetry]") {
  Metrics metrics("vmstorage", nullptr);
  std::string text = metrics.Text();
  text.insert(0, 1, '\n');
  const auto value = [&text](const std::string& name) {
    const size_t at = text.find("\n" + name + " ");
    CAPTURE(name);
    REQUIRE(at != std::string::npos);
    return std::stod(text.substr(at + name.size() + 2));
  };
  CHECK(value("process_resident_memory_bytes") > 1 << 20);
  CHECK(value("process_resident_memory_anon_bytes") > 0);
  CHECK(value("process_cpu_seconds_total") >= 0);
  CHECK(value("process_open_fds") >= 2);
  CHECK(value("process_max_fds") > 10);
  CHECK(value("process_num_threads") >= 1);
  CHECK(value("process_start_time_seconds") > 1.5e9);
  CHECK(value("vm_app_start_timestamp") > 1.5e9);
  CHECK(value("process_io_read_syscalls_total") > 0);
  CHECK(value("process_pressure_cpu_waiting_seconds_total") >= 0);
  CHECK(value("process_pressure_memory_stalled_seconds_total") >= 0);
  CHECK(value("vm_available_memory_bytes") > 1 << 20);
}

TEST_CASE("types are told with -metrics.exposeMetadata", "[telemetry]") {
  base::FlagSet flags("varve-storage");
  flags.Bool("metrics.exposeMetadata", true, "");
  Metrics metrics("vmstorage", &flags);
  metrics.AddCounter("vm_x_total");
  metrics.AddSummary("vm_s");
  CHECK(HasLine(metrics.Text(), "# TYPE vm_x_total counter"));
  CHECK(HasLine(metrics.Text(), "# TYPE vm_s summary"));
}

}  // namespace
}  // namespace varve::telemetry

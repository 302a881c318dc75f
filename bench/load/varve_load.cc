// Replays node_exporter-like writes and measures who takes them.
//
//   varve_load -target=127.0.0.1:8480 -path=/insert/0/prometheus/api/v1/write
//     -series=100000 -rounds=120 -connections=4 -pid=insert=123 -pid=storage=7
//     -dir=storage=/tmp/data
//
// Each round is one sample of every series, -interval apart in time; rounds
// follow one another as fast as they are taken, or every -pace. The first
// -warmupRounds, which create the series, are reported apart. Timestamps end
// at the start of the program, so that all of them are in the past.
//
// Prints one line per measure, `name value unit`, for scripts.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "bench/load/node_series.h"
#include "bench/load/process_stats.h"
#include "bench/load/request_bodies.h"
#include "bench/load/write_connection.h"
#include "lib/base/clock.h"
#include "lib/base/flags.h"
#include "lib/base/strings.h"

namespace varve::bench {
namespace {

struct Settings {
  WriteTarget target;
  int64_t series = 0, rounds = 0, warmup_rounds = 0;
  int64_t connections = 0, batch = 0, interval_ms = 0, pace_ms = 0;
  int64_t jitter_ms = 0;
  int64_t first_ms = 0;
};

double NowSeconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

struct Results {
  std::atomic<int64_t> samples{0};
  std::atomic<int64_t> errors{0};
  std::vector<std::vector<double>> latencies;  // by connection
};

std::string MakeBody(const Settings& settings, const RequestBodies& bodies,
                     int64_t first, int64_t count, int64_t round) {
  std::vector<int64_t> times_ms;
  for (int64_t s = first; s < first + count; ++s) {
    times_ms.push_back(settings.first_ms + round * settings.interval_ms +
                       JitterAt(s, round, settings.jitter_ms));
  }
  return bodies.Make(first, round, times_ms);
}

// Rounds [from, to) of the series of one connection.
void RunConnection(const Settings& settings, const RequestBodies& bodies,
                   int64_t index, int64_t from, int64_t to, double begin_s,
                   Results& results) {
  WriteConnection connection(settings.target);
  const int64_t first = settings.series * index / settings.connections;
  const int64_t last = settings.series * (index + 1) / settings.connections;
  for (int64_t round = from; round < to; ++round) {
    if (settings.pace_ms > 0) {
      const double due =
          begin_s +
          static_cast<double>((round - from) * settings.pace_ms) / 1e3;
      const double left = due - NowSeconds();
      if (left > 0) usleep(static_cast<useconds_t>(left * 1e6));
    }
    for (int64_t s = first; s < last; s += settings.batch) {
      const int64_t count = std::min(settings.batch, last - s);
      const std::string body = MakeBody(settings, bodies, s, count, round);
      const double sent_s = NowSeconds();
      const int code = connection.Post(body);
      results.latencies[index].push_back(NowSeconds() - sent_s);
      if (code == 204 || code == 200) {
        results.samples += count;
      } else if (results.errors++ == 0) {
        std::fprintf(stderr, "varve_load: answer %d: %s\n", code,
                     connection.answer().substr(0, 500).c_str());
      }
    }
  }
}

struct Watched {
  std::string name;
  int pid = 0;
  double cpu_s = 0;
};

std::vector<std::pair<std::string, std::string>> NamedList(
    const base::ListFlag& flag) {
  std::vector<std::pair<std::string, std::string>> list;
  for (const std::string& item : flag.value()) {
    const size_t equals = item.find('=');
    if (equals == std::string::npos) {
      Die("-" + flag.name() + " wants name=value");
    }
    list.emplace_back(item.substr(0, equals), item.substr(equals + 1));
  }
  return list;
}

// One phase: rounds [from, to); prints what it measured, names prefixed.
void RunPhase(const Settings& settings, const RequestBodies& bodies,
              const std::string& phase, int64_t from, int64_t to,
              std::vector<Watched>& watched) {
  if (from == to) return;
  Results results;
  results.latencies.resize(settings.connections);
  for (Watched& process : watched) process.cpu_s = CpuSeconds(process.pid);
  const double begin_s = NowSeconds();
  std::vector<std::thread> threads;
  for (int64_t i = 0; i < settings.connections; ++i) {
    threads.emplace_back([&, i] {
      RunConnection(settings, bodies, i, from, to, begin_s, results);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = NowSeconds() - begin_s;
  std::vector<double> all;
  for (const auto& list : results.latencies) {
    all.insert(all.end(), list.begin(), list.end());
  }
  std::sort(all.begin(), all.end());
  const auto samples = static_cast<double>(results.samples.load());
  const char* const p = phase.c_str();
  std::printf("%s.samples %.0f\n", p, samples);
  std::printf("%s.errors %ld requests\n", p,
              static_cast<long>(results.errors.load()));
  std::printf("%s.rate %.0f samples/s\n", p, samples / seconds);
  std::printf("%s.latency_p50 %.2f ms\n", p, all[all.size() / 2] * 1e3);
  std::printf("%s.latency_p99 %.2f ms\n", p, all[all.size() * 99 / 100] * 1e3);
  double total = 0;
  for (const Watched& process : watched) {
    const double cost =
        (CpuSeconds(process.pid) - process.cpu_s) / samples * 1e6;
    total += cost;
    std::printf("%s.cpu.%s %.3f s/Msample\n", p, process.name.c_str(), cost);
  }
  if (!watched.empty()) {
    std::printf("%s.cpu.total %.3f s/Msample\n", p, total);
  }
  std::fflush(stdout);
}

int Run(int argc, char** argv) {
  base::FlagSet flags("varve_load");
  const auto& target = flags.String("target", "127.0.0.1:8480", "host:port");
  const auto& path = flags.String("path", "/insert/0/prometheus/api/v1/write",
                                  "where remote writes go");
  const auto& format =
      flags.String("format", "write1", "write1, write2, text, influx or otlp");
  const auto& codec =
      flags.String("codec", "snappy", "snappy, zstd, gzip or none");
  const auto& series = flags.Int("series", 100'000, "how many series");
  const auto& rounds = flags.Int("rounds", 120, "samples of each series");
  const auto& warmup = flags.Int("warmupRounds", 1, "reported apart");
  const auto& connections = flags.Int("connections", 4, "at once");
  const auto& batch = flags.Int("batch", 1000, "series of one request");
  const auto& interval = flags.Duration("interval", "15s", "between samples");
  const auto& jitter = flags.Duration(
      "jitter", "0s", "each scrape of an instance is later by less than this");
  const auto& pace = flags.Duration("pace", "0", "real time between rounds");
  const auto& end = flags.Int("endMs", 0, "last timestamp; 0: now");
  const auto& pids = flags.List("pid", "", "name=pid of a process to watch");
  const auto& dirs = flags.List("dir", "", "name=path whose size is told");
  flags.ParseOrExit(argc, argv);

  Settings settings;
  const RequestBodies bodies(ParseBodyFormat(format.value()), codec.value(),
                             series.value());
  settings.target =
      ParseWriteTarget(target.value(), path.value(), bodies.Headers());
  settings.series = series.value();
  settings.rounds = rounds.value();
  settings.warmup_rounds = std::min(warmup.value(), rounds.value());
  settings.connections = connections.value();
  settings.batch = batch.value();
  settings.interval_ms = absl::ToInt64Milliseconds(interval.value());
  settings.jitter_ms = absl::ToInt64Milliseconds(jitter.value());
  settings.pace_ms = absl::ToInt64Milliseconds(pace.value());
  const int64_t last_ms =
      end.value() > 0 ? end.value() : base::SystemClock().NowMs();
  settings.first_ms = last_ms / settings.interval_ms * settings.interval_ms -
                      (settings.rounds - 1) * settings.interval_ms -
                      settings.jitter_ms;

  std::vector<Watched> watched;
  for (const auto& [name, pid] : NamedList(pids)) {
    watched.push_back({.name = name, .pid = std::atoi(pid.c_str())});
  }
  std::printf("first_ms %ld\nlast_ms %ld\n",
              static_cast<long>(settings.first_ms),
              static_cast<long>(settings.first_ms +
                                (settings.rounds - 1) * settings.interval_ms));
  RunPhase(settings, bodies, "new", 0, settings.warmup_rounds, watched);
  RunPhase(settings, bodies, "known", settings.warmup_rounds, settings.rounds,
           watched);
  double total_rss = 0;
  for (const Watched& process : watched) {
    const double mib =
        static_cast<double>(PeakRssBytes(process.pid)) / (1 << 20);
    total_rss += mib;
    std::printf("rss_peak.%s %.1f MiB\n", process.name.c_str(), mib);
  }
  if (!watched.empty()) std::printf("rss_peak.total %.1f MiB\n", total_rss);
  for (const auto& [name, dir] : NamedList(dirs)) {
    std::printf("disk.%s %.3f bytes/sample\n", name.c_str(),
                static_cast<double>(DirectoryBytes(dir)) /
                    static_cast<double>(settings.series * settings.rounds));
  }
  return 0;
}

}  // namespace
}  // namespace varve::bench

int main(int argc, char** argv) { return varve::bench::Run(argc, argv); }

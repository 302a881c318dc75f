// Writes one data set of the query benchmark by remote write.
//
//   query_load -target=127.0.0.1:8480 -set=hist -endMs=1700000000000
//     -path=/insert/0/prometheus/api/v1/write
//
// A request has up to -samples samples of each of 100 series, in the order of
// time, so that what is written is neither late nor out of order.
#include <algorithm>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "bench/load/write_connection.h"
#include "bench/query/data_sets.h"
#include "lib/base/byte_coding.h"
#include "lib/base/flags.h"
#include "lib/base/strings.h"
#include "lib/compress/compress.h"

namespace varve::bench {
namespace {

constexpr int64_t kSeriesPerRequest = 100;
constexpr int64_t kConnections = 4;

struct Job {
  DataSet set;
  WriteTarget target;
  int64_t first_ms = 0;
  int64_t samples_per_request = 0;
  std::vector<std::string> labels;  // by series
};

std::string Body(const Job& job, int64_t first, int64_t last, int64_t from,
                 int64_t to) {
  std::string body, out;
  for (int64_t s = first; s < last; ++s) {
    std::string series = job.labels[s];
    for (int64_t i = from; i < to; ++i) {
      std::string sample = "\x09";
      base::PutFixedLe(sample, job.set.value(s, i));
      sample.push_back('\x10');
      base::PutVarint(sample, static_cast<uint64_t>(
                                  job.first_ms + i * job.set.interval_ms));
      series.push_back('\x12');
      base::PutLengthPrefixed(series, sample);
    }
    body.push_back('\x0a');
    base::PutLengthPrefixed(body, series);
  }
  compress::SnappyCompress(body, out);
  return out;
}

// The share `index` of the series.
void Write(const Job& job, int64_t index) {
  WriteConnection connection(job.target);
  const int64_t begin = job.set.series * index / kConnections;
  const int64_t end = job.set.series * (index + 1) / kConnections;
  for (int64_t from = 0; from < job.set.samples;
       from += job.samples_per_request) {
    const int64_t to =
        std::min(job.set.samples, from + job.samples_per_request);
    for (int64_t s = begin; s < end; s += kSeriesPerRequest) {
      const int code = connection.Post(
          Body(job, s, std::min(end, s + kSeriesPerRequest), from, to));
      if (code != 204 && code != 200) {
        Die(base::StrCat("query_load: answer ", code, ": ",
                         connection.answer()));
      }
    }
  }
}

int Run(int argc, char** argv) {
  base::FlagSet flags("query_load");
  const auto& target = flags.String("target", "127.0.0.1:8480", "host:port");
  const auto& path = flags.String("path", "/insert/0/prometheus/api/v1/write",
                                  "where remote writes go");
  const auto& set = flags.String("set", "wide", "wide, hist or tsbs");
  const auto& end = flags.Int("endMs", 0, "timestamp of the last samples");
  const auto& samples = flags.Int("samples", 60, "of a series, each request");
  flags.ParseOrExit(argc, argv);

  Job job;
  const std::optional<DataSet> found = DataSetByName(set.value());
  if (!found) Die("query_load: unknown -set=" + set.value());
  job.set = *found;
  job.target = ParseWriteTarget(
      target.value(), path.value(),
      "Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n");
  job.first_ms = end.value() - (job.set.samples - 1) * job.set.interval_ms;
  job.samples_per_request = samples.value();
  for (int64_t s = 0; s < job.set.series; ++s) {
    job.labels.push_back(job.set.labels(s));
  }
  std::vector<std::thread> threads;
  for (int64_t i = 0; i < kConnections; ++i) {
    threads.emplace_back([&job, i] { Write(job, i); });
  }
  for (std::thread& thread : threads) thread.join();
  return 0;
}

}  // namespace
}  // namespace varve::bench

int main(int argc, char** argv) { return varve::bench::Run(argc, argv); }

// Remote write 2.0 bodies: the walker never reads outside them, labels it gives
// parse, and runs of starts lie within their series' samples.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "lib/protocol/check_body.h"
#include "lib/protocol/remote_write_2.h"
#include "lib/protocol/series_labels.h"
#include "tests/fuzz/seeds.h"

namespace {

using varve::protocol::BatchSeries;
using varve::protocol::SampleBatch;

void CheckSeries(const SampleBatch& batch, const BatchSeries& series) {
  std::vector<varve::model::Label> labels;
  if (!varve::protocol::ReadSeriesLabels(batch, series, labels).ok()) {
    std::abort();
  }
  for (const varve::model::StartRun& run : batch.Starts(series)) {
    if (run.start_ms == 0 || run.first_ms > run.last_ms) std::abort();
    const auto has = [&run](auto times_ms) {
      return std::find(times_ms.begin(), times_ms.end(), run.last_ms) !=
             times_ms.end();
    };
    if (!has(batch.Timestamps(series)) &&
        !has(batch.HistogramTimestamps(series))) {
      std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace varve::protocol;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  RemoteWrite2Walker walker(body);
  SampleBatch batch;
  bool good = true;
  for (bool more = true; more && good;) {
    batch.Clear();
    batch.form = RemoteWrite2Walker::kForm;
    const auto next = walker.Next(batch, 16);
    good = next.ok();
    more = good && *next;
    if (!good) break;
    for (const BatchSeries& series : batch.series) CheckSeries(batch, series);
  }
  if (good != CheckBody<RemoteWrite2Walker>(body).ok()) std::abort();
  return 0;
}

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  // {__name__="up"} 1 @1000 created at 500, with an exemplar and metadata.
  constexpr char kBody[] =
      "\x22\x00\x22\x08__name__\x22\x02up"
      "\x2a\x1b\x0a\x02\x01\x02"
      "\x12\x0c\x09\0\0\0\0\0\0\xf0\x3f\x10\xe8\x07"
      "\x22\x00\x2a\x02\x08\x01\x30\xf4\x03";
  add(kBody, sizeof(kBody) - 1);
}

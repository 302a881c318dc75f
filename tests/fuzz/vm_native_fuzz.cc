// VictoriaMetrics' native format: any bytes are read or refused, the same by
// the check before storing as by storing; what was written is read back.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "lib/model/label.h"
#include "lib/model/sample.h"
#include "lib/protocol/check_body.h"
#include "lib/protocol/vm_native_reader.h"
#include "lib/protocol/vm_native_writer.h"
#include "tests/fuzz/seeds.h"

namespace {

using namespace varve;

std::string Written(const std::vector<double>& values) {
  std::vector<int64_t> timestamps_ms;
  for (size_t i = 0; i < values.size(); ++i) {
    timestamps_ms.push_back(static_cast<int64_t>(i * i));
  }
  std::string body;
  protocol::VmNativeWriter::AppendHead(body, {0, INT64_MAX});
  protocol::VmNativeWriter writer;
  writer.Start({{"__name__", "up"}, {"job", "x"}});
  writer.Append(body, timestamps_ms, values);
  return body;
}

void ReadAny(std::string_view body) {
  protocol::VmNativeReader reader(body);
  protocol::SampleBatch batch;
  bool good = true;
  for (bool more = true; more && good;) {
    batch.Clear();
    const auto next = reader.Next(batch, 16);
    good = next.ok();
    more = good && *next;
    if (batch.values.size() != batch.timestamps_ms.size()) std::abort();
    for (const protocol::BatchSeries& series : batch.series) {
      if (!model::ParseCanonicalBytes(series.identity).ok()) std::abort();
    }
  }
  using protocol::CheckBody;
  if (good != CheckBody<protocol::VmNativeReader>(body).ok()) std::abort();
}

void ReadBack(std::string_view data) {
  if (data.size() < sizeof(double)) return;
  std::vector<double> values(data.size() / sizeof(double));
  std::memcpy(values.data(), data.data(), values.size() * sizeof(double));
  for (double& value : values) {
    const bool carried = model::IsStaleNan(value) ||
                         (!std::isnan(value) && std::abs(value) > 1e-290);
    if (!carried) value = 0;
  }
  const std::string body = Written(values);
  protocol::VmNativeReader reader(body);
  protocol::SampleBatch batch;
  const auto more = reader.Next(batch, SIZE_MAX);
  if (!more.ok() || *more || batch.values.size() != values.size()) std::abort();
  for (size_t i = 0; i < values.size(); ++i) {
    const double read = batch.values[i];
    if (model::SameBits(read, values[i])) continue;
    if (!(std::abs(read / values[i] - 1) <= 0x1p-50)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  ReadAny(bytes);
  ReadBack(bytes);
  return 0;
}

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  std::vector<double> gauge, counter;
  for (int i = 0; i < 200; ++i) {
    gauge.push_back(i * 7919 % 1009 / 8.0);
    counter.push_back(i * 1000 + i * i % 90);
  }
  const std::vector<double> few = {1, 5, 2, 1e300, 3};
  for (const auto& values : {gauge, counter, few}) {
    const std::string body = Written(values);
    add(body.data(), body.size());
  }
}

#include "bench/record/recording.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/compress/compress.h"

namespace varve::bench {
namespace {

constexpr std::string_view kMagic = "VARVEREC1\n";
constexpr size_t kBytesMax = size_t{1} << 30;

std::string Text(base::ByteReader& reader) {
  return std::string(reader.Bytes(reader.FixedLe<uint32_t>()));
}

template <typename Number>
std::vector<Number> Numbers(base::ByteReader& reader, size_t count) {
  const std::string_view bytes = reader.Bytes(count * sizeof(Number));
  std::vector<Number> numbers(bytes.size() / sizeof(Number));
  std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}

RecordedTarget ReadTarget(base::ByteReader& reader) {
  RecordedTarget target;
  target.job = Text(reader);
  target.scrapes_ms = Numbers<int64_t>(reader, reader.FixedLe<uint32_t>());
  const auto runs = reader.FixedLe<uint32_t>();
  for (uint32_t i = 0; i < runs && reader.ok(); ++i) {
    RecordedRun run;
    run.labels = Text(reader);
    run.first = reader.FixedLe<uint32_t>();
    run.values = Numbers<double>(reader, reader.FixedLe<uint32_t>());
    target.runs.push_back(std::move(run));
  }
  return target;
}

}  // namespace

absl::StatusOr<std::vector<RecordedTarget>> ReadRecording(
    const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string packed((std::istreambuf_iterator<char>(file)), {});
  std::string bytes;
  RETURN_IF_ERROR(compress::ZstdDecompress(packed, kBytesMax, bytes));
  base::ByteReader reader(bytes);
  if (reader.Bytes(kMagic.size()) != kMagic) {
    return base::DataLoss(path, ": not a recording");
  }
  std::vector<RecordedTarget> targets;
  const auto count = reader.FixedLe<uint32_t>();
  for (uint32_t i = 0; i < count && reader.ok(); ++i) {
    targets.push_back(ReadTarget(reader));
  }
  if (!reader.AtEnd()) return base::DataLoss(path, ": cut or surplus bytes");
  return targets;
}

}  // namespace varve::bench

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>

#include "lib/base/strings.h"
#include "lib/compress/compress.h"
#include "lib/model/sample.h"
#include "lib/protocol/check_body.h"
#include "lib/protocol/vm_native_decimal.h"
#include "lib/protocol/vm_native_reader.h"
#include "lib/protocol/vm_native_writer.h"

namespace varve::protocol {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// What victoria-metrics 1.145 answered to /api/v1/export/native for 1690000000
// to 1710000000 after an import of known samples. Series of one sample, of
// constants, of specials and of few samples:
constexpr std::string_view kFew =
    "00000312f7b308000000031c47e298000000000d73696e676c65016a6f62016101000000"
    "1480a0abfef96280a0abfef9621d010103034000000000000b666577016a6f6201c3a401"
    "0000002280a0abfef962a29eb6fef96202070005064008b2ea0104090404090608050c09"
    "0c0d000000097370656369616c73010000003b80a0abfef962f0b3b4fef9628080a0f6f4"
    "acdbe01b05b40405064008b0ea010000b0ea0116feffdf898bd3a49fe40102ffffffffff"
    "ffffffff01000000000e636f6e73740161013101620132010000001a80a0abfef962b0fe"
    "b0fef96206040005034006b0ea0100a01f00";
// 150 samples at 1700000000000 + 15000*i + i*i%7 of i*1000 + i*i*7919%90:
constexpr std::string_view kCounter =
    "00000312f7b308000000031c47e298000000000e636f756e7465725f746f74616c010000"
    "00d680a0abfef962f889bc80fa62009601000101406628b52ffd2097ed02004403b2ea01"
    "040904040904090409040904090409040904090409040904090409040904090409040904"
    "0904090409040904040904040414004030380c1a0682c161d030100c0e83868160701834"
    "0c0483c3a06120181c060d03c106ae085b28b52ffd20dd950200908211b70103b0010303"
    "0303b701e402b001031d000a23a045005086a560178072b05503ad04f200405c24840358"
    "ce810999073b83140b2a04535dc81150a96bb9c1520e4ca0c4ed224040ca01178b07a005";
// and of i*7919%1009/1000 - 0.5, with a label of the bytes 0, 1, 2 and y:
constexpr std::string_view kGauge =
    "00000312f7b308000000031c47e298000000001067617567650178010030003100327901"
    "000000b380a0abfef962f889bc80fa62e7079601050104406628b52ffd2097ed02004403"
    "b2ea01040904040904090409040904090409040904090409040904090409040904090409"
    "0409040904090409040904040904040414004030380c1a0682c161d030100c0e83868160"
    "7018340c0483c3a06120181c060d03c106ae083728b52ffd602a006d010020b00db10213"
    "000004c0019001700018001c001900078001c0019001700018001c00190007316578e120"
    "c21101";

std::string Bytes(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(
        std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

absl::Status Check(std::string_view body) {
  return CheckBody<VmNativeReader>(body);
}

struct Series {
  std::string labels;
  std::vector<int64_t> timestamps_ms;
  std::vector<double> values;
};

absl::StatusOr<std::vector<Series>> Read(std::string_view body,
                                         size_t rows_max = SIZE_MAX) {
  VmNativeReader reader(body);
  std::vector<Series> all;
  SampleBatch batch;
  for (bool more = true; more;) {
    batch.Clear();
    const auto next = reader.Next(batch, rows_max);
    if (!next.ok()) return next.status();
    more = *next;
    for (const BatchSeries& one : batch.series) {
      const auto labels = model::ParseCanonicalBytes(one.identity);
      REQUIRE(labels.ok());
      const auto timestamps = batch.Timestamps(one);
      const auto values = batch.Values(one);
      all.push_back({labels->Text(),
                     {timestamps.begin(), timestamps.end()},
                     {values.begin(), values.end()}});
    }
  }
  return all;
}

// What is read of `values` once written; timestamps in steps of 1 s.
std::vector<double> Copied(const std::vector<double>& values,
                           size_t* blocks = nullptr) {
  std::vector<int64_t> timestamps_ms;
  for (size_t i = 0; i < values.size(); ++i) {
    timestamps_ms.push_back(static_cast<int64_t>(i) * 1000);
  }
  VmNativeWriter writer;
  std::string body;
  VmNativeWriter::AppendHead(body, {0, INT64_MAX});
  writer.Start({{"__name__", "m"}, {"a", "b"}});
  writer.Append(body, timestamps_ms, values);
  const auto read = Read(body);
  REQUIRE(read.ok());
  if (blocks != nullptr) *blocks = read->size();
  std::vector<double> copied;
  for (const Series& one : *read) {
    CHECK(one.labels == R"(m{a="b"})");
    copied.insert(copied.end(), one.values.begin(), one.values.end());
  }
  return copied;
}

// Numbers that became a double next to them; the others are the same.
size_t Neighbours(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  size_t neighbours = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (model::SameBits(a[i], b[i])) continue;
    ++neighbours;
    CHECK(std::abs(a[i] / b[i] - 1) <= 0x1p-51);
  }
  return neighbours;
}

size_t Differences(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  size_t differences = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!model::SameBits(a[i], b[i])) ++differences;
  }
  return differences;
}

TEST_CASE("what victoria-metrics exports is read as what it holds",
          "[protocol]") {
  const auto few = Read(Bytes(kFew));
  REQUIRE(few.ok());
  REQUIRE(few->size() == 4);
  CHECK((*few)[0].labels == R"(single{job="a"})");
  CHECK((*few)[0].timestamps_ms == std::vector<int64_t>{1700000000000});
  CHECK((*few)[0].values == std::vector<double>{-1.5});
  CHECK((*few)[1].labels == R"(few{job="ä"})");
  CHECK((*few)[1].values == std::vector<double>{1, 5, 2, 8, 3, 9, 2});
  // Its numbers are relative to the largest, as it shows them itself.
  CHECK((*few)[2].labels == "specials");
  CHECK((*few)[2].values == std::vector<double>{1e300, kInf, -kInf, 0, 0});
  CHECK((*few)[3].labels == R"(const{a="1", b="2"})");
  CHECK((*few)[3].timestamps_ms ==
        std::vector<int64_t>{1700000000000, 1700000015000, 1700000030000,
                             1700000047000});
  CHECK((*few)[3].values == std::vector<double>{3, 3, 3, 3});

  const auto counter = Read(Bytes(kCounter));
  const auto gauge = Read(Bytes(kGauge));
  REQUIRE(counter.ok());
  REQUIRE(gauge.ok());
  REQUIRE(counter->size() == 1);
  REQUIRE(gauge->size() == 1);
  CHECK((*counter)[0].labels == "counter_total");
  const model::LabelSet escaped = {{"__name__", "gauge"},
                                   {"x", std::string("\0\1\2y", 4)}};
  CHECK((*gauge)[0].labels == escaped.Text());
  REQUIRE((*counter)[0].values.size() == 150);
  REQUIRE((*gauge)[0].values.size() == 150);
  for (int i = 0; i < 150; ++i) {
    const auto at = static_cast<size_t>(i);
    CHECK((*counter)[0].timestamps_ms[at] ==
          1700000000000 + 15000 * i + i * i % 7);
    CHECK((*counter)[0].values[at] == i * 1000 + i * i * 7919 % 90);
    CHECK((*gauge)[0].values[at] == (i * 7919 % 1009 - 500) / 1000.0);
  }
}

TEST_CASE("only samples within the head's range are read", "[protocol]") {
  std::string body;
  VmNativeWriter::AppendHead(body, {2000, 3000});
  VmNativeWriter writer;
  writer.Start({{"__name__", "m"}});
  writer.Append(body, std::vector<int64_t>{1000, 2000, 3000, 3001},
                std::vector<double>{1, 2, 3, 4});
  const auto read = Read(body);
  REQUIRE(read.ok());
  REQUIRE(read->size() == 1);
  CHECK((*read)[0].timestamps_ms == std::vector<int64_t>{2000, 3000});
  CHECK((*read)[0].values == std::vector<double>{2, 3});
}

TEST_CASE("every encoding gives back its numbers", "[protocol]") {
  CHECK(Copied({}).empty());
  std::vector<double> rising, wild, constant(300, -7.25), line;
  std::mt19937_64 random(1);
  double total = 0;
  for (int i = 0; i < 300; ++i) {
    rising.push_back(total += static_cast<double>(random() % 100));
    wild.push_back((static_cast<double>(random() % 2000) - 1000) / 100);
    line.push_back(-i * 0.25);
  }
  size_t blocks = 0;
  for (const auto& values : {rising, wild, constant, line}) {
    CHECK(Differences(Copied(values, &blocks), values) == 0);
    CHECK(blocks == 1);
    for (const size_t size : {1, 2, 3}) {
      const std::vector<double> some(values.begin(), values.begin() + size);
      CHECK(Differences(Copied(some), some) == 0);
    }
  }
  std::vector<double> long_series(3 * kVmBlockRowsMax + 1);
  for (double& value : long_series) {
    value = static_cast<double>(random() % 1000) / 8;
  }
  CHECK(Differences(Copied(long_series, &blocks), long_series) == 0);
  CHECK(blocks == 4);
}

TEST_CASE("numbers of all sizes stay beside each other", "[protocol]") {
  const std::vector<double> mixed = {
      1e300, 2.5, -1e-200, kInf, -kInf, model::StaleNan(), 0, 1e17, -0.1,
      0x1p60, 9007199254740993.0, -9223372036854775807.0,
      1.7976931348623157e308,
      0.1 + 0.2, 1.0 / 3, -2.0 / 3e10, 123456789.123456789, 1e22, 1e23, 5e-290};
  CHECK(Differences(Copied(mixed), mixed) == 0);
  std::mt19937_64 random(5);
  std::vector<double> full, everywhere;
  for (int i = 0; i < 20'000; ++i) {
    full.push_back(std::generate_canonical<double, 53>(random) * 100 - 50);
    const double any = std::bit_cast<double>(random());
    if (!std::isnan(any) && (std::abs(any) > 1e-290 || any == 0)) {
      everywhere.push_back(any);
    }
  }
  size_t blocks = 0;
  CHECK(Neighbours(Copied(full, &blocks), full) < full.size() / 200);
  CHECK(blocks < full.size() / 2);
  CHECK(Neighbours(Copied(everywhere), everywhere) < everywhere.size() / 200);
  std::vector<double> short_ones;
  for (int i = 0; i < 20'000; ++i) {
    const auto digits = static_cast<int64_t>(random() % 1'000'000'000'000'000);
    short_ones.push_back(std::stod(base::StrCat(
        digits, "e", static_cast<int>(random() % 20) - 20)));
  }
  CHECK(Differences(Copied(short_ones), short_ones) == 0);
}

TEST_CASE("what the format has no number for is left out or comes close",
          "[protocol]") {
  VmNativeWriter writer;
  std::string body;
  VmNativeWriter::AppendHead(body, {0, 10});
  writer.Start({{"__name__", "m"}});
  writer.Append(body, std::vector<int64_t>{1, 2, 3},
                std::vector<double>{1, model::NormalNan(), 3});
  CHECK(writer.left_out() == 1);
  const auto read = Read(body);
  REQUIRE(read.ok());
  CHECK((*read)[0].timestamps_ms == std::vector<int64_t>{1, 3});
  CHECK(!std::signbit(Copied({-0.0})[0]));
  const double tiny = 1.234567890123456e-303;
  CHECK(std::abs(Copied({tiny})[0] / tiny - 1) < 1e-5);
  CHECK(Copied({5e-324})[0] == 0);
}

TEST_CASE("decimals are those of the format's arithmetic", "[protocol]") {
  CHECK(FromDecimal(23577, -3) == 23.577);
  CHECK(FromDecimal(INT64_MAX, 5) == kInf);
  CHECK(FromDecimal(INT64_MIN, 5) == -kInf);
  CHECK(model::IsStaleNan(FromDecimal(INT64_MAX - 1, -5)));
  CHECK(FromDecimal(7, 400) == kInf);
  CHECK(FromDecimal(7, -400) == 0);
  CHECK(FromDecimal(0, INT16_MAX) == 0);
  CHECK(ToDecimal(23.577, -3) == 23577);
  CHECK(ToDecimal(23.577, -2) == std::nullopt);
  CHECK(ToDecimal(1e19, 0) == std::nullopt);
}

TEST_CASE("a body cut at any byte, or with a wrong number, is refused whole",
          "[protocol]") {
  for (const std::string_view hex : {kFew, kCounter, kGauge}) {
    const std::string body = Bytes(hex);
    CHECK(Check(body).ok());
    for (size_t size = 0; size < body.size(); ++size) {
      const std::string cut(body.data(), size);
      // A body may end after each record.
      const auto read = Read(cut);
      if (read.ok()) {
        CHECK(read->size() < 4);
      } else {
        CHECK(absl::IsInvalidArgument(Check(cut)));
      }
    }
  }
  CHECK(absl::IsInvalidArgument(Check("")));
  const std::string head = Bytes(kFew.substr(0, 32));
  CHECK(Check(head).ok());
  // A name or a block of 4 GiB, of which nothing is there.
  CHECK(absl::IsInvalidArgument(Check(head + "\xff\xff\xff\xff")));
  const std::string name = Bytes("00000002") + "m\x01";
  CHECK(absl::IsInvalidArgument(
      Check(head + name + "\xff\xff\xff\xff")));
}

TEST_CASE("blocks whose numbers disagree are refused", "[protocol]") {
  const std::string head = Bytes("00000312f7b308000000031c47e29800");
  const auto refused = [&](std::string_view block_hex) {
    std::string body = head + Bytes("00000002") + "m\x01";
    const std::string block = Bytes(block_hex);
    base::PutFixedBe(body, static_cast<uint32_t>(block.size()));
    body += block;
    return absl::IsInvalidArgument(Check(body));
  };
  // first 1 s, last 2 s, value 3, 2 rows, e 0, constant delta, constant, exact
  CHECK_FALSE(refused("d00fa01f060200020340" "02d00f" "00"));
  CHECK(refused("d00fa01f060000020340" "02d00f" "00"));      // no rows
  CHECK(refused("d00fa01f0681800100" "020340" "02d00f" "00"));  // 16385 rows
  CHECK(refused("d00fa01f06020083" "020340" "02d00f" "00"));
  CHECK(refused("d00fa01f060200000340" "02d00f" "00"));      // encoding 0
  CHECK(refused("d00fa01f060200020740" "02d00f" "00"));      // encoding 7
  CHECK(refused("d00fa01f060200020300" "02d00f" "00"));      // 0 bits
  CHECK(refused("d00fa01f060200020341" "02d00f" "00"));      // 65 bits
  CHECK(refused("a01fd00f060200020340" "02d00f" "00"));      // last < first
  CHECK(refused("d00fa01f060200020340" "02d20f" "00"));      // beyond the last
  CHECK(refused("d00fa01f060200020340" "02cf0f" "00"));      // falling
  CHECK(refused("d00fa01f060200020340" "02d00f" "0100"));    // surplus bytes
  CHECK(refused("d00fa01f060200020340" "02d00f" "0000"));
  CHECK(refused("d00fa01f060200020540" "02d00f" "00"));      // missing deltas
  CHECK(refused("d00fa01f060200020140" "02d00f" "0200ff"));  // not zstd
  // A zstd bomb: far more bytes than two rows can take.
  std::string bomb;
  compress::ZstdCompress(std::string(1 << 20, '\0'), 1, bomb);
  std::string block = Bytes("d00fa01f060200020140" "02d00f");
  base::PutLengthPrefixed(block, bomb);
  std::string body = head + Bytes("00000002") + "m\x01";
  base::PutFixedBe(body, static_cast<uint32_t>(block.size()));
  CHECK(absl::IsInvalidArgument(Check(body + block)));
}

TEST_CASE("timestamps of fewer precision bits are put in order again",
          "[protocol]") {
  std::string body = Bytes("00000000000000000000031c47e29800");
  body += Bytes("00000002") + "m\x01";
  // 1000, 900, 3000 ms as deltas; the block says 1000..2500.
  const std::string block = Bytes("d00f8827060300060308" "04c701e820" "00");
  base::PutFixedBe(body, static_cast<uint32_t>(block.size()));
  const auto read = Read(body + block);
  REQUIRE(read.ok());
  REQUIRE(read->size() == 1);
  CHECK((*read)[0].timestamps_ms == std::vector<int64_t>{1000, 1000, 2500});
}

TEST_CASE("names that are broken are refused", "[protocol]") {
  const std::string head = Bytes("00000312f7b308000000031c47e29800");
  const std::string block =
      Bytes("0000000d" "d00fa01f060200020340" "02d00f" "00");
  const auto refused = [&](std::string_view name) {
    std::string body = head;
    base::PutFixedBe(body, static_cast<uint32_t>(name.size()));
    return absl::IsInvalidArgument(
        Check(body + std::string(name) + block));
  };
  using std::literals::string_view_literals::operator""sv;
  CHECK(refused(""));
  CHECK(refused("m"));
  CHECK(refused("m\x01x\x01"));
  CHECK(refused("m\x01x\x01y"));
  CHECK(refused("m\x01\x01y\x01"));
  CHECK(refused("m\0\x01"sv));
  CHECK(refused("m\0"sv));
  CHECK(refused("m\0003\x01"sv));
}

TEST_CASE("a body fed in parts that end with a block is read as a whole one",
          "[protocol]") {
  // A head, then the series of all three.
  const std::string body = Bytes(kFew) + Bytes(kCounter).substr(kVmHeadBytes) +
                           Bytes(kGauge).substr(kVmHeadBytes);
  const auto whole = Read(body);
  REQUIRE(whole.ok());
  CHECK(VmNativeReader::WholeBytes(body, true) == body.size());
  // A part is as few whole blocks as `step` bytes hold, or the least there is.
  for (size_t step = 1; step < body.size(); step += 13) {
    CAPTURE(step);
    std::vector<std::string> parts;
    for (size_t at = 0; at < body.size();) {
      size_t bytes = 0;
      for (size_t end = step; bytes == 0; end += step) {
        REQUIRE(at + end < body.size() + step);
        bytes = VmNativeReader::WholeBytes(
            std::string_view(body).substr(at, end), at == 0);
      }
      parts.push_back(body.substr(at, bytes));
      at += bytes;
    }
    VmNativeReader reader(parts[0]);
    SampleBatch batch;
    for (size_t i = 0; i < parts.size(); ++i) {
      if (i > 0) reader.Feed(parts[i]);
      const auto more = reader.Next(batch, SIZE_MAX);
      REQUIRE(more.ok());
      CHECK_FALSE(*more);
      parts[i].assign(parts[i].size(), '#');  // views must not outlive it
    }
    size_t samples = 0;
    for (const Series& series : *whole) samples += series.values.size();
    CHECK(batch.series.size() == whole->size());
    CHECK(batch.values.size() == samples);
  }
  // A size that is refused ends the search.
  const std::string large = body.substr(0, kVmHeadBytes) + "\xff\xff\xff\xff";
  CHECK(VmNativeReader::WholeBytes(large, true) == large.size());
}

}  // namespace
}  // namespace varve::protocol

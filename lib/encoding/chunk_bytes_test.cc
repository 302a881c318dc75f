// The worked examples of docs/formats/chunk.md.
#include <bit>
#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "lib/encoding/chunk_checks.h"

namespace varve::encoding {
namespace {

std::string Hex(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    if (!text.empty()) text += ' ';
    text += kDigits[static_cast<uint8_t>(byte) >> 4];
    text += kDigits[static_cast<uint8_t>(byte) & 15];
  }
  return text;
}

std::string HexOfValues(const std::vector<double>& values) {
  std::string bytes;
  EncodeValues(values, bytes);
  return Hex(bytes);
}

std::string HexOfTimes(const std::vector<int64_t>& after_first) {
  std::vector<int64_t> times = {1'780'000'000'000};
  for (int64_t after : after_first) times.push_back(times.front() + after);
  std::string bytes;
  EncodeTimestamps(times, bytes);
  return Hex(bytes);
}

TEST_CASE("the bytes are those of docs/formats/chunk.md", "[encoding]") {
  CHECK(HexOfValues(std::vector<double>(240, 42.5)) == "04 d2 06");
  CHECK(HexOfValues({1020.5, 1120.75, 1321, 1421, 1621.25, kStale, 1721.5}) ==
        "09 04 01 05 00 11 c4 ba 0c 00 00 52 4e 88 d5 91 e3 b4 aa 6e 55 1d 75 44");
  std::vector<double> values(20);
  for (int i = 0; i < 20; ++i) values[i] = i < 12 ? 1e6 + i * 3 : (i - 12) * 3;
  CHECK(HexOfValues(values) == "01 01 80 89 7a c0 06 01 15 0b c7 84 1e");
  values.resize(16);
  for (int i = 0; i < 16; ++i) values[i] = 1'048'576 + 4096 * (i * 7 % 5);
  CHECK(HexOfValues(values) == "01 08 0c 80 80 80 01 03 00 10 33 88 19 c4 0c");
  values.resize(240);
  for (int i = 0; i < 240; ++i) values[i] = 1000 + 4 * i + i * i;
  CHECK(HexOfValues(values) == "01 02 d0 0f 0a 00 04 00 00");
  values.assign(8, 0);
  double sum = 0;
  for (int i = 0; i < 8; ++i) values[i] = sum += 0.1 * (1 + i % 3);
  CHECK(HexOfValues(values) == "07 01 01 00 fe 02 02 02 49 12");
  const uint64_t pi = 0x400921fb54442d18;
  values.resize(6);
  for (uint64_t i = 0; i < 6; ++i) {
    values[i] = std::bit_cast<double>(pi + i * i % 7);
  }
  CHECK(HexOfValues(values) ==
        "02 00 03 b0 b4 a1 c4 ea fe 90 89 80 01 08 25 02");

  CHECK(HexOfTimes({15'000, 30'000}) == "00 80 a0 a4 84 ce 67 b0 ea 01");
  CHECK(HexOfTimes({15'002, 30'001, 45'000}) ==
        "01 80 a0 a4 84 ce 67 c8 df 02 98 75 02 00 06");
  CHECK(HexOfTimes({15'000, 30'000, 45'000, 300'000, 315'000, 330'000, 345'000,
                    360'000, 375'000, 390'000}) ==
        "02 80 a0 a4 84 ce 67 f0 e6 17 40 b0 ea 01 01 12 03 80 a9 03");
}

}  // namespace
}  // namespace varve::encoding

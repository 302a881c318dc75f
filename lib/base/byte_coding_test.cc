#include "lib/base/byte_coding.h"

#include <catch2/catch.hpp>

#include <limits>
#include <vector>

namespace varve::base {
namespace {

TEST_CASE("varints of all lengths come back", "[base]") {
  std::vector<uint64_t> values = {0, std::numeric_limits<uint64_t>::max()};
  for (int bit = 0; bit < 64; ++bit) {
    values.push_back(uint64_t{1} << bit);
    values.push_back((uint64_t{1} << bit) - 1);
  }
  for (const uint64_t value : values) {
    CAPTURE(value);
    std::string bytes;
    PutVarint(bytes, value);
    ByteReader reader(bytes);
    CHECK(reader.Varint() == value);
    CHECK(reader.AtEnd());
    for (size_t keep = 0; keep < bytes.size(); ++keep) {
      ByteReader cut(std::string_view(bytes).substr(0, keep));
      CHECK(cut.Varint() == 0);
      CHECK_FALSE(cut.ok());
    }
  }
}

TEST_CASE("a varint above 64 bits is an error", "[base]") {
  const std::string nine(9, '\xff');
  const std::string largest = nine + "\x01";
  CHECK(ByteReader(largest).Varint() == std::numeric_limits<uint64_t>::max());
  const std::string larger = nine + "\x02";
  ByteReader over(larger);
  over.Varint();
  CHECK_FALSE(over.ok());
  const std::string endless(11, '\x80');
  ByteReader eleven(endless);
  eleven.Varint();
  CHECK_FALSE(eleven.ok());
}

TEST_CASE("zigzag keeps small numbers short and all numbers whole", "[base]") {
  CHECK(ZigzagEncode(0) == 0);
  CHECK(ZigzagEncode(-1) == 1);
  CHECK(ZigzagEncode(1) == 2);
  for (const int64_t value : {std::numeric_limits<int64_t>::min(),
                              std::numeric_limits<int64_t>::max(),
                              int64_t{-1}, int64_t{0}, int64_t{15'000}}) {
    CHECK(ZigzagDecode(ZigzagEncode(value)) == value);
  }
}

TEST_CASE("fixed integers come back; big endian sorts", "[base]") {
  std::string bytes;
  PutFixedLe<uint32_t>(bytes, 0x01020304);
  PutFixedBe<uint32_t>(bytes, 0x01020304);
  PutFixedBe<int64_t>(bytes, -2);
  CHECK(bytes.substr(0, 8) == std::string("\4\3\2\1\1\2\3\4"));
  ByteReader reader(bytes);
  CHECK(reader.FixedLe<uint32_t>() == 0x01020304);
  CHECK(reader.FixedBe<uint32_t>() == 0x01020304);
  CHECK(reader.FixedBe<int64_t>() == -2);
  CHECK(reader.AtEnd());
  CHECK(reader.FixedLe<uint16_t>() == 0);
  CHECK_FALSE(reader.ok());
}

TEST_CASE("a length beyond the end reads nothing, for good", "[base]") {
  std::string bytes;
  PutLengthPrefixed(bytes, "abc");
  ByteReader whole(bytes);
  CHECK(whole.LengthPrefixed() == "abc");
  CHECK(whole.AtEnd());
  ByteReader cut(std::string_view(bytes).substr(0, 3));
  CHECK(cut.LengthPrefixed().empty());
  CHECK_FALSE(cut.ok());
  CHECK(cut.empty());
  std::string huge;
  PutVarint(huge, std::numeric_limits<uint64_t>::max());
  ByteReader reader(huge);
  CHECK(reader.LengthPrefixed().empty());
  CHECK_FALSE(reader.AtEnd());
}

}  // namespace
}  // namespace varve::base

#include "storage/wal/record.h"

#include <catch2/catch.hpp>

#include "absl/strings/escaping.h"

namespace varve::storage {
namespace {

std::string Record(std::string_view payload, uint64_t position) {
  std::string out;
  const std::string packed = PackPayload(payload);
  if (packed.empty()) {
    AppendRecord(out, RecordType::kData, {payload}, position, position);
  } else {
    AppendRecord(out, RecordType::kData,
                 {packed, static_cast<uint32_t>(payload.size())}, position,
                 position);
  }
  return out;
}

std::vector<std::string> Payloads() {
  std::string noise;
  for (uint32_t i = 0, x = 1; i < 1000; ++i) {
    x = x * 1664525 + 1013904223;
    noise.push_back(static_cast<char>(x >> 24));
  }
  return {"", "x", std::string(100, 'a'), std::string(10'000, 'a'), noise,
          "WV", std::string(300, '\0')};
}

TEST_CASE("a record comes back as it was", "[wal]") {
  for (const std::string& payload : Payloads()) {
    const std::string bytes = Record(payload, 77);
    const std::string more = bytes + "surplus";
    const auto record = ParseRecord(more, 77);
    REQUIRE(record.ok());
    CHECK(record->bytes == bytes.size());
    std::string scratch;
    const auto back = UnpackPayload(record->payload, scratch);
    REQUIRE(back.ok());
    CHECK(*back == payload);
  }
}

TEST_CASE("a long even payload is stored smaller", "[wal]") {
  CHECK(Record(std::string(10'000, 'a'), 0).size() < 200);
}

TEST_CASE("a record cut at any byte is data loss", "[wal]") {
  const std::string bytes = Record(std::string(400, 'a') + "tail", 5);
  for (size_t keep = 0; keep < bytes.size(); ++keep) {
    CAPTURE(keep);
    CHECK(absl::IsDataLoss(
        ParseRecord(std::string_view(bytes).substr(0, keep), 5).status()));
  }
}

TEST_CASE("a record with any bit flipped is data loss", "[wal]") {
  for (const std::string& payload : {std::string("short"),
                                     std::string(200, 'z')}) {
    const std::string good = Record(payload, 5);
    for (size_t bit = 0; bit < good.size() * 8; ++bit) {
      CAPTURE(bit);
      std::string bad = good;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
      CHECK_FALSE(ParseRecord(bad, 5).ok());
    }
  }
}

TEST_CASE("a record at another position is not one", "[wal]") {
  CHECK(absl::IsDataLoss(ParseRecord(Record("x", 5), 6).status()));
}

TEST_CASE("the next valid record is found behind damage", "[wal]") {
  // The payload of the damaged one looks like records itself.
  const std::string inner = Record("inside", 0);
  std::string bytes = Record(inner + inner, 1000);
  const size_t second = bytes.size();
  bytes += Record("second", 1000 + second);
  bytes[4] = 127;
  CHECK(FindRecord(bytes, 1, 1000) == second);
  CHECK_FALSE(FindRecord(bytes, second + 1, 1000).has_value());
  CHECK_FALSE(FindRecord("", 0, 0).has_value());
  CHECK_FALSE(FindRecord("WVWVWVWVWV", 3, 0).has_value());
}

TEST_CASE("a segment's name and header say where it begins", "[wal]") {
  const WalSegmentHeader header{0x123456789abcdef0, 42};
  const std::string name = SegmentFileName(header);
  CHECK(name == "123456789abcdef0-000000000000002a.wal");
  const auto parsed = ParseSegmentFileName(name);
  REQUIRE(parsed.has_value());
  CHECK(parsed->position == header.position);
  CHECK(parsed->incarnation == 42);
  CHECK_FALSE(ParseSegmentFileName(name + ".corrupt").has_value());
  CHECK_FALSE(ParseSegmentFileName("x").has_value());

  const std::string bytes = SegmentHeaderBytes(header);
  REQUIRE(bytes.size() == kSegmentHeaderBytes);
  CHECK(ParseSegmentHeader(bytes)->position == header.position);
  for (size_t keep = 0; keep < bytes.size(); ++keep) {
    CHECK(absl::IsDataLoss(
        ParseSegmentHeader(std::string_view(bytes).substr(0, keep)).status()));
  }
  std::string newer = bytes;
  newer[8] = 3;  // the checksum is wrong then, too
  CHECK_FALSE(ParseSegmentHeader(newer).ok());
}

TEST_CASE("a record says how far the log was durable before it", "[wal]") {
  std::string bytes;
  AppendRecord(bytes, RecordType::kData, {"x"}, 1000, 900);
  CHECK(ParseRecord(bytes, 1000)->durable_end == 900);
}

// A search used to give up after so many bytes of false starts, and what
// followed them was cut as a torn tail.
TEST_CASE("a record is found behind any number of false starts", "[wal]") {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) {
    bytes.append(std::string("WV\x01\0\0\x01\0\0", 8));
  }
  const size_t behind = bytes.size();
  bytes += Record(std::string(100, 'r'), behind);
  CHECK(FindRecord(bytes, 0, 0) == behind);
}

// The worked example of docs/formats/wal.md.
TEST_CASE("the documented record has the documented bytes", "[wal]") {
  CHECK(absl::BytesToHexString(Record("abc", 16)) ==
        "57560100" "03000000" "00000000" "00000000" "03da73bc" "616263"
        "ca01dd217e8ed91d");
}

TEST_CASE("the documented segment header has the documented bytes", "[wal]") {
  const WalSegmentHeader header{.position = 4096,
                                .incarnation = 0xd36d96c06f38719e,
                                .after_hole = true};
  CHECK(absl::BytesToHexString(SegmentHeaderBytes(header)) ==
        "564152564557414c" "02000000" "01000000" "0010000000000000"
        "9e71386fc0966dd3" "41eb1e3b91f19cbd");
  CHECK(SegmentFileName(header) == "0000000000001000-d36d96c06f38719e.wal");
}

}  // namespace
}  // namespace varve::storage

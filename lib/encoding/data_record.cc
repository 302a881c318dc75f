// The body of a floats section:
//
//   body   := series:varint rows:varint flags:u8 refs counts times values
//   flags  := 1 every count is 1 | 2 one timestamp for all | 4 times as runs
//   refs   := zigzag difference to the ref before, `series` of them
//   counts := varint, `series` of them, absent with flag 1
//   times  := flag 2: one zigzag
//             flag 4: (length:varint difference:zigzag)* until `rows` are
//                     covered; the difference is to the timestamp before
//             else:   zigzag difference to the timestamp before, `rows` times
//   values := token:varint, `rows` times
//     token even: an integer, zigzag(m) = token / 2
//     token odd:  scale = token / 2 % 16; 1 to 14: m / 10^scale with
//                 zigzag(m) = token / 32; 0: 1024 * m, of bytes for one;
//                 15: token / 32 = 0, bits:u64 follow
//
// Values are not predicted from one another: neighbours here are samples of
// different series. LZ4 around the frame finds what repeats.
#include "lib/encoding/data_record.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/encoding/decimal.h"
#include "lib/encoding/varint_stream.h"

namespace varve::encoding {
namespace {

constexpr uint8_t kCountsAreOne = 1;
constexpr uint8_t kOneTimestamp = 2;
constexpr uint8_t kTimestampRuns = 4;
constexpr uint8_t kFlagsKnown = 7;
constexpr int kKibiBits = 10;
constexpr uint64_t kRawToken = 1 | uint64_t{kRawScale} << 1;
// Above that of the largest mantissa at a scale.
constexpr uint64_t kTokenMax = uint64_t{kMantissaMax} << 7;

// A raw value stands behind its token.
constexpr size_t kValueBytesMax = kVarintBytesMax + 8;

absl::Status Broken(std::string_view what) {
  return base::DataLoss("data record: ", what);
}

char* WriteZigzag(char* to, uint64_t value, uint64_t before) {
  return WriteVarint(to,
                     base::ZigzagEncode(static_cast<int64_t>(value - before)));
}

// Grows `out` by what `count` items may take, lets `write` fill it from its
// first byte, and cuts off what is left.
template <typename Write>
void AppendWith(std::string& out, size_t bytes_max, const Write& write) {
  const size_t begin = out.size();
  out.resize(begin + bytes_max);
  char* end = write(out.data() + begin);
  out.resize(end - out.data());
}

char* WriteValue(char* to, const ScaledValue& value) {
  if (value.scale == kRawScale) {
    to = WriteVarint(to, kRawToken);
    std::memcpy(to, &value.integer, sizeof(value.integer));
    return to + sizeof(value.integer);
  }
  const uint64_t zigzag =
      base::ZigzagEncode(static_cast<int64_t>(value.integer));
  if (value.scale != 0) {
    return WriteVarint(to, zigzag << 5 | uint64_t{value.scale} << 1 | 1);
  }
  const bool kibis =
      value.integer != 0 && value.integer % (1 << kKibiBits) == 0;
  return WriteVarint(to, kibis ? zigzag >> kKibiBits << 5 | 1 : zigzag << 1);
}

size_t CountRuns(const std::vector<int64_t>& timestamps_ms) {
  size_t runs = timestamps_ms.empty() ? 0 : 1;
  for (size_t i = 1; i < timestamps_ms.size(); ++i) {
    runs += timestamps_ms[i] != timestamps_ms[i - 1] ? 1 : 0;
  }
  return runs;
}

char* WriteRuns(char* to, const std::vector<int64_t>& timestamps_ms) {
  uint64_t before = 0;
  for (size_t i = 0; i < timestamps_ms.size();) {
    size_t end = i + 1;
    while (end < timestamps_ms.size() &&
           timestamps_ms[end] == timestamps_ms[i]) {
      ++end;
    }
    to = WriteVarint(to, end - i);
    to = WriteZigzag(to, timestamps_ms[i], before);
    before = timestamps_ms[i];
    i = end;
  }
  return to;
}

char* WriteDifferences(char* to, std::span<const uint64_t> values) {
  uint64_t before = 0;
  for (uint64_t value : values) {
    to = WriteZigzag(to, value, before);
    before = value;
  }
  return to;
}

uint8_t FlagsOf(const FloatSection& section, size_t runs) {
  const size_t rows = section.timestamps_ms.size();
  uint8_t flags = rows == section.counts.size() ? kCountsAreOne : 0;
  for (uint32_t count : section.counts) {
    if (count != 1) flags &= ~kCountsAreOne;
  }
  if (runs == 1) return flags | kOneTimestamp;
  return runs * 2 <= rows ? flags | kTimestampRuns : flags;
}

void AppendFloats(const FloatSection& section, std::string& out) {
  const size_t rows = section.timestamps_ms.size();
  const size_t series = section.refs.size();
  const size_t runs = CountRuns(section.timestamps_ms);
  const uint8_t flags = FlagsOf(section, runs);
  base::PutVarint(out, series);
  base::PutVarint(out, rows);
  out.push_back(static_cast<char>(flags));
  AppendWith(out, series * kVarintBytesMax,
             [&](char* to) { return WriteDifferences(to, section.refs); });
  if ((flags & kCountsAreOne) == 0) {
    for (uint32_t count : section.counts) base::PutVarint(out, count);
  }
  if ((flags & kOneTimestamp) != 0) {
    base::PutVarint(out, base::ZigzagEncode(section.timestamps_ms[0]));
  } else if ((flags & kTimestampRuns) != 0) {
    AppendWith(out, runs * 2 * kVarintBytesMax,
               [&](char* to) { return WriteRuns(to, section.timestamps_ms); });
  } else {
    AppendWith(out, rows * kVarintBytesMax, [&](char* to) {
      return WriteDifferences(
          to, {reinterpret_cast<const uint64_t*>(section.timestamps_ms.data()),
               rows});
    });
  }
  AppendWith(out, rows * kValueBytesMax, [&](char* to) {
    for (const ScaledValue& value : section.values) to = WriteValue(to, value);
    return to;
  });
}

bool ReadTimestamps(VarintReader& reader, uint8_t flags,
                    std::vector<int64_t>& timestamps_ms) {
  const size_t rows = timestamps_ms.size();
  uint64_t last = 0;
  if ((flags & kOneTimestamp) != 0) {
    last = reader.Zigzag();
    timestamps_ms.assign(rows, static_cast<int64_t>(last));
    return reader.ok();
  }
  if ((flags & kTimestampRuns) == 0) {
    reader.ZigzagSums(
        {reinterpret_cast<uint64_t*>(timestamps_ms.data()), rows});
    return reader.ok();
  }
  for (size_t i = 0; i < rows;) {
    const uint64_t length = reader.Varint();
    last += reader.Zigzag();
    if (!reader.ok() || length == 0 || length > rows - i) return false;
    std::fill_n(timestamps_ms.begin() + i, length, static_cast<int64_t>(last));
    i += length;
  }
  return true;
}

// What a token says but for a raw value's bits.
ScaledValue ValueOf(uint64_t token) {
  const bool odd = (token & 1) != 0;
  const bool kibis = (token & 31) == 1;
  const auto integer =
      static_cast<uint64_t>(base::ZigzagDecode(token >> (odd ? 5 : 1)));
  return {integer << (kibis ? kKibiBits : 0),
          static_cast<uint8_t>(odd ? token >> 1 & 15 : 0)};
}

bool ReadValue(VarintReader& reader, ScaledValue& value) {
  const size_t left = reader.left();
  const uint64_t token = reader.Varint();
  if (!reader.ok() || token > kTokenMax) return false;
  value = ValueOf(token);
  if (value.scale != kRawScale) return IsMantissa(value.integer);
  const bool short_form = left - reader.left() == 1;
  value.integer = reader.Fixed64();
  return token == kRawToken && short_form && reader.ok();
}

// Neighbours differ in kind and length as dice do, so that a branch for either
// would be mispredicted all the time: 2 ns a value without, 6 with them.
bool ReadValues(VarintReader& reader, std::span<ScaledValue> values) {
  size_t i = 0;
  bool good = true;
  const char* at = reader.at();
  const char* const fast_end = at + reader.left();
  for (; i < values.size() &&
         static_cast<size_t>(fast_end - at) >= kValueBytesMax;
       ++i) {
    const auto bytes = base::LoadLe<uint64_t>(at);
    const uint64_t stops = ~bytes & kTopBits;
    if (stops == 0) {  // nine bytes and more: of the largest mantissa
      VarintReader one({at, kValueBytesMax});
      good &= ReadValue(one, values[i]);
      at += kValueBytesMax - one.left();
      continue;
    }
    const int last_bit = std::countr_zero(stops);
    const bool raw = (bytes & 0xff) == kRawToken;
    const auto bits = base::LoadLe<uint64_t>(at + 1);
    const ScaledValue value =
        ValueOf(GatherGroups(bytes & (~uint64_t{0} >> (63 - last_bit))));
    at += raw ? 9 : (last_bit + 1) / 8;
    good &= raw | ((value.scale != kRawScale) & IsMantissa(value.integer));
    values[i] = {raw ? bits : value.integer, value.scale};
  }
  reader.Skip(static_cast<size_t>(at - reader.at()));
  for (; i < values.size() && good; ++i) good = ReadValue(reader, values[i]);
  return good && reader.ok();
}

bool ReadCounts(VarintReader& reader, uint64_t rows,
                std::vector<uint32_t>& counts) {
  uint64_t sum = 0;
  for (uint32_t& count : counts) {
    const uint64_t value = reader.Varint();
    if (value > rows - sum) return false;
    count = static_cast<uint32_t>(value);
    sum += value;
  }
  return reader.ok() && sum == rows;
}

}  // namespace

void FloatSection::clear() {
  refs.clear();
  counts.clear();
  timestamps_ms.clear();
  values.clear();
}

void DataRecordBuilder::Start(uint64_t ring, int64_t accept_ms) {
  out_.clear();
  open_.clear();
  kinds_.Clear();
  rows_ = 0;
  base::PutFixedLe(out_, ring);
  base::PutFixedLe(out_, accept_ms);
}

void DataRecordBuilder::Add(uint8_t tenant_kind, uint64_t tenant_id,
                            uint64_t ref,
                            std::span<const int64_t> timestamps_ms,
                            std::span<const double> values) {
  if (tenant_kind != open_.tenant_kind || tenant_id != open_.tenant_id) {
    CloseSection();
    open_.tenant_kind = tenant_kind;
    open_.tenant_id = tenant_id;
  }
  open_.refs.push_back(ref);
  open_.counts.push_back(static_cast<uint32_t>(values.size()));
  // Of scrapes nearly all calls have one row; inserting it costs 3 ns more.
  if (values.size() == 1) {
    open_.timestamps_ms.push_back(timestamps_ms[0]);
    open_.values.push_back(ToScaled(values[0]));
  } else {
    open_.timestamps_ms.insert(open_.timestamps_ms.end(), timestamps_ms.begin(),
                               timestamps_ms.end());
    for (const double value : values) open_.values.push_back(ToScaled(value));
  }
  rows_ += static_cast<uint32_t>(values.size());
}

void DataRecordBuilder::CloseSection() {
  if (open_.refs.empty()) return;
  out_.push_back(static_cast<char>(SectionKind::kFloats));
  out_.push_back(static_cast<char>(open_.tenant_kind));
  base::PutFixedLe(out_, open_.tenant_id);
  const size_t size_at = out_.size();
  base::PutFixedLe(out_, uint32_t{0});
  AppendFloats(open_, out_);
  const auto size = static_cast<uint32_t>(out_.size() - size_at - 4);
  std::memcpy(out_.data() + size_at, &size, sizeof(size));
  open_.clear();
}

std::string DataRecordBuilder::Finish() {
  CloseSection();
  kinds_.AppendTo(out_);
  std::string record = std::move(out_);
  out_.clear();
  rows_ = 0;
  return record;
}

void RaiseAcceptMs(std::string& record, int64_t accept_ms) {
  constexpr size_t kAt = sizeof(uint64_t);  // after the ring
  if (record.size() < kAt + sizeof(accept_ms)) return;  // a reader says so
  if (base::LoadLe<int64_t>(record.data() + kAt) >= accept_ms) return;
  std::string bytes;
  base::PutFixedLe<int64_t>(bytes, accept_ms);
  record.replace(kAt, bytes.size(), bytes);
}

DataRecordReader::DataRecordReader(std::string_view record) {
  base::ByteReader reader(record);
  ring_ = reader.FixedLe<uint64_t>();
  accept_ms_ = reader.FixedLe<int64_t>();
  if (!reader.ok()) status_ = Broken("shorter than its head");
  rest_ = reader.rest();
}

absl::StatusOr<bool> DataRecordReader::Next() {
  if (!status_.ok()) return status_;
  if (rest_.empty()) return false;
  base::ByteReader reader(rest_);
  kind_ = static_cast<SectionKind>(reader.FixedLe<uint8_t>());
  tenant_kind_ = reader.FixedLe<uint8_t>();
  tenant_id_ = reader.FixedLe<uint64_t>();
  body_ = reader.Bytes(reader.FixedLe<uint32_t>());
  if (!reader.ok()) {
    status_ = Broken("a section is cut");
    return status_;
  }
  rest_ = reader.rest();
  return true;
}

absl::Status DataRecordReader::DecodeFloats(FloatSection& out) const {
  // Not cleared: what resize does not grow it does not fill with zeros either.
  out.tenant_kind = tenant_kind_;
  out.tenant_id = tenant_id_;
  VarintReader reader(body_);
  const uint64_t series = reader.Varint();
  const uint64_t rows = reader.Varint();
  const uint8_t flags = reader.Byte();
  // A ref takes a byte and so does a value: larger claims are not believed,
  // which bounds what is allocated below by the bytes that came.
  if (!reader.ok() || rows > kRowsMax || rows > body_.size() ||
      series > kRowsMax || series > body_.size() ||
      (flags & ~kFlagsKnown) != 0) {
    return Broken("bad head of a floats section");
  }
  out.refs.resize(series);
  reader.ZigzagSums(out.refs);
  if ((flags & kCountsAreOne) != 0) {
    if (series != rows) return Broken("rows and series differ");
    out.counts.assign(series, 1);
  } else {
    out.counts.resize(series);
    if (!ReadCounts(reader, rows, out.counts)) return Broken("bad counts");
  }
  out.timestamps_ms.resize(rows);
  out.values.resize(rows);
  if (!ReadTimestamps(reader, flags, out.timestamps_ms)) {
    return Broken("bad timestamps");
  }
  if (!ReadValues(reader, out.values)) return Broken("bad values");
  if (!reader.AtEnd()) return Broken("surplus bytes in a section");
  return absl::OkStatus();
}

}  // namespace varve::encoding

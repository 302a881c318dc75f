#include "storage/index/posting.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"

namespace varve::storage {
namespace {

enum ValueKind : uint8_t { kFewIds = 0, kRoaring = 1 };

// A roaring set of one id takes 18 bytes; up to about this many ids the list
// is smaller.
constexpr uint64_t kFewIdsMax = 16;

// CRoaring's portable serialization, which its "RoaringFormatSpec" fixes: sets
// of 65,536 ids each, by their upper 16 bits.
constexpr uint32_t kCookieWithRuns = 12347;
constexpr uint32_t kOffsetsSetsMin = 4;
constexpr uint32_t kArrayMax = 4096;
constexpr size_t kBitmapWords = 1024;

// Collects ids where the cache is, as fresh memory is dear to touch twice.
class IdWriter {
 public:
  explicit IdWriter(size_t count) { ids_.reserve(count); }
  void Add(uint64_t id) {
    some_[count_++] = id;
    if (count_ == some_.size()) Flush();
  }
  // Those of the word's bits that are set, from `base` on.
  void AddWord(uint64_t base, uint64_t word) {
    if (some_.size() - count_ < 64) Flush();
    uint64_t* to = some_.data() + count_;
    for (; word != 0; word &= word - 1) {
      *to++ = base + static_cast<uint64_t>(std::countr_zero(word));
    }
    count_ = static_cast<size_t>(to - some_.data());
    if (count_ == some_.size()) Flush();
  }
  std::vector<uint64_t> Take() {
    Flush();
    return std::move(ids_);
  }

 private:
  void Flush() {
    ids_.insert(ids_.end(), some_.data(), some_.data() + count_);
    count_ = 0;
  }

  std::vector<uint64_t> ids_;
  size_t count_ = 0;
  std::array<uint64_t, 1024> some_;
};

void AddRuns(uint64_t base, base::ByteReader& reader, IdWriter& ids) {
  for (auto runs = reader.FixedLe<uint16_t>(); runs > 0; --runs) {
    const uint64_t first = base + reader.FixedLe<uint16_t>();
    const uint64_t last = first + reader.FixedLe<uint16_t>();
    for (uint64_t id = first; id <= last; ++id) ids.Add(id);
  }
}

void AddBits(uint64_t base, std::string_view words, IdWriter& ids) {
  for (size_t i = 0; i < words.size(); i += sizeof(uint64_t), base += 64) {
    ids.AddWord(base, base::LoadLe<uint64_t>(words.data() + i));
  }
}

}  // namespace

void Unite(IdSet more, IdSet& ids) {
  if (ids.isEmpty()) {
    ids.swap(more);
  } else {
    ids |= more;
  }
}

// CRoaring's own iterator takes twice as long for dense sets.
std::vector<uint64_t> ToIds(const IdSet& ids) {
  std::string bytes(ids.getSizeInBytes(), '\0');
  ids.write(bytes.data());
  base::ByteReader reader(bytes);
  const auto cookie = reader.FixedLe<uint32_t>();
  const bool with_runs = (cookie & 0xffff) == kCookieWithRuns;
  const uint32_t sets =
      with_runs ? (cookie >> 16) + 1 : reader.FixedLe<uint32_t>();
  const std::string_view run_flags =
      reader.Bytes(with_runs ? (sets + 7) / 8 : 0);
  base::ByteReader heads(reader.Bytes(uint64_t{sets} * 4));
  if (!with_runs || sets >= kOffsetsSetsMin) reader.Bytes(uint64_t{sets} * 4);
  IdWriter writer(ids.cardinality());
  for (uint32_t i = 0; i < sets; ++i) {
    const uint64_t base = uint64_t{heads.FixedLe<uint16_t>()} << 16;
    const uint32_t count = heads.FixedLe<uint16_t>() + 1;
    if (with_runs && (run_flags[i / 8] >> i % 8 & 1) != 0) {
      AddRuns(base, reader, writer);
    } else if (count > kArrayMax) {
      AddBits(base, reader.Bytes(kBitmapWords * sizeof(uint64_t)), writer);
    } else {
      for (uint32_t n = 0; n < count; ++n) {
        writer.Add(base + reader.FixedLe<uint16_t>());
      }
    }
  }
  return writer.Take();
}

void AppendIdSet(std::string& out, IdSet& ids) {
  const uint64_t count = ids.cardinality();
  if (count <= kFewIdsMax) {
    uint32_t few[kFewIdsMax];
    ids.toUint32Array(few);
    out.push_back(kFewIds);
    base::PutVarint(out, count);
    uint32_t previous = 0;
    for (uint64_t i = 0; i < count; ++i) {
      base::PutVarint(out, few[i] - previous);
      previous = few[i];
    }
    return;
  }
  ids.runOptimize();
  out.push_back(kRoaring);
  const size_t begin = out.size();
  out.resize(begin + ids.getSizeInBytes());
  ids.write(out.data() + begin);
}

absl::Status AddIdSet(std::string_view bytes, IdSet& ids) {
  if (bytes.empty()) return base::DataLoss("posting list of no bytes");
  const std::string_view body = bytes.substr(1);
  if (bytes[0] == kFewIds) {
    base::ByteReader reader(body);
    const uint64_t count = reader.Varint();
    if (count > kFewIdsMax) return base::DataLoss("posting list count ", count);
    uint64_t id = 0;
    for (uint64_t i = 0; i < count; ++i) {
      id += reader.Varint();
      if (!reader.ok() || id > UINT32_MAX) break;
      ids.add(static_cast<uint32_t>(id));
    }
    if (!reader.AtEnd()) return base::DataLoss("posting list is cut");
    return absl::OkStatus();
  }
  if (bytes[0] != kRoaring) {
    return base::DataLoss("posting list of kind ", int{bytes[0]});
  }
  roaring_bitmap_t* const read =
      roaring_bitmap_portable_deserialize_safe(body.data(), body.size());
  if (read == nullptr) return base::DataLoss("posting list is damaged");
  Unite(IdSet(read), ids);
  return absl::OkStatus();
}

void DeltaList::Add(uint32_t id) {
  if (count_ == 0 || id > last_) {
    base::PutVarint(deltas_, id - last_);
    last_ = id;
    ++count_;
    return;
  }
  if (id == last_) return;
  // Out of order: a replay whose definitions are not in the order of ids.
  IdSet all;
  AddTo(all);
  if (!all.addChecked(id)) return;
  std::vector<uint32_t> ids(all.cardinality());
  all.toUint32Array(ids.data());
  deltas_.clear();
  last_ = 0;
  count_ = 0;
  for (const uint32_t one : ids) Add(one);
}

void DeltaList::AddTo(IdSet& ids) const {
  // Pieces of this many, so that the buffer stays on the stack.
  constexpr size_t kPiece = 1024;
  uint32_t piece[kPiece];
  size_t n = 0;
  uint32_t id = 0;
  base::ByteReader reader(deltas_);
  for (uint32_t i = 0; i < count_; ++i) {
    id += static_cast<uint32_t>(reader.Varint());
    piece[n++] = id;
    if (n == kPiece) {
      ids.addMany(n, piece);
      n = 0;
    }
  }
  ids.addMany(n, piece);
}

}  // namespace varve::storage

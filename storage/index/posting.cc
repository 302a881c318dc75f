#include "storage/index/posting.h"

#include <algorithm>
#include <vector>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"

namespace varve::storage {
namespace {

enum ValueKind : uint8_t { kFewIds = 0, kRoaring = 1 };

// A roaring set of one id takes 18 bytes; up to about this many ids the list
// is smaller.
constexpr uint64_t kFewIdsMax = 16;

}  // namespace

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
  const IdSet set(read);
  ids |= set;
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

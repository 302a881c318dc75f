// One tenant's series that are not flushed yet: labels as lists of pair
// numbers, postings as delta lists; about 100 bytes for a series of 10 labels
// that shares most of its pairs with others.
//
// Lifetime: filled by the index, frozen when a flush begins, gone after it.
// Threads:  the owner's lock guards it: Add alone, the others in parallel.
#ifndef VARVE_STORAGE_INDEX_RAM_TENANT_H_
#define VARVE_STORAGE_INDEX_RAM_TENANT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "lib/model/label.h"
#include "storage/index/label_page.h"
#include "storage/index/posting_source.h"

namespace varve::storage {

// Text that lives as long as the arena and never moves.
class TextArena {
 public:
  std::string_view Keep(std::string_view text);
  size_t bytes() const { return bytes_; }

 private:
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  size_t left_ = 0;
  size_t block_bytes_ = 0;
  size_t bytes_ = 0;
};

class RamTenant final : public PostingSource {
 public:
  RamTenant();
  RamTenant(const RamTenant&) = delete;
  RamTenant& operator=(const RamTenant&) = delete;

  // The place of a series here; places are 0, 1, … in the order of Add.
  std::optional<uint32_t> FindHash(const model::SeriesHash& hash) const;
  std::optional<uint32_t> FindId(uint32_t id) const;
  // The same; quick when the series came next after that of `before`.
  std::optional<uint32_t> FindId(uint32_t id, uint32_t before) const {
    if (before + 1 < ids_.size() && ids_[before + 1] == id) return before + 1;
    return FindId(id);
  }

  // REQUIRES: neither the hash nor the id is here.
  void Add(uint32_t id, uint32_t metric_id, const model::SeriesHash& hash,
           std::span<const LabelView> labels);

  size_t series() const { return ids_.size(); }
  uint32_t id(uint32_t place) const { return ids_[place]; }
  uint32_t metric_id(uint32_t place) const { return metric_ids_[place]; }
  const model::SeriesHash& hash(uint32_t place) const {
    return hashes_[place];
  }
  // Views live as long as this object.
  void LabelsOf(uint32_t place, std::vector<LabelView>& labels) const;
  void AppendCanonical(uint32_t place, std::string& out) const;
  // All places in the order of ids.
  std::vector<uint32_t> PlacesById() const;

  // Metric names that got their number since the last flush.
  void AddMetric(std::string_view name, uint32_t metric_id);
  std::optional<uint32_t> FindMetric(std::string_view name) const;
  const absl::flat_hash_map<std::string, uint32_t>& metrics() const {
    return metrics_;
  }

  absl::Status VisitPair(std::string_view name, std::string_view value,
                         const VisitParts& visit) const override;
  absl::Status VisitValues(std::string_view name, std::string_view prefix,
                           const VisitPostings& visit) const override;
  absl::Status VisitAll(const VisitPostings& visit) const override;
  absl::Status AddNames(std::vector<std::string>& names) const override;
  // As VisitAll, ascending by name and value.
  absl::Status VisitSorted(const VisitPostings& visit) const;

  size_t memory_bytes() const;

 private:
  struct Pair {
    std::string_view value;
    uint32_t name = 0;
    DeltaList ids;
  };
  struct Name {
    std::string_view name;
    std::vector<uint32_t> pairs;
    DeltaList present;
  };
  struct PairText {
    uint32_t name;
    std::string_view value;
  };
  // Sets of numbers, hashed and compared by what the numbers stand for.
  struct HashOfSeries {
    using is_transparent = void;
    const RamTenant* tenant;
    size_t operator()(uint32_t place) const;
    size_t operator()(const model::SeriesHash& hash) const;
  };
  struct SameSeries {
    using is_transparent = void;
    const RamTenant* tenant;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t a, const model::SeriesHash& b) const;
  };
  struct HashOfPair {
    using is_transparent = void;
    const RamTenant* tenant;
    size_t operator()(uint32_t pair) const;
    size_t operator()(const PairText& text) const;
  };
  struct SamePair {
    using is_transparent = void;
    const RamTenant* tenant;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t a, const PairText& b) const;
  };

  uint32_t NameNumber(std::string_view name);
  uint32_t PairNumber(uint32_t name, std::string_view value);
  const Name* FindName(std::string_view name) const;

  TextArena arena_;
  std::vector<Name> names_;
  absl::flat_hash_map<absl::string_view, uint32_t> name_numbers_;
  std::vector<Pair> pairs_;
  absl::flat_hash_set<uint32_t, HashOfPair, SamePair> pair_numbers_;
  DeltaList all_;

  std::vector<uint32_t> ids_;
  std::vector<uint32_t> metric_ids_;
  std::vector<model::SeriesHash> hashes_;
  std::vector<uint32_t> label_ends_;  // into labels_
  std::vector<uint32_t> labels_;      // pair numbers
  absl::flat_hash_set<uint32_t, HashOfSeries, SameSeries> by_hash_;
  // Places sorted by id; empty while ids_ itself is sorted, which it is but
  // for replays whose definitions are out of order.
  std::vector<uint32_t> by_id_;
  absl::flat_hash_map<std::string, uint32_t> metrics_;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_INDEX_RAM_TENANT_H_

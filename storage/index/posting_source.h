// Where the algebra of matchers finds postings: one tenant's series in one
// place, in memory or in RocksDB. Every series is wholly in one place (while
// it is being flushed, in two), so that matchers are evaluated in each place
// alone and the results are joined.
//
// The value "" of a name stands for all series that have the label; the name
// "" with the value "" for all series of the tenant.
#ifndef VARVE_STORAGE_INDEX_POSTING_SOURCE_H_
#define VARVE_STORAGE_INDEX_POSTING_SOURCE_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/status.h"
#include "storage/index/posting.h"

namespace varve::storage {

// The ids of a visited value; decoded only when asked for.
class PostingView {
 public:
  explicit PostingView(const DeltaList& list) : list_(&list) {}
  explicit PostingView(std::string_view encoded) : encoded_(encoded) {}
  absl::Status AddTo(IdSet& ids) const {
    if (list_ == nullptr) return AddIdSet(encoded_, ids);
    list_->AddTo(ids);
    return absl::OkStatus();
  }
  // About what decoding takes.
  size_t bytes() const {
    return list_ == nullptr ? encoded_.size() : list_->count();
  }

 private:
  const DeltaList* list_ = nullptr;
  std::string_view encoded_;
};

// False ends the visit. A value may be visited several times with parts of
// its ids.
using VisitPostings = std::function<absl::StatusOr<bool>(
    std::string_view name, std::string_view value, const PostingView& ids)>;

using VisitParts = std::function<absl::Status(const PostingView& part)>;

class PostingSource {
 public:
  virtual ~PostingSource() = default;
  // The ids that have `name` = `value`, in one part or several.
  virtual absl::Status VisitPair(std::string_view name, std::string_view value,
                                 const VisitParts& visit) const = 0;
  // Adds all of them.
  absl::Status AddPair(std::string_view name, std::string_view value,
                       IdSet& ids) const {
    return VisitPair(name, value, [&ids](const PostingView& part) {
      return part.AddTo(ids);
    });
  }
  // About what AddPair would take.
  absl::StatusOr<size_t> PairBytes(std::string_view name,
                                   std::string_view value) const {
    size_t bytes = 0;
    RETURN_IF_ERROR(VisitPair(name, value, [&bytes](const PostingView& part) {
      bytes += part.bytes();
      return absl::OkStatus();
    }));
    return bytes;
  }
  // The values of `name` that begin with `prefix`, in any order; not "".
  virtual absl::Status VisitValues(std::string_view name,
                                   std::string_view prefix,
                                   const VisitPostings& visit) const = 0;
  // All names and values, "" too.
  virtual absl::Status VisitAll(const VisitPostings& visit) const = 0;
  virtual absl::Status AddNames(std::vector<std::string>& names) const = 0;
  // What KeepScan was given for `scan`, if it still holds. A place that
  // changes with every series keeps nothing.
  virtual std::shared_ptr<const IdSet> FindScan(const std::string&) const {
    return nullptr;
  }
  virtual void KeepScan(const std::string&,
                        std::shared_ptr<const IdSet>) const {}
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_INDEX_POSTING_SOURCE_H_

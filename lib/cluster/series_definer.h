// The first step of a write: routes for the series that have none, and their
// references at the nodes that get them.
//
// Threads: belongs to the thread of the write.
#ifndef VARVE_LIB_CLUSTER_SERIES_DEFINER_H_
#define VARVE_LIB_CLUSTER_SERIES_DEFINER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "lib/cluster/write_attempt.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {

class SeriesDefiner {
 public:
  // Both outlive it.
  SeriesDefiner(WriteAttempt& attempt, std::span<SeriesRows> rows)
      : attempt_(attempt), rows_(rows), lanes_(attempt.view().lane_count()) {}

  // Fills the rows' routes and `refused`. FailedPrecondition when only another
  // view can; Unavailable when there are too few nodes.
  absl::Status Run();
  // Whether a copy goes elsewhere than to its owner; after Run.
  bool any_detour() const { return any_detour_; }

 private:
  // A copy of one series in one lane: rows_[row], its k-th copy.
  struct Copy {
    uint32_t row = 0;
    uint32_t k = 0;
  };
  struct Sent {
    std::unique_ptr<rpc::Call> call;
    size_t first = 0;  // of the lane's definitions asked by this call
    size_t count = 0;
  };
  struct Lane {
    std::vector<Copy> definitions;
    std::vector<Sent> calls;
  };
  // The first of the rows that share a route to be defined.
  struct FirstRow {
    uint32_t row = 0;
    size_t size = 0;  // of all of them
  };
  struct Repeat {
    uint32_t row = 0;
    uint32_t first = 0;
  };
  using SeriesList =
      google::protobuf::RepeatedPtrField<proto::DefineRequest::Series>;
  using RefList = google::protobuf::RepeatedField<uint64_t>;

  absl::Status Plan();
  // True when an earlier row defines the series for this one too.
  bool IsRepeat(uint32_t i);
  absl::Status PlanRow(uint32_t i);
  // Gives `placed` the references of `known` that are good in its lanes.
  void KeepRefs(const SeriesRoute& known, SeriesRoute& placed) const;
  void Start(uint16_t lane);
  void AddSeries(const Copy& copy, SeriesList& list) const;
  absl::Status Collect(uint16_t lane);
  absl::Status TakeDefined(uint16_t node, const Sent& sent,
                           const std::string& answer);
  absl::Status TakeHintsDefined(uint16_t lane, const Sent& sent,
                                const std::string& answer);

  WriteAttempt& attempt_;
  const std::span<SeriesRows> rows_;
  std::vector<Lane> lanes_;
  absl::flat_hash_map<const SeriesRoute*, FirstRow> defined_;
  std::vector<Repeat> repeats_;
  bool any_detour_ = false;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_SERIES_DEFINER_H_

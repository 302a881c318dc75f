// One storage node: the product's services over an engine in memory, and what
// the product's threads do, as functions that are called when the scenario
// wants it.
//
// Of the product: InsertService, SelectService, KeptState, Peers, SharesOf,
// digest differences, missing rows, RowWriter, PulledUnits. Written for the
// simulation, by the rules of the files named in the .cc: hint logs, their
// replay, the strike of MISSED records, and what goes between the parts of a
// repair.
//
// Threads: belongs to one.
#ifndef VARVE_TESTS_SIMULATION_STORAGE_NODE_H_
#define VARVE_TESTS_SIMULATION_STORAGE_NODE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/repair/peer_repair.h"
#include "lib/repair/peers.h"
#include "lib/repair/slot_shares.h"
#include "lib/storenode/insert_service.h"
#include "lib/storenode/kept_state.h"
#include "lib/storenode/request_gate.h"
#include "lib/storenode/select_service.h"
#include "lib/telemetry/metrics.h"
#include "tests/simulation/memory_engine.h"
#include "tests/simulation/network.h"

namespace varve::simulation {

class StorageNode final : public Process {
 public:
  // What `disk` has is there; all outlive the node. `address` names it as a
  // caller as well; `coverage_version` is random.
  StorageNode(Disk* disk, std::string address, uint64_t coverage_version,
              Network* network, telemetry::Metrics* metrics);

  std::string Hello() override { return inserts_.Hello(); }
  absl::Status Handle(rpc::Method method, std::string_view payload,
                      std::vector<std::string>& answers) override;
  bool busy() const override { return depth_ > 0; }

  // Hints of this node to their owners, as far as these can be reached.
  void Replay();
  // MISSED records whose hints are done.
  void Strike();
  // What the other members of the ring know it to lack. `sample`: the last one
  // that was written.
  void Hear(int64_t sample);
  // Since this sample was written it has heard the other one, or it says that
  // it has not.
  bool HeardOrTells(uint64_t node_id, int64_t sample) const;
  // A pass over the other nodes; how many rows were pulled. `forced`: by
  // /internal/force_repair.
  int64_t Repair(bool forced);

  const Disk& disk() const { return disk_; }
  const storenode::KeptState& kept() const { return kept_; }

 private:
  // While it lives the node is busy.
  class Depth {
   public:
    explicit Depth(StorageNode* node) : node_(*node) { ++node_.depth_; }
    ~Depth() { --node_.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;

   private:
    StorageNode& node_;
  };
  using LogKey = MemoryHints::LogKey;

  absl::StatusOr<std::string> HintDefine(std::string_view payload);
  absl::StatusOr<std::string> HintData(std::string_view payload);
  absl::StatusOr<std::string> HintStatus(std::string_view payload);

  absl::Status ReplayLog(const LogKey& key);
  absl::Status PutRings(rpc::Channel& channel);
  absl::Status DefineSeries(const MemoryHintLog& log, rpc::Channel& channel,
                            std::vector<uint64_t>& refs, uint64_t& ref_epoch);
  absl::Status SendRecord(std::string_view record, uint8_t ack,
                          uint64_t ref_epoch, rpc::Channel& channel);
  absl::Status StrikeOf(const std::vector<repair::HintLogName>& logs);

  std::vector<proto::Ring> Rings() const;
  absl::StatusOr<rpc::Channel*> ChannelTo(const repair::SlotShare& share,
                                          bool forced);
  absl::Status RepairFrom(const repair::SlotShare& share, rpc::Channel& channel,
                          bool open_hours, int64_t& rows);
  absl::Status Compare(const repair::SlotShare& share,
                       const model::SlotSet& slots, bool open_hours,
                       rpc::Channel& channel, int64_t& rows);

  Disk& disk_;
  const std::string address_;
  Network& network_;
  MemoryEngine engine_;
  storenode::KeptState kept_;
  storenode::TenantNames names_;
  repair::DayDigests digests_;
  storenode::RequestGate gate_;
  storenode::SelectService reads_;
  storenode::InsertService inserts_;
  repair::Peers peers_;
  int depth_ = 0;

  const bool is_new_;  // it began in no ring
  std::map<uint64_t, int64_t> heard_sample_;
  // As MissedStriker: logs that their holders do not know.
  std::set<repair::HintLogName> unknown_;
  // As Repairer.
  std::string shared_by_;
  repair::SlotShares shares_;
  std::map<uint64_t, int64_t> heard_ms_;
  repair::PulledUnits pulled_;
};

}  // namespace varve::simulation

#endif  // VARVE_TESTS_SIMULATION_STORAGE_NODE_H_

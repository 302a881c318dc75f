// The processes of a simulation: storage nodes, writers, readers.
//
// A place is an address with a disk and maybe a node running on it. Writers
// and readers have lists of places of their own, as -storageNode has them.
//
// Threads: belongs to one; reads use a pool of one thread beside it, on whose
// timing no result depends: all answers are there when a merge begins.
#ifndef VARVE_TESTS_SIMULATION_CLUSTER_H_
#define VARVE_TESTS_SIMULATION_CLUSTER_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/clock.h"
#include "lib/base/thread_pool.h"
#include "lib/cluster/reader.h"
#include "lib/cluster/writer.h"
#include "lib/telemetry/metrics.h"
#include "tests/simulation/history.h"
#include "tests/simulation/network.h"
#include "tests/simulation/random.h"
#include "tests/simulation/storage_node.h"

namespace varve::simulation {

struct ClusterOptions {
  int nodes = 3;
  int writers = 1;
  int replication_factor = 2;
  int copies_min = 0;  // as WriterOptions
  int64_t hint_age_max_ms = 3'600'000;
};

struct Place {
  std::string address;
  std::unique_ptr<Disk> disk;
  std::unique_ptr<StorageNode> node;  // null: it is down
};

// A writer or reader: who its nodes are.
struct Client {
  std::string name;
  std::set<size_t> list;  // of places
  std::map<size_t, std::shared_ptr<const cluster::Node>> nodes;
  std::unique_ptr<cluster::NodeSet> set;
};
struct WriterProcess : Client {
  std::unique_ptr<cluster::Writer> writer;
  std::array<cluster::SeriesRoute, kSeries> routes;
};
struct ReaderProcess : Client {
  std::unique_ptr<cluster::Reader> reader;
};

// One write: samples by number, in ascending order of series.
using Batch = std::vector<int64_t>;

struct Answer {
  absl::Status status;
  cluster::ReadOutcome outcome;
  std::map<int64_t, int> samples;  // by number: how often
  std::string invented;            // of what was never written; "": nothing
};

class Cluster {
 public:
  // All outlive it.
  Cluster(const ClusterOptions& options, Random* random,
          telemetry::Metrics* metrics, base::ThreadPool* pool);

  size_t AddPlace();
  void Start(size_t place);
  void Kill(size_t place);
  // The directory is lost: another node is there.
  void Wipe(size_t place);
  bool Runs(size_t place) const { return places[place].node != nullptr; }

  void SetList(Client& client, const std::set<size_t>& list);
  // The process forgets all it knows.
  void Restart(WriterProcess& process);
  void Restart(ReaderProcess& process);

  // As lib/ingest writes a request. Of each sample 1, or more after retries,
  // is sent.
  absl::Status Write(WriterProcess& process, const Batch& batch);
  Answer Read(ReaderProcess& process, const model::TimeRange& range,
              bool one_copy);

  // A line for each place: what runs there, and what it knows.
  std::vector<std::string> Texts() const;
  // How many of the client's nodes it reaches.
  int Reached(const Client& client) const;

  const ClusterOptions options;
  base::ManualClock clock{1'790'000'000'000};
  Network network;
  History history;
  std::vector<Place> places;
  std::vector<WriterProcess> writers;
  ReaderProcess reader;

  // Rows that writers know to be on fewer nodes than the replication factor.
  int64_t rows_incomplete() const;
  int copies_min() const;

 private:
  Random& random_;
  telemetry::Metrics& metrics_;
  base::ThreadPool& pool_;
  uint64_t ids_ = 0;
};

}  // namespace varve::simulation

#endif  // VARVE_TESTS_SIMULATION_CLUSTER_H_

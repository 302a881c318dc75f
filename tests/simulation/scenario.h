// A random story of a cluster, made of a seed: what clients do, what fails, and
// what the nodes do meanwhile; with checks between the steps and at the end.
//
// Threads: belongs to one.
#ifndef VARVE_TESTS_SIMULATION_SCENARIO_H_
#define VARVE_TESTS_SIMULATION_SCENARIO_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/checker.h"
#include "tests/simulation/cluster.h"
#include "tests/simulation/random.h"

namespace varve::simulation {

class Scenario {
 public:
  // Both outlive it.
  Scenario(uint64_t seed, telemetry::Metrics* metrics, base::ThreadPool* pool);

  // Until its end, or the first failure.
  void Run();

  const Checker& checker() const { return checker_; }
  const Cluster& cluster() const { return cluster_; }
  // One line a step.
  const std::vector<std::string>& steps() const { return steps_; }
  int64_t acknowledged() const { return acknowledged_; }

 private:
  struct Kind;
  static const std::vector<Kind>& Kinds();

  void Step();
  void Say(const std::string& text);

  // Of clients.
  Batch NewBatch();
  absl::Status Write(WriterProcess& writer, const Batch& batch);
  void WriteSome();
  void WriteAgain();
  void RestartWriter();
  void Check();
  void CheckSubset();
  void CheckSteady();

  // Of machines and links.
  void KillSome();
  void StartSome();
  void WipeSome();
  void CutSome();
  void HealSome();
  void HealAll();
  void ChangeWeather();
  void FillHints();
  void PassTime();

  // Of nodes by themselves.
  void WorkOfSome();
  void DeliverLate();

  // Of lists of nodes.
  void AddNode();
  void RemoveNode();
  void FollowList();
  void Follow(WriterProcess& writer);
  void ShrinkReaderList();

  // Everything comes back and has time.
  void Calm();
  void CheckWhole();

  size_t AnyPlace();
  WriterProcess& AnyWriter();
  std::string AnyCaller();

  Random random_;
  Cluster cluster_;
  Checker checker_;
  Weather weather_;
  std::set<size_t> list_;  // that writers are to have
  Batch last_;
  int64_t acknowledged_ = 0;
  std::vector<std::string> steps_;
};

}  // namespace varve::simulation

#endif  // VARVE_TESTS_SIMULATION_SCENARIO_H_

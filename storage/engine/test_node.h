// A node's engine in a directory of its own, for the tests of this folder.
//
// A test's own node derives from this one and adds what its subject needs.
#ifndef VARVE_STORAGE_ENGINE_TEST_NODE_H_
#define VARVE_STORAGE_ENGINE_TEST_NODE_H_

#include <catch2/catch.hpp>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "lib/base/clock.h"
#include "lib/encoding/data_record.h"
#include "storage/engine/engine.h"
#include "storage/fs/fault_file_system.h"
#include "tests/support/temp_dir.h"

namespace varve::storage {

inline constexpr model::TenantId kTenant{0, uint64_t{1} << 32};
inline constexpr model::TenantId kOther{0, uint64_t{2} << 32};
// 2026-11-20T12:00:00Z, noon: a day has room on both sides.
inline constexpr int64_t kNowMs = 1'795'176'000'000;
inline constexpr model::TimeRange kAllTime = {0, model::kTimestampMaxMs};

// The functions without `Try` require success.
struct TestNode {
  // Labels as text to samples.
  using Answer = std::map<std::string, model::SampleColumns>;

  tests::TempDir dir;
  base::ManualClock clock{kNowMs};
  FaultFileSystem disk;  // for tests that name it in `options.file_system`
  EngineOptions options;
  std::unique_ptr<Engine> engine;

  TestNode();

  // Ends the engine that is open: what it did not flush is in the log alone.
  absl::Status TryOpen();
  void Open();

  absl::StatusOr<uint64_t> TryDefine(const model::LabelSet& labels,
                                     model::TenantId tenant = kTenant);
  uint64_t Define(const model::LabelSet& labels,
                  model::TenantId tenant = kTenant);

  // A record of one run of samples, accepted now.
  std::string Record(uint64_t id, const model::SampleColumns& samples,
                     model::TenantId tenant = kTenant) const;
  AppendResult AppendRecord(std::string_view record,
                            AckLevel ack = AckLevel::kDurable);
  absl::StatusOr<AppendResult> TryAppend(uint64_t id,
                                         const model::SampleColumns& samples,
                                         model::TenantId tenant = kTenant,
                                         AckLevel ack = AckLevel::kDurable);
  AppendResult Append(uint64_t id, const model::SampleColumns& samples,
                      model::TenantId tenant = kTenant);

  // `n` samples, one a second from `start_ms`, of the series {name, i}.
  absl::Status TryWrite(const std::string& name, int i, int64_t start_ms,
                        int n);
  // The same of each series below `series`.
  void Write(const std::string& name, int series, int64_t start_ms, int n);

  // False when the answer is not complete.
  absl::StatusOr<bool> TrySearch(Answer& out, model::Matchers matchers = {},
                                 model::TenantId tenant = kTenant,
                                 model::TimeRange range = kAllTime);
  // Checks that the answer is complete.
  Answer Search(model::Matchers matchers = {}, model::TenantId tenant = kTenant,
                model::TimeRange range = kAllTime);

  // As the node gets it now; how many series matched.
  int64_t Delete(const model::Matchers& matchers,
                 model::TimeRange range = kAllTime);
};

model::SampleColumns Samples(std::initializer_list<model::Sample> samples);

// Of the same bits: a staleness marker is itself, -0.0 is not 0.0.
bool Same(const model::SampleColumns& a, const model::SampleColumns& b);
bool Same(const TestNode::Answer& a, const TestNode::Answer& b);

// Says which sample differs.
void CheckSame(const model::SampleColumns& got,
               const model::SampleColumns& want);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_TEST_NODE_H_

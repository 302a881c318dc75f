// A node's engine in a directory of its own, for the tests of this folder.
#ifndef VARVE_STORAGE_ENGINE_TEST_NODE_H_
#define VARVE_STORAGE_ENGINE_TEST_NODE_H_

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "lib/base/clock.h"
#include "lib/encoding/data_record.h"
#include "storage/engine/engine.h"

namespace varve::storage {

class TestDir {
 public:
  TestDir() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "engine-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TestDir() { std::filesystem::remove_all(path_); }
  TestDir(const TestDir&) = delete;
  TestDir& operator=(const TestDir&) = delete;
  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

struct TestNode {
  static constexpr int64_t kNowMs = 1'795'176'000'000;  // noon, 2026-11-20
  static constexpr model::TenantId kTenant{0, uint64_t{1} << 32};
  // Labels as text to samples.
  using Answer = std::map<std::string, model::SampleColumns>;

  TestDir dir;
  base::ManualClock clock{kNowMs};
  EngineOptions options;
  std::unique_ptr<Engine> engine;

  TestNode() {
    options.path = dir.path();
    options.clock = &clock;
    options.head_bytes_max = 64 << 20;
    options.block_cache_bytes = 8 << 20;
  }

  absl::Status TryOpen() {
    engine.reset();
    auto opened = Engine::Open(options);
    if (opened.ok()) engine = *std::move(opened);
    return opened.status();
  }
  void Open() {
    const absl::Status status = TryOpen();
    INFO(status);
    REQUIRE(status.ok());
  }

  absl::StatusOr<uint64_t> TryDefine(const model::LabelSet& labels) {
    std::string canonical;
    model::AppendCanonicalBytes(canonical, labels);
    const SeriesDefinition one{kTenant, canonical};
    std::vector<uint64_t> ids;
    const absl::Status status = engine->Define(std::span(&one, 1), ids);
    if (!status.ok()) return status;
    return ids[0];
  }
  absl::Status TryAppend(uint64_t id, const model::SampleColumns& samples) {
    encoding::DataRecordBuilder builder;
    builder.Start(1, clock.NowMs());
    builder.Add(kTenant.kind, kTenant.id, id, samples.timestamps_ms,
                samples.values);
    return engine->Append(builder.Finish(), AckLevel::kDurable).status();
  }
  // `n` samples, one a second from `start_ms`, of the series {name, i}.
  absl::Status TryWrite(const std::string& name, int i, int64_t start_ms,
                        int n) {
    const auto id = TryDefine({{"__name__", name},
                               {"series", std::to_string(i)}});
    if (!id.ok()) return id.status();
    model::SampleColumns samples;
    for (int k = 0; k < n; ++k) {
      samples.push_back(start_ms + 1000 * k, start_ms / 1000.0 + k * 1.7 + i);
    }
    return TryAppend(*id, samples);
  }
  void Write(const std::string& name, int series, int64_t start_ms, int n) {
    for (int i = 0; i < series; ++i) {
      const absl::Status status = TryWrite(name, i, start_ms, n);
      INFO(status);
      REQUIRE(status.ok());
    }
  }

  // False when the answer is not complete.
  absl::StatusOr<bool> TrySearch(Answer& out) {
    out.clear();
    const SearchRequest request{.tenant = kTenant,
                                .matcher_groups = {{}},
                                .range = {0, model::kTimestampMaxMs}};
    const auto cursor = engine->Search(request);
    if (!cursor.ok()) return cursor.status();
    SearchSeries series;
    while (true) {
      const auto more = (*cursor)->Next(series);
      if (!more.ok()) return more.status();
      if (!*more) break;
      const auto labels = model::ParseCanonicalBytes(series.labels);
      if (!labels.ok()) return labels.status();
      out.emplace(labels->Text(), series.samples);
    }
    return (*cursor)->complete();
  }
  Answer All() {
    Answer out;
    const auto complete = TrySearch(out);
    INFO(complete.status());
    REQUIRE(complete.ok());
    CHECK(*complete);
    return out;
  }
};

inline bool Same(const TestNode::Answer& a, const TestNode::Answer& b) {
  if (a.size() != b.size()) return false;
  for (auto i = a.begin(), j = b.begin(); i != a.end(); ++i, ++j) {
    if (i->first != j->first ||
        i->second.timestamps_ms != j->second.timestamps_ms ||
        i->second.values != j->second.values) {
      return false;
    }
  }
  return true;
}

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_TEST_NODE_H_

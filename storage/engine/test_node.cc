#include "storage/engine/test_node.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

namespace varve::storage {

using model::SampleColumns;

TestNode::TestNode() {
  options.path = dir.path();
  options.clock = &clock;
  options.head_bytes_max = 64 << 20;
  options.block_cache_bytes = 8 << 20;
}

absl::Status TestNode::TryOpen() {
  engine.reset();
  auto opened = Engine::Open(options);
  if (opened.ok()) engine = *std::move(opened);
  return opened.status();
}

void TestNode::Open() {
  const absl::Status status = TryOpen();
  INFO(status);
  REQUIRE(status.ok());
}

absl::StatusOr<uint64_t> TestNode::TryDefine(const model::LabelSet& labels,
                                             model::TenantId tenant) {
  std::string canonical;
  model::AppendCanonicalBytes(canonical, labels);
  const SeriesDefinition one{tenant, canonical};
  std::vector<uint64_t> ids;
  const absl::Status status = engine->Define(std::span(&one, 1), ids);
  if (!status.ok()) return status;
  return ids.at(0);
}

uint64_t TestNode::Define(const model::LabelSet& labels,
                          model::TenantId tenant) {
  const auto id = TryDefine(labels, tenant);
  INFO(id.status());
  REQUIRE(id.ok());
  return *id;
}

std::string TestNode::Record(uint64_t id, const SampleColumns& samples,
                             model::TenantId tenant) const {
  encoding::DataRecordBuilder builder;
  builder.Start(1, clock.NowMs());
  builder.Add(tenant.kind, tenant.id, id, samples.timestamps_ms,
              samples.values);
  return builder.Finish();
}

AppendResult TestNode::AppendRecord(std::string_view record, AckLevel ack) {
  const auto result = engine->Append(record, ack);
  INFO(result.status());
  REQUIRE(result.ok());
  return *result;
}

absl::StatusOr<AppendResult> TestNode::TryAppend(uint64_t id,
                                                 const SampleColumns& samples,
                                                 model::TenantId tenant,
                                                 AckLevel ack) {
  return engine->Append(Record(id, samples, tenant), ack);
}

AppendResult TestNode::Append(uint64_t id, const SampleColumns& samples,
                              model::TenantId tenant) {
  return AppendRecord(Record(id, samples, tenant));
}

absl::Status TestNode::TryWrite(const std::string& name, int i,
                                int64_t start_ms, int n) {
  const auto id =
      TryDefine({{"__name__", name}, {"series", std::to_string(i)}});
  if (!id.ok()) return id.status();
  SampleColumns samples;
  for (int k = 0; k < n; ++k) {
    samples.push_back(start_ms + 1000 * k, start_ms / 1000.0 + k * 1.7 + i);
  }
  return TryAppend(*id, samples).status();
}

void TestNode::Write(const std::string& name, int series, int64_t start_ms,
                     int n) {
  for (int i = 0; i < series; ++i) {
    const absl::Status status = TryWrite(name, i, start_ms, n);
    INFO(status);
    REQUIRE(status.ok());
  }
}

absl::StatusOr<bool> TestNode::TrySearch(Answer& out, model::Matchers matchers,
                                         model::TenantId tenant,
                                         model::TimeRange range) {
  out.clear();
  const auto cursor = engine->Search({.tenant = tenant,
                                      .matcher_groups = {std::move(matchers)},
                                      .range = range});
  if (!cursor.ok()) return cursor.status();
  SearchSeries series;
  while (true) {
    const auto more = (*cursor)->Next(series);
    if (!more.ok()) return more.status();
    if (!*more) return (*cursor)->complete();
    const auto labels = model::ParseCanonicalBytes(series.labels);
    if (!labels.ok()) return labels.status();
    if (series.hash != model::HashSeries(tenant, series.labels) ||
        !out.emplace(labels->Text(), series.samples).second) {
      return absl::InternalError("two series, or not its hash: " +
                                 labels->Text());
    }
  }
}

TestNode::Answer TestNode::Search(model::Matchers matchers,
                                  model::TenantId tenant,
                                  model::TimeRange range) {
  Answer out;
  const auto complete = TrySearch(out, std::move(matchers), tenant, range);
  INFO(complete.status());
  REQUIRE(complete.ok());
  CHECK(*complete);
  return out;
}

int64_t TestNode::Delete(const model::Matchers& matchers,
                         model::TimeRange range) {
  const auto series = engine->Delete({.tenant = kTenant,
                                      .matcher_groups = {matchers},
                                      .range = range,
                                      .accept_ms = clock.NowMs()});
  INFO(series.status());
  REQUIRE(series.ok());
  return *series;
}

SampleColumns Samples(std::initializer_list<model::Sample> samples) {
  SampleColumns out;
  for (const auto& one : samples) out.push_back(one.timestamp_ms, one.value);
  return out;
}

bool Same(const SampleColumns& a, const SampleColumns& b) {
  return a.timestamps_ms == b.timestamps_ms &&
         std::ranges::equal(a.values, b.values, model::SameBits);
}

bool Same(const TestNode::Answer& a, const TestNode::Answer& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
    return x.first == y.first && Same(x.second, y.second);
  });
}

void CheckSame(const SampleColumns& got, const SampleColumns& want) {
  CHECK(got.timestamps_ms == want.timestamps_ms);
  REQUIRE(got.values.size() == want.values.size());
  for (size_t i = 0; i < want.size(); ++i) {
    CAPTURE(i);
    CHECK(model::SameBits(got.values[i], want.values[i]));
  }
}

}  // namespace varve::storage

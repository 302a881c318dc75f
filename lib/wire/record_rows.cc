#include "lib/wire/record_rows.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "lib/base/status.h"
#include "lib/encoding/data_record.h"
#include "lib/encoding/decimal.h"

namespace varve::wire {
namespace {

using encoding::SectionKind;

class Collector {
 public:
  absl::Status Add(const encoding::DataRecordReader& reader) {
    PerTenant& to =
        Of({.kind = reader.tenant_kind(), .id = reader.tenant_id()});
    switch (reader.kind()) {
      case SectionKind::kFloats:
        return AddFloats(reader, to);
      case SectionKind::kHistograms:
        return encoding::DecodeHistogramSection(reader.body(), to.histograms);
      case SectionKind::kExemplars:
        return encoding::DecodeExemplarSection(reader.body(), to.exemplars);
      case SectionKind::kMetadata:
        return encoding::DecodeMetadataSection(reader.body(), to.rows.metadata);
      case SectionKind::kStarts:
        return encoding::DecodeStartSection(reader.body(), to.starts);
    }
    return base::DataLoss("data record: a section of unknown kind ",
                          int{static_cast<uint8_t>(reader.kind())});
  }

  std::vector<TenantRows> Finish() {
    std::vector<TenantRows> all;
    all.reserve(tenants_.size());
    for (PerTenant& one : tenants_) all.push_back(Finish(one));
    return all;
  }

 private:
  struct PerTenant {
    TenantRows rows;
    absl::flat_hash_map<uint64_t, uint32_t> series;  // by ref, the first one
    std::vector<encoding::HistogramBytesRow> histograms;
    std::vector<encoding::ExemplarRow> exemplars;
    std::vector<encoding::StartRow> starts;
  };

  PerTenant& Of(const model::TenantId& tenant) {
    const auto [found, is_new] =
        by_tenant_.try_emplace(tenant, tenants_.size());
    if (is_new) tenants_.emplace_back().rows.tenant = tenant;
    return tenants_[found->second];
  }

  absl::Status AddFloats(const encoding::DataRecordReader& reader,
                         PerTenant& to) {
    RETURN_IF_ERROR(reader.DecodeFloats(section_));
    TenantRows& rows = to.rows;
    auto next = static_cast<uint32_t>(rows.values.size());
    rows.series.reserve(rows.series.size() + section_.refs.size());
    for (size_t i = 0; i < section_.refs.size(); ++i) {
      to.series.try_emplace(section_.refs[i],
                            static_cast<uint32_t>(rows.series.size()));
      RecordSeries& series = rows.series.emplace_back();
      series.ref = section_.refs[i];
      series.first_row = next;
      series.rows = section_.counts[i];
      next += series.rows;
    }
    rows.timestamps_ms.insert(rows.timestamps_ms.end(),
                              section_.timestamps_ms.begin(),
                              section_.timestamps_ms.end());
    rows.values.reserve(next);
    for (const encoding::ScaledValue& value : section_.values) {
      rows.values.push_back(encoding::FromScaled(value));
    }
    return absl::OkStatus();
  }

  static RecordSeries& SeriesOf(PerTenant& one, uint64_t ref) {
    const auto [found, is_new] = one.series.try_emplace(
        ref, static_cast<uint32_t>(one.rows.series.size()));
    if (is_new) one.rows.series.emplace_back().ref = ref;
    return one.rows.series[found->second];
  }

  // Each series' rows of a kind one after the other, in the order they came.
  template <typename Row>
  static void GroupByRef(std::vector<Row>& rows) {
    const auto less = [](const Row& a, const Row& b) { return a.ref < b.ref; };
    if (std::is_sorted(rows.begin(), rows.end(), less)) return;
    std::stable_sort(rows.begin(), rows.end(), less);
  }

  static TenantRows Finish(PerTenant& one) {
    TenantRows& rows = one.rows;
    GroupByRef(one.histograms);
    for (const encoding::HistogramBytesRow& row : one.histograms) {
      RecordSeries& series = SeriesOf(one, row.ref);
      if (series.histograms++ == 0) {
        series.first_histogram = static_cast<uint32_t>(rows.histograms.size());
      }
      rows.histogram_timestamps_ms.push_back(row.timestamp_ms);
      rows.histograms.push_back(row.bytes);
    }
    GroupByRef(one.exemplars);
    for (encoding::ExemplarRow& row : one.exemplars) {
      RecordSeries& series = SeriesOf(one, row.ref);
      if (series.exemplars++ == 0) {
        series.first_exemplar = static_cast<uint32_t>(rows.exemplars.size());
      }
      rows.exemplars.push_back(std::move(row.exemplar));
    }
    GroupByRef(one.starts);
    for (const encoding::StartRow& row : one.starts) {
      RecordSeries& series = SeriesOf(one, row.ref);
      if (series.starts++ == 0) {
        series.first_start = static_cast<uint32_t>(rows.starts.size());
      }
      rows.starts.push_back(row.run);
    }
    return std::move(rows);
  }

  std::vector<PerTenant> tenants_;
  absl::flat_hash_map<model::TenantId, size_t> by_tenant_;
  encoding::FloatSection section_;
};

}  // namespace

absl::StatusOr<RecordRows> DecodeRecordRows(std::string_view record) {
  encoding::DataRecordReader reader(record);
  Collector collector;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, reader.Next());
    if (!more) break;
    RETURN_IF_ERROR(collector.Add(reader));
  }
  return RecordRows{.accept_ms = reader.accept_ms(),
                    .tenants = collector.Finish()};
}

}  // namespace varve::wire

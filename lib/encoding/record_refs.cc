#include "lib/encoding/record_refs.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/encoding/data_record.h"
#include "lib/encoding/varint_stream.h"

namespace varve::encoding {
namespace {

constexpr size_t kRecordHeadBytes = 16;  // ring, accept_ms

model::TenantId TenantOf(const DataRecordReader& reader) {
  return {reader.tenant_kind(), reader.tenant_id()};
}

absl::Status UnknownKind(const DataRecordReader& reader) {
  return base::DataLoss("data record: a section of kind ",
                        static_cast<int>(reader.kind()));
}

class Mapping {
 public:
  Mapping(std::span<const uint64_t> refs, MappedRecord& out)
      : refs_(refs), out_(out) {}

  absl::Status Section(const DataRecordReader& reader) {
    switch (reader.kind()) {
      case SectionKind::kFloats:
        return Floats(reader);
      case SectionKind::kHistograms:
        return Histograms(reader);
      case SectionKind::kExemplars:
        return Exemplars(reader);
      case SectionKind::kMetadata:
        return Metadata(reader);
      case SectionKind::kStarts:
        return Starts(reader);
    }
    return UnknownKind(reader);
  }
  void Finish() { kinds_.AppendTo(out_.bytes); }

 private:
  uint64_t Of(uint64_t ref) const {
    return ref < refs_.size() ? refs_[ref] : 0;
  }

  // series, rows and flags, then the refs (data_record.cc draws it).
  absl::Status Floats(const DataRecordReader& reader) {
    VarintReader body(reader.body());
    const uint64_t series = body.Varint();
    const uint64_t rows = body.Varint();
    const uint8_t flags = body.Byte();
    if (!body.ok() || series > kRowsMax || series > reader.body().size()) {
      return base::DataLoss("data record: bad head of a floats section");
    }
    section_refs_.resize(series);
    body.ZigzagSums(section_refs_);
    if (!body.ok()) return base::DataLoss("data record: refs are cut");
    for (uint64_t& ref : section_refs_) {
      ref = Of(ref);
      if (ref == 0) return FloatsOfSome(reader);
    }
    std::string& out = out_.bytes;
    AppendHead(reader);
    const size_t size_at = out.size() - sizeof(uint32_t);
    base::PutVarint(out, series);
    base::PutVarint(out, rows);
    out.push_back(static_cast<char>(flags));
    AppendRefs();
    out.append(body.at(), body.left());
    const auto size =
        static_cast<uint32_t>(out.size() - size_at - sizeof(uint32_t));
    std::memcpy(out.data() + size_at, &size, sizeof(size));
    out_.rows += static_cast<int64_t>(rows);
    return absl::OkStatus();
  }

  // The section's head with a size that is still to be filled in.
  void AppendHead(const DataRecordReader& reader) {
    std::string& out = out_.bytes;
    out.push_back(static_cast<char>(reader.kind()));
    out.push_back(static_cast<char>(reader.tenant_kind()));
    base::PutFixedLe<uint64_t>(out, reader.tenant_id());
    base::PutFixedLe<uint32_t>(out, 0);
  }

  void AppendRefs() {
    std::string& out = out_.bytes;
    const size_t begin = out.size();
    out.resize(begin + section_refs_.size() * kVarintBytesMax);
    char* to = out.data() + begin;
    uint64_t before = 0;
    for (const uint64_t ref : section_refs_) {
      to = WriteVarint(to,
                       base::ZigzagEncode(static_cast<int64_t>(ref - before)));
      before = ref;
    }
    out.resize(static_cast<size_t>(to - out.data()));
  }

  // Some series have no ref: seldom, so that simple is good enough.
  absl::Status FloatsOfSome(const DataRecordReader& reader) {
    FloatSection section;
    RETURN_IF_ERROR(reader.DecodeFloats(section));
    DataRecordBuilder builder;
    builder.Start(0, 0);
    std::vector<double> values;
    size_t at = 0;
    for (size_t i = 0; i < section.refs.size(); ++i) {
      const size_t count = section.counts[i];
      const uint64_t ref = Of(section.refs[i]);
      if (ref == 0) {
        out_.left_out += static_cast<int64_t>(count);
      } else {
        values.clear();
        for (size_t k = at; k < at + count; ++k) {
          values.push_back(FromScaled(section.values[k]));
        }
        builder.Add(reader.tenant_kind(), reader.tenant_id(), ref,
                    std::span(section.timestamps_ms).subspan(at, count),
                    values);
        out_.rows += static_cast<int64_t>(count);
      }
      at += count;
    }
    out_.bytes += std::string_view(builder.Finish()).substr(kRecordHeadBytes);
    return absl::OkStatus();
  }

  absl::Status Histograms(const DataRecordReader& reader) {
    std::vector<HistogramRow> rows;
    RETURN_IF_ERROR(DecodeHistogramSection(reader.body(), rows));
    std::string bytes;
    for (const HistogramRow& row : rows) {
      const uint64_t ref = Of(row.ref);
      ++(ref == 0 ? out_.left_out : out_.rows);
      if (ref == 0) continue;
      bytes.clear();
      model::AppendHistogramBytes(bytes, row.histogram);
      kinds_.AddHistogram(TenantOf(reader), ref, row.timestamp_ms, bytes);
    }
    return absl::OkStatus();
  }

  absl::Status Exemplars(const DataRecordReader& reader) {
    std::vector<ExemplarRow> rows;
    RETURN_IF_ERROR(DecodeExemplarSection(reader.body(), rows));
    for (const ExemplarRow& row : rows) {
      const uint64_t ref = Of(row.ref);
      if (ref == 0) continue;
      kinds_.AddExemplar(TenantOf(reader), ref, row.exemplar.timestamp_ms,
                         row.exemplar.value, row.exemplar.labels);
    }
    return absl::OkStatus();
  }

  absl::Status Metadata(const DataRecordReader& reader) {
    std::vector<model::MetricMetadata> rows;
    RETURN_IF_ERROR(DecodeMetadataSection(reader.body(), rows));
    for (const model::MetricMetadata& row : rows) {
      kinds_.AddMetadata(TenantOf(reader), row);
    }
    return absl::OkStatus();
  }

  absl::Status Starts(const DataRecordReader& reader) {
    std::vector<StartRow> rows;
    RETURN_IF_ERROR(DecodeStartSection(reader.body(), rows));
    for (const StartRow& row : rows) {
      const uint64_t ref = Of(row.ref);
      if (ref != 0) kinds_.AddStart(TenantOf(reader), ref, row.run);
    }
    return absl::OkStatus();
  }

  const std::span<const uint64_t> refs_;
  MappedRecord& out_;
  KindSections kinds_;
  std::vector<uint64_t> section_refs_;
};

absl::Status CheckSection(const DataRecordReader& reader,
                          FloatSection& floats, RecordRefs& refs) {
  const auto reach = [&refs](uint64_t ref) {
    refs.end = std::max(refs.end, ref == UINT64_MAX ? ref : ref + 1);
  };
  switch (reader.kind()) {
    case SectionKind::kFloats: {
      RETURN_IF_ERROR(reader.DecodeFloats(floats));
      for (const uint64_t ref : floats.refs) reach(ref);
      refs.rows += static_cast<int64_t>(floats.timestamps_ms.size());
      return absl::OkStatus();
    }
    case SectionKind::kHistograms: {
      std::vector<HistogramRow> rows;
      RETURN_IF_ERROR(DecodeHistogramSection(reader.body(), rows));
      for (const HistogramRow& row : rows) reach(row.ref);
      refs.rows += static_cast<int64_t>(rows.size());
      return absl::OkStatus();
    }
    case SectionKind::kExemplars: {
      std::vector<ExemplarRow> rows;
      RETURN_IF_ERROR(DecodeExemplarSection(reader.body(), rows));
      for (const ExemplarRow& row : rows) reach(row.ref);
      return absl::OkStatus();
    }
    case SectionKind::kMetadata: {
      std::vector<model::MetricMetadata> rows;
      return DecodeMetadataSection(reader.body(), rows);
    }
    case SectionKind::kStarts: {
      std::vector<StartRow> rows;
      RETURN_IF_ERROR(DecodeStartSection(reader.body(), rows));
      for (const StartRow& row : rows) reach(row.ref);
      return absl::OkStatus();
    }
  }
  return UnknownKind(reader);
}

}  // namespace

absl::StatusOr<RecordRefs> CheckRefs(std::string_view record) {
  RecordRefs refs;
  FloatSection floats;
  DataRecordReader reader(record);
  while (true) {
    ASSIGN_OR_RETURN(const bool more, reader.Next());
    if (!more) return refs;
    RETURN_IF_ERROR(CheckSection(reader, floats, refs));
  }
}

absl::Status MapRefs(std::string_view record, std::span<const uint64_t> refs,
                     MappedRecord& out) {
  out.bytes.assign(record.substr(0, kRecordHeadBytes));
  out.rows = 0;
  out.left_out = 0;
  Mapping mapping(refs, out);
  DataRecordReader reader(record);
  while (true) {
    ASSIGN_OR_RETURN(const bool more, reader.Next());
    if (!more) break;
    RETURN_IF_ERROR(mapping.Section(reader));
  }
  mapping.Finish();
  return absl::OkStatus();
}

}  // namespace varve::encoding

#include "lib/encoding/record_refs.h"

#include <catch2/catch.hpp>
#include <limits>
#include <vector>

#include "lib/encoding/data_record.h"

namespace varve::encoding {
namespace {

constexpr model::TenantId kTenant{1, 77};

// Two floats, a histogram, an exemplar and a start of each of `series`, which
// the record calls `to` of it.
template <typename To>
std::string RecordOf(const std::vector<uint64_t>& series, const To& to) {
  DataRecordBuilder builder;
  builder.Start(5, 1'000);
  std::string histogram;
  model::AppendHistogramBytes(histogram, model::Histogram{});
  for (const uint64_t one : series) {
    const int64_t at_ms[] = {static_cast<int64_t>(one) * 10, 7};
    const double values[] = {static_cast<double>(one) / 4,
                             std::numeric_limits<double>::quiet_NaN()};
    builder.Add(0, one % 2, to(one), at_ms, values);
    builder.kinds().AddExemplar(kTenant, to(one), 3, 1.5, "");
    builder.kinds().AddStart(kTenant, to(one), {5, 9, 1});
    builder.kinds().AddHistogram(kTenant, to(one), 4, histogram);
  }
  builder.kinds().AddMetadata(kTenant, {});
  return builder.Finish();
}

std::string Record(const std::vector<uint64_t>& refs) {
  return RecordOf(refs, [](uint64_t ref) { return ref; });
}

TEST_CASE("a record under other refs is the record that would have been built",
          "[encoding]") {
  const std::vector<uint64_t> all = {0, 2, 4, 1, 3, 9};
  std::vector<uint64_t> refs(10);
  for (size_t i = 0; i < refs.size(); ++i) refs[i] = (i * 7 + 3) << (i * 5);
  MappedRecord out;
  REQUIRE(MapRefs(Record(all), refs, out).ok());
  CHECK(out.bytes == RecordOf(all, [&](uint64_t ref) { return refs[ref]; }));
  CHECK(out.rows == 18);
  CHECK(out.left_out == 0);
}

TEST_CASE("rows of series without a ref are left out, the others stay",
          "[encoding]") {
  std::vector<uint64_t> refs(10);
  for (size_t i = 0; i < refs.size(); ++i) refs[i] = i + 100;
  refs[4] = 0;
  MappedRecord out;
  REQUIRE(MapRefs(Record({0, 2, 4, 6, 1, 50}), refs, out).ok());
  CHECK(out.bytes ==
        RecordOf({0, 2, 6, 1}, [&](uint64_t ref) { return refs[ref]; }));
  CHECK(out.rows == 12);
  CHECK(out.left_out == 6);
}

TEST_CASE("how far the refs of a record reach is told", "[encoding]") {
  const auto refs = CheckRefs(Record({0, 2, 4}));
  REQUIRE(refs.ok());
  CHECK(refs->end == 5);
  CHECK(refs->rows == 9);
  CHECK(CheckRefs(Record({}))->end == 0);
}

TEST_CASE("a cut record is refused at every byte", "[encoding]") {
  const std::string record = Record({0, 2, 4, 1});
  const std::vector<uint64_t> refs(5, 8);
  MappedRecord out;
  int sound = 0;  // between two sections
  for (size_t size = 0; size < record.size(); ++size) {
    const std::string_view cut = std::string_view(record).substr(0, size);
    const bool ok = CheckRefs(cut).ok();
    sound += ok;
    // It may see less, for what it copies it does not decode.
    if (ok) CHECK(MapRefs(cut, refs, out).ok());
  }
  CHECK(sound == 6);
  std::string unknown = record;
  unknown[16] = 99;
  CHECK(absl::IsDataLoss(CheckRefs(unknown).status()));
  CHECK(absl::IsDataLoss(MapRefs(unknown, refs, out)));
}

}  // namespace
}  // namespace varve::encoding

#include "lib/rollup/group_columns.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "lib/model/sample.h"

namespace varve::rollup {
namespace {

double Absent() { return model::StaleNan(); }
bool IsAbsent(double value) { return model::IsStaleNan(value); }

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kBig = std::numeric_limits<double>::max();

const Aggregate kAll[] = {Aggregate::kSum,    Aggregate::kAvg,
                          Aggregate::kMin,    Aggregate::kMax,
                          Aggregate::kCount,  Aggregate::kGroup,
                          Aggregate::kStddev, Aggregate::kStdvar};

// One step's result of `values`, split after `split` into two lanes.
double Run(Aggregate op, const std::vector<double>& values, size_t split) {
  GroupColumns first(op, 1);
  GroupColumns second(op, 1);
  for (size_t i = 0; i < values.size(); ++i) {
    (i < split ? first : second).Add(std::span(&values[i], 1));
  }
  first.Merge(second);
  return first.Finish()[0];
}

TEST_CASE("lanes give what one lane gives, wherever they are split",
          "[rollup]") {
  const std::vector<std::vector<double>> inputs = {{},
                                                   {7},
                                                   {1, 2, 3, 4, 5},
                                                   {Absent(), 2, Absent(), 4},
                                                   {Absent(), Absent()},
                                                   {kInf, 1, 2},
                                                   {1, kInf, -kInf},
                                                   {kBig, kBig, kBig, 1},
                                                   {model::NormalNan(), 1, 2},
                                                   {-0.0, 0.0},
                                                   {1e100, 1, -1e100, 1}};
  for (Aggregate op : kAll) {
    for (const std::vector<double>& input : inputs) {
      const double whole = Run(op, input, input.size());
      for (size_t split = 0; split <= input.size(); ++split) {
        CAPTURE(static_cast<int>(op), input, split);
        const double parts = Run(op, input, split);
        CHECK(IsAbsent(parts) == IsAbsent(whole));
        CHECK(std::isnan(parts) == std::isnan(whole));
        if (!std::isnan(whole)) CHECK(parts == Approx(whole));
      }
    }
  }
}

TEST_CASE("steps without samples stay without", "[rollup]") {
  for (Aggregate op : kAll) {
    GroupColumns columns(op, 2);
    columns.Add(std::vector<double>{Absent(), 3});
    const std::vector<double> result = columns.Finish();
    CHECK(IsAbsent(result[0]));
    CHECK_FALSE(IsAbsent(result[1]));
  }
}

TEST_CASE("a group that was sent goes on as if it had not been", "[rollup]") {
  for (Aggregate op : kAll) {
    GroupColumns here(op, 3);
    here.Add(std::vector<double>{1, Absent(), 3});
    here.Add(std::vector<double>{kBig, Absent(), 1e100});
    std::string bytes;
    here.AppendBytes(bytes);
    GroupColumns there(op, 3);
    base::ByteReader reader(bytes);
    REQUIRE(there.ReadBytes(reader));
    CHECK(reader.AtEnd());
    const std::vector<double> more{kBig, 2, -1e100};
    here.Add(more);
    there.Add(more);
    const std::vector<double> a = here.Finish();
    const std::vector<double> b = there.Finish();
    CHECK(std::memcmp(a.data(), b.data(), sizeof(double) * 3) == 0);
  }
}

TEST_CASE("bytes of other sizes are no group", "[rollup]") {
  GroupColumns sent(Aggregate::kAvg, 3);
  sent.Add(std::vector<double>{1, 2, 3});
  std::string bytes;
  sent.AppendBytes(bytes);
  for (size_t size = 0; size < bytes.size(); ++size) {
    GroupColumns columns(Aggregate::kAvg, 3);
    base::ByteReader reader(std::string_view(bytes).substr(0, size));
    CHECK_FALSE(columns.ReadBytes(reader));
  }
}

}  // namespace
}  // namespace varve::rollup

#include "lib/eval/group_columns.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "lib/eval/value.h"

namespace varve::eval {
namespace {

using promql::AggregateOp;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kBig = std::numeric_limits<double>::max();

const AggregateOp kAll[] = {AggregateOp::kSum,    AggregateOp::kAvg,
                            AggregateOp::kMin,    AggregateOp::kMax,
                            AggregateOp::kCount,  AggregateOp::kGroup,
                            AggregateOp::kStddev, AggregateOp::kStdvar};

// One step's result of `values`, split after `split` into two lanes.
double Run(AggregateOp op, const std::vector<double>& values, size_t split) {
  GroupColumns first(op, 1);
  GroupColumns second(op, 1);
  for (size_t i = 0; i < values.size(); ++i) {
    (i < split ? first : second).Add(std::span(&values[i], 1));
  }
  first.Merge(second);
  return first.Finish()[0];
}

TEST_CASE("lanes give what one lane gives, wherever they are split", "[eval]") {
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
  for (AggregateOp op : kAll) {
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

TEST_CASE("steps without samples stay without", "[eval]") {
  for (AggregateOp op : kAll) {
    GroupColumns columns(op, 2);
    columns.Add(std::vector<double>{Absent(), 3});
    const std::vector<double> result = columns.Finish();
    CHECK(IsAbsent(result[0]));
    CHECK_FALSE(IsAbsent(result[1]));
  }
}

}  // namespace
}  // namespace varve::eval

#include "lib/rollup/best_series.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <utility>

#include "lib/model/label.h"
#include "lib/model/sample.h"

namespace varve::rollup {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
double Absent() { return model::StaleNan(); }
bool IsAbsent(double value) { return model::IsStaleNan(value); }

struct Input {
  model::LabelSet labels;
  std::vector<double> column;
};
// What is kept of each series; absent where nothing is.
using Found = std::map<model::LabelSet, std::vector<double>>;

std::string Canonical(const model::LabelSet& labels) {
  std::string bytes;
  model::AppendCanonicalBytes(bytes, labels);
  return bytes;
}

Found FoundIn(const BestSeries& best, size_t steps) {
  Found found;
  for (const BestSeries::Kept& kept : best.All()) {
    std::vector<double> column(steps, Absent());
    for (const StepValue& one : kept.values) column[one.step] = one.value;
    found[*model::ParseCanonicalBytes(kept.labels)] = column;
  }
  return found;
}

// Of inputs that are dealt out to so many lanes.
Found Kept(bool top, uint32_t k, const std::vector<Input>& inputs,
           size_t lanes = 1) {
  const size_t steps = inputs.empty() ? 1 : inputs[0].column.size();
  std::vector<BestSeries> parts(lanes, BestSeries(top, k, steps));
  for (size_t i = 0; i < inputs.size(); ++i) {
    parts[i % lanes].Add(Canonical(inputs[i].labels), inputs[i].column);
  }
  for (size_t i = 1; i < lanes; ++i) parts[0].Merge(parts[i]);
  return FoundIn(parts[0], steps);
}

// The same by sorting everything at each step.
Found Sorted(bool top, uint32_t k, std::vector<Input> inputs) {
  std::sort(
      inputs.begin(), inputs.end(),
      [](const Input& a, const Input& b) { return a.labels < b.labels; });
  Found found;
  if (inputs.empty()) return found;
  const size_t steps = inputs[0].column.size();
  const std::vector<double> none(steps, Absent());
  found[inputs[0].labels] = none;
  for (size_t step = 0; step < steps; ++step) {
    std::vector<size_t> all;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!IsAbsent(inputs[i].column[step])) all.push_back(i);
    }
    std::stable_sort(all.begin(), all.end(), [&](size_t a, size_t b) {
      return Rank(top, inputs[a].column[step], inputs[b].column[step]) < 0;
    });
    all.resize(std::min<size_t>(k, all.size()));
    for (size_t i : all) {
      auto& column = found.try_emplace(inputs[i].labels, none).first->second;
      column[step] = inputs[i].column[step];
    }
  }
  return found;
}

bool Same(const Found& a, const Found& b) {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
        return x.first == y.first && x.second.size() == y.second.size() &&
               std::memcmp(x.second.data(), y.second.data(),
                           x.second.size() * sizeof(double)) == 0;
      });
}

model::LabelSet Named(int n) {
  model::LabelSet labels{{"__name__", "m"}, {"n", std::to_string(n)}};
  // Sizes of names and values that order bytes otherwise than labels.
  if (n % 3 == 0) labels.Set("Zone", std::string(n % 7 + 1, 'b'));
  return labels;
}

TEST_CASE("numbers go before NaN, equal ones are told apart by labels",
          "[rollup]") {
  CHECK((Rank(true, 2, 1) < 0));
  CHECK((Rank(false, 2, 1) > 0));
  CHECK((Rank(true, -kInf, model::NormalNan()) < 0));
  CHECK((Rank(false, kInf, model::NormalNan()) < 0));
  CHECK((Rank(false, model::NormalNan(), 1) > 0));
  CHECK((Rank(true, model::NormalNan(), model::NormalNan()) == 0));
  CHECK((Rank(true, 0.0, -0.0) == 0));

  const std::vector<Input> equal = {{{{"a", "bb"}}, {1, model::NormalNan()}},
                                    {{{"a", "b"}, {"c", "1"}}, {1, 1}},
                                    {{{"a", "c"}}, {1, model::NormalNan()}},
                                    {{{"a", "b"}}, {1, -0.0}}};
  const Found found = Kept(true, 2, equal);
  CHECK(Same(found, Sorted(true, 2, equal)));
  CHECK(found.size() == 2);
  CHECK(found.contains(model::LabelSet{{"a", "b"}}));
  CHECK(found.contains(model::LabelSet{{"a", "b"}, {"c", "1"}}));
}

TEST_CASE("the best series at each step are those that sorting finds",
          "[rollup]") {
  const uint32_t seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 dice(seed);
  const double odd[] = {Absent(), model::NormalNan(), kInf, -kInf, 0.0, -0.0};
  for (int round = 0; round < 60; ++round) {
    std::vector<Input> inputs(dice() % 60);
    const size_t steps = 1 + dice() % 9;
    for (size_t i = 0; i < inputs.size(); ++i) {
      inputs[i].labels = Named(static_cast<int>(i));
      for (size_t step = 0; step < steps; ++step) {
        // Many are equal.
        const uint32_t one = dice() % 24;
        inputs[i].column.push_back(one < 6 ? odd[one] : one % 5);
      }
    }
    std::shuffle(inputs.begin(), inputs.end(), dice);
    const bool top = round % 2 == 0;
    const uint32_t k = 1 + dice() % 12;
    const Found expected = Sorted(top, k, inputs);
    for (const size_t lanes : {1, 2, 5}) {
      CAPTURE(round, lanes, k, steps, inputs.size());
      CHECK(Same(Kept(top, k, inputs, lanes), expected));
    }
  }
}

TEST_CASE("a small group is kept as it is, an empty one has nothing",
          "[rollup]") {
  CHECK(Kept(true, 3, {}).empty());
  const std::vector<Input> two = {{Named(1), {1, Absent(), 3}},
                                  {Named(2), {Absent(), Absent(), 2}}};
  const Found found = Kept(false, kBestMax, two);
  REQUIRE(found.size() == 2);
  for (const Input& input : two) {
    CHECK(std::memcmp(found.at(input.labels).data(), input.column.data(),
                      3 * sizeof(double)) == 0);
  }
}

TEST_CASE("the first series of a group is told though it is not among the best",
          "[rollup]") {
  const Found found = Kept(true, 1, {{Named(5), {7}},
                                     {Named(1), {2}},
                                     {Named(4), {9}}});
  REQUIRE(found.size() == 2);
  CHECK(IsAbsent(found.at(Named(1))[0]));
  CHECK(found.at(Named(4))[0] == 9);
}

TEST_CASE("what is kept does not grow with the series", "[rollup]") {
  for (const bool equal : {true, false}) {
    BestSeries best(true, 5, 100);
    size_t bytes = 0;
    for (int i = 0; i < 3000; ++i) {
      // Each is better than those before.
      best.Add(Canonical(model::LabelSet{{"n", std::to_string(999'999 - i)}}),
               std::vector<double>(100, equal ? 1 : i));
      if (i == 100) bytes = best.bytes();
    }
    CHECK(best.bytes() <= bytes + 16);
    CHECK(best.All().size() == 5);
  }
}

std::vector<StepValue> Values(const std::vector<double>& column) {
  std::vector<StepValue> values;
  for (uint32_t step = 0; step < column.size(); ++step) {
    if (!IsAbsent(column[step])) values.push_back({step, column[step]});
  }
  return values;
}

TEST_CASE("values of steps come back from their bytes", "[rollup]") {
  const double a = Absent();
  for (const std::vector<double>& column : std::vector<std::vector<double>>{
           {},
           {1},
           {a},
           {a, a, 1, 2, model::NormalNan()},
           {-0.0, a, a, kInf, a},
           std::vector<double>(300, 7)}) {
    std::string bytes;
    AppendStepValues(Values(column), bytes);
    std::vector<double> back(column.size(), 42);
    base::ByteReader reader(bytes);
    REQUIRE(ReadStepValues(reader, back));
    CHECK(reader.AtEnd());
    CHECK(std::equal(back.begin(), back.end(), column.begin(),
                     [](double x, double y) {
                       return std::memcmp(&x, &y, sizeof(x)) == 0;
                     }));
  }
}

TEST_CASE("bytes of more steps, and cut or empty runs, are no values",
          "[rollup]") {
  std::string bytes;
  AppendStepValues(Values({Absent(), 1, 2, Absent(), 3}), bytes);
  const auto is_read = [](std::string_view from, size_t steps) {
    std::vector<double> column(steps);
    base::ByteReader reader(from);
    return ReadStepValues(reader, column);
  };
  CHECK(is_read(bytes, 5));
  CHECK_FALSE(is_read(bytes, 4));
  const size_t first_run = 2 + 2 * sizeof(double);
  for (size_t size = 1; size < bytes.size(); ++size) {
    CAPTURE(size);
    CHECK(is_read(std::string_view(bytes).substr(0, size), 5) ==
          (size == first_run));
  }
  CHECK_FALSE(is_read(std::string_view("\1\0", 2), 5));
  CHECK_FALSE(is_read("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01", 5));
  std::string far;
  base::PutVarint(far, 1);
  base::PutVarint(far, UINT64_MAX);
  CHECK_FALSE(is_read(far, 5));
}

}  // namespace
}  // namespace varve::rollup

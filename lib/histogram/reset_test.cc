#include "lib/histogram/reset.h"

#include <catch2/catch.hpp>

namespace varve::histogram {
namespace {

using model::CounterReset;

const FloatHistogram kBefore{.zero_threshold = 0.01,
                             .zero_count = 5,
                             .count = 20,
                             .sum = 100,
                             .positive_spans = {{-2, 2}, {1, 2}},
                             .negative_spans = {{3, 1}},
                             .positive = {1, 3, 0, 7},
                             .negative = {4}};

template <typename Change>
bool ResetAfter(Change change) {
  FloatHistogram h = kBefore;
  h.count += 100;
  change(h);
  return DetectReset(h, kBefore);
}

TEST_CASE("growing counts are no reset", "[histogram]") {
  CHECK_FALSE(DetectReset(kBefore, kBefore));
  CHECK_FALSE(ResetAfter([](FloatHistogram& h) {
    h.zero_count = 6;
    h.positive = {1, 4, 2, 8};
    h.negative = {5};
  }));
  CHECK_FALSE(ResetAfter([](FloatHistogram& h) { h.sum = -1; }));
  CHECK_FALSE(ResetAfter([](FloatHistogram& h) {  // buckets more
    h.positive_spans = {{-3, 7}};
    h.positive = {1, 1, 3, 9, 0, 7, 9};
    h.negative_spans = {{-5, 1}, {7, 3}};
    h.negative = {1, 4, 4, 4};
  }));
  CHECK_FALSE(ResetAfter([](FloatHistogram& h) {  // without an empty bucket
    h.positive_spans = {{-2, 2}, {2, 1}};
    h.positive = {1, 3, 7};
  }));
}

TEST_CASE("what the sender says decides", "[histogram]") {
  FloatHistogram same = kBefore;
  same.reset = CounterReset::kYes;
  CHECK(DetectReset(same, kBefore));
  FloatHistogram fewer{.reset = CounterReset::kNo};
  CHECK_FALSE(DetectReset(fewer, kBefore));
  fewer.reset = CounterReset::kGauge;  // not known
  CHECK(DetectReset(fewer, kBefore));
}

TEST_CASE("a smaller count anywhere is a reset", "[histogram]") {
  CHECK(ResetAfter([](FloatHistogram& h) { h.count = 19; }));
  CHECK(ResetAfter([](FloatHistogram& h) { h.zero_count = 4; }));
  CHECK(ResetAfter([](FloatHistogram& h) { h.positive = {1, 3, 0, 6}; }));
  CHECK(ResetAfter([](FloatHistogram& h) { h.negative = {3}; }));
  CHECK(ResetAfter([](FloatHistogram& h) {  // other layout, one is smaller
    h.positive_spans = {{-3, 7}};
    h.positive = {1, 1, 2, 9, 0, 7, 9};
  }));
}

TEST_CASE("a populated bucket that is gone is a reset", "[histogram]") {
  CHECK(ResetAfter([](FloatHistogram& h) {
    h.negative_spans.clear();
    h.negative.clear();
  }));
  CHECK(ResetAfter([](FloatHistogram& h) {
    h.positive_spans = {{-2, 2}};
    h.positive = {1, 3};
  }));
  CHECK(ResetAfter([](FloatHistogram& h) {
    h.positive_spans = {{-1, 1}, {1, 2}};
    h.positive = {3, 0, 7};
  }));
}

TEST_CASE("resolution may only fall", "[histogram]") {
  CHECK(ResetAfter([](FloatHistogram& h) { h.schema = 1; }));
  // Indices -2 -1 1 2 become -1 0 1 1, the negative 3 becomes 2.
  const auto lower = [](double last) {
    return [last](FloatHistogram& h) {
      h.schema = -1;
      h.positive_spans = {{-1, 3}};
      h.positive = {1, 3, last};
      h.negative_spans = {{2, 1}};
    };
  };
  CHECK_FALSE(ResetAfter(lower(7)));
  CHECK(ResetAfter(lower(6)));
}

TEST_CASE("the zero bucket may only grow, up to a bucket's bound",
          "[histogram]") {
  CHECK(ResetAfter([](FloatHistogram& h) { h.zero_threshold = 0.005; }));
  CHECK(ResetAfter([](FloatHistogram& h) {  // inside (0.125,0.25]
    h.zero_threshold = 0.2;
    h.zero_count = 100;
  }));
  const auto wider = [](double zero_count) {
    return [zero_count](FloatHistogram& h) {
      h.zero_threshold = 0.25;
      h.zero_count = zero_count;
      h.positive_spans = {{-1, 1}, {1, 2}};
      h.positive = {3, 0, 7};
    };
  };
  CHECK_FALSE(ResetAfter(wider(6)));
  CHECK(ResetAfter(wider(5)));  // 5 were there, and 1 in (0.125,0.25]
}

TEST_CASE("other custom bounds are a reset", "[histogram]") {
  const FloatHistogram before{.schema = model::kSchemaCustom,
                              .count = 3,
                              .positive_spans = {{0, 2}},
                              .positive = {1, 2},
                              .custom_bounds = {5, 10}};
  FloatHistogram h = before;
  CHECK_FALSE(DetectReset(h, before));
  h.positive = {0, 3};
  CHECK(DetectReset(h, before));
  h = before;
  h.custom_bounds = {5, 11};
  CHECK(DetectReset(h, before));
  CHECK(DetectReset({.count = 100}, before));
  CHECK(DetectReset(h, {}));
}

}  // namespace
}  // namespace varve::histogram

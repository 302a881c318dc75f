#include "lib/telemetry/trace.h"

#include <catch2/catch.hpp>
#include <vector>

namespace varve::telemetry {
namespace {

TEST_CASE("a trace keeps its parts in order, with texts and durations",
          "[telemetry]") {
  Trace root("query");
  {
    TraceSpan first(&root, "first");
    CHECK(first.on());
    first.Note("7 series");
    first.get()->AddDone("inside", 42);
  }
  root.AddChild("second");
  root.End();
  std::vector<std::string> messages;
  root.ForEachChild([&](const Trace& child) {
    messages.push_back(child.message());
    child.ForEachChild([&](const Trace& inner) {
      messages.push_back(inner.message());
      CHECK(inner.duration_us() == 42);
    });
  });
  CHECK(messages ==
        std::vector<std::string>{"first: 7 series", "inside", "second"});
  const int64_t duration_us = root.duration_us();
  root.End();
  CHECK(root.duration_us() == duration_us);
}

TEST_CASE("a span without a trace does nothing", "[telemetry]") {
  TraceSpan span(nullptr, "nobody asked");
  span.Note("text");
  CHECK_FALSE(span.on());
}

TEST_CASE("a trace of very many parts stays bounded", "[telemetry]") {
  Trace root("query");
  for (int i = 0; i < 5'000; ++i) root.AddChild("part");
  int children = 0;
  root.ForEachChild([&](const Trace&) { ++children; });
  CHECK(children == 1000);
}

}  // namespace
}  // namespace varve::telemetry

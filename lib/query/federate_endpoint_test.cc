// The latest samples, for other servers to scrape.
#include <string>

#include "lib/query/test_api.h"

namespace varve::query {
namespace {

constexpr char kFamilies[] =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
    "encoding=delimited";

// (1,2]:3 of a counter.
model::Histogram ThreeObservations() {
  model::Histogram histogram;
  histogram.count = 3;
  histogram.sum = 5;
  histogram.layout.positive = {{1, 1}};
  histogram.buckets = {3};
  return histogram;
}

TEST_CASE("federation gives the last fresh sample of each series", "[query]") {
  Api api;
  AddUps(api);
  api.storage.Add(Up("old"), {{kT - 400'000, 1}});
  api.storage.Add(Up("stale"), {{kT - 10, model::StaleNan()}});
  const KeptAnswer answer = api.Get("federate", {{"match[]", "up"}});
  CHECK(answer.content_type.starts_with("text/plain; version=0.0.4"));
  CHECK(answer.body ==
        "up{job=\"a\"} 0.5 1795167809750\nup{job=\"b\"} 0.5 1795167809750\n"
        "up{job=\"c\"} 0.5 1795167809750\n");
}

TEST_CASE("federation leaves out series that became histograms", "[query]") {
  Api api;
  const auto series = [](const char* name) {
    return model::LabelSet{{"__name__", name}, {"job", "x"}};
  };
  api.storage.Add(series("before"), {{kT - 2000, 1}});
  api.storage.AddHistogram(series("before"), kT - 1000, ThreeObservations());
  api.storage.Add(series("after"), {{kT - 1000, 2}});
  api.storage.AddHistogram(series("after"), kT - 2000, ThreeObservations());
  const KeptAnswer answer =
      api.Get("federate", {{"match[]", "{job=\"x\"}"}});
  CHECK(answer.body == "after{job=\"x\"} 2 " + std::to_string(kT - 1000) +
                           "\n");
}

TEST_CASE("who prefers metric families gets histograms, too", "[query]") {
  Api api;
  model::Histogram custom = ThreeObservations();
  custom.layout.schema = model::kSchemaCustom;
  custom.layout.custom_bounds = {1, 2};
  model::Histogram stale;
  stale.sum = model::StaleNan();
  const auto series = [](const char* name) {
    return model::LabelSet{{"__name__", name}, {"job", "x"}};
  };
  api.storage.Add(series("f"), {{kT - 1000, 1}});
  api.storage.AddHistogram(series("h"), kT - 1000, ThreeObservations());
  api.storage.AddHistogram(series("custom"), kT - 1000, custom);
  api.storage.AddHistogram(series("stale"), kT - 2000, ThreeObservations());
  api.storage.AddHistogram(series("stale"), kT - 1000, stale);
  api.storage.AddHistogram(series("old"), kT - 400'000, ThreeObservations());
  const auto federate = [&](const std::string& accept) {
    return api.Call("/select/{}/prometheus/federate", {"0"},
                    {{"match[]", "{job=\"x\"}"}}, {{"accept", accept}});
  };
  const KeptAnswer answer =
      federate(std::string(kFamilies) + ";q=0.6,text/plain;q=0.3,*/*;q=0.1");
  CHECK(answer.content_type.starts_with("application/vnd.google.protobuf"));
  // A size, then the first field: the name. `f` goes before `h`.
  const auto family = [&](std::string_view name) {
    return answer.body.find("\x0A\x01" + std::string(name));
  };
  CHECK(family("f") == 1);
  CHECK(family("h") != std::string::npos);
  for (const char* name : {"custom", "stale", "old"}) {
    CHECK(answer.body.find(name) == std::string::npos);
  }
  for (const std::string& accept :
       {std::string(), std::string("text/plain"),
        std::string("text/plain;q=0.9,") + kFamilies + ";q=0.8",
        std::string("application/vnd.google.protobuf")}) {
    CAPTURE(accept);
    CHECK(federate(accept).body ==
          "f{job=\"x\"} 1 " + std::to_string(kT - 1000) + "\n");
  }
}

TEST_CASE("families have UTF-8 names for who says so", "[query]") {
  Api api;
  api.storage.Add({{"__name__", "a.b"}, {"c.d", "1"}}, {{kT - 1000, 1}});
  const auto federate = [&](const std::string& accept) {
    return api.Call("/select/{}/prometheus/federate", {"0"},
                    {{"match[]", "{__name__=~\"a.*\"}"}},
                    {{"accept", accept}})
        .body;
  };
  const std::string escaped = federate(kFamilies);
  CHECK(escaped.find("a_b") != std::string::npos);
  CHECK(escaped.find("c_d") != std::string::npos);
  const std::string plain =
      federate(std::string(kFamilies) + ";escaping=allow-utf-8");
  CHECK(plain.find("a.b") != std::string::npos);
  CHECK(plain.find("c.d") != std::string::npos);
}

}  // namespace
}  // namespace varve::query

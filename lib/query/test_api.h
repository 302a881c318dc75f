// The routes of a select node over a FakeStorage, called without a server. For
// the tests of this folder.
#ifndef VARVE_LIB_QUERY_TEST_API_H_
#define VARVE_LIB_QUERY_TEST_API_H_

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/query/fake_storage.h"
#include "lib/query/select_api.h"
#include "lib/telemetry/metrics.h"
#include "net/http/server.h"

namespace varve::query {

inline constexpr int64_t kT = 1'795'167'840'000;  // a whole minute

class Api {
 public:
  explicit Api(SelectOptions options = {}) : metrics("vmselect", nullptr) {
    options.max_queue_duration = absl::ZeroDuration();
    api = std::make_unique<SelectApi>(options, &storage, &metrics, nullptr,
                                      &clock);
    for (http::Route& route : api->Routes(true)) {
      routes.emplace(route.pattern, std::move(route));
    }
  }

  KeptAnswer Call(const std::string& pattern, std::vector<std::string> captures,
                  http::Arguments arguments, http::Arguments headers = {},
                  std::string method = "GET") {
    http::Request request;
    request.method = std::move(method);
    request.path = pattern;
    request.captures = std::move(captures);
    request.arguments = std::move(arguments);
    request.headers = std::move(headers);
    KeptAnswer answer;
    REQUIRE(routes.count(pattern) == 1);
    routes.at(pattern).handler(request, answer);
    return answer;
  }
  KeptAnswer Get(const std::string& path, http::Arguments arguments) {
    return Call("/select/{}/prometheus/" + path, {"0"}, std::move(arguments));
  }
  std::string Query(const std::string& query) {
    return Get("api/v1/query", {{"query", query}}).body;
  }

  base::ManualClock clock{kT};
  telemetry::Metrics metrics;
  FakeStorage storage;
  std::unique_ptr<SelectApi> api;
  std::map<std::string, http::Route> routes;
};

inline model::LabelSet Up(const std::string& job) {
  return model::LabelSet{{"__name__", "up"}, {"job", job}};
}

inline void AddUps(Api& api) {
  for (const char* job : {"b", "a", "c"}) {
    api.storage.Add(Up(job), {{kT - 60'000, 1}, {kT - 30'250, 0.5}});
  }
}

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_TEST_API_H_

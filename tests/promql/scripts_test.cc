#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "lib/base/status.h"
#include "tests/promql/promql_script.h"

namespace varve::promqltest {
namespace {

std::vector<std::filesystem::path> ScriptsIn(const std::string& folder) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".test") found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<ScriptCommand> Read(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  auto script = ParseScript(text.str());
  INFO(path << ": " << script.status());
  REQUIRE(script.ok());
  return *std::move(script);
}

TEST_CASE("our scripts hold", "[promql]") {
  const auto scripts = ScriptsIn("tests/promql");
  REQUIRE_FALSE(scripts.empty());
  for (const auto& path : scripts) {
    for (const CaseResult& result : RunScript(Read(path))) {
      INFO(path.filename() << ":" << result.line << " " << result.command
                           << "\n"
                           << result.problem);
      CHECK(result.problem.empty());
    }
  }
}

// The reference's suite lies outside of the repository; this prints how much
// of it holds, and fails below the share that held when it was written.
TEST_CASE("the reference's suite holds for floats", "[promql][slow]") {
  const char* folder = std::getenv("VARVE_CONFORMANCE");
  if (folder == nullptr) {
    WARN("skipped: no peer (VARVE_CONFORMANCE is not set)");
    return;
  }
  size_t passed = 0, failed = 0, native = 0;
  for (const auto& path : ScriptsIn(std::string(folder) + "/testdata")) {
    // This file is about the feature; the others are without it.
    const RunOptions options{path.filename() == "name_label_dropping.test"};
    for (const CaseResult& result : RunScript(Read(path), options)) {
      if (result.native) {
        ++native;
      } else if (result.problem.empty()) {
        ++passed;
      } else {
        ++failed;
        std::cout << path.filename().string() << ":" << result.line << " "
                  << result.command << "\n    " << result.problem << "\n";
      }
    }
  }
  std::cout << "floats: " << passed << " passed, " << failed << " failed; "
            << native << " with native histograms not run\n";
  constexpr double kShareMin = 0.99;
  CHECK(static_cast<double>(passed) >=
        kShareMin * static_cast<double>(passed + failed));
}

}  // namespace
}  // namespace varve::promqltest

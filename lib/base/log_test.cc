#include "lib/base/log.h"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <cstdio>

namespace varve::base {
namespace {

// What `write` puts on stderr.
template <typename Fn>
std::string Captured(const Fn& write) {
  std::FILE* file = std::tmpfile();
  REQUIRE(file != nullptr);
  const int saved = dup(STDERR_FILENO);
  dup2(fileno(file), STDERR_FILENO);
  write();
  dup2(saved, STDERR_FILENO);
  close(saved);
  std::rewind(file);
  std::string text(1 << 20, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

TEST_CASE("a line has time, level, place and the text as it is", "[base]") {
  ConfigureLog({});
  const std::string line =
      Captured([] { LogInfo("opened \"", "a", "\" in ", 5, " ms"); });
  CHECK_THAT(line, Catch::Matchers::Matches(
                       "[0-9-]+T[0-9:.]+Z\tinfo\t.*log_test.cc:[0-9]+\topened "
                       "\"a\" in 5 ms\n"));
}

TEST_CASE("a line is never longer than 64 KiB nor has breaks", "[base]") {
  ConfigureLog({.text_bytes_max = 1 << 30});
  const std::string line =
      Captured([] { LogError(std::string(1 << 19, '\n')); });
  CHECK(line.size() < 64 * 1024);
  CHECK(line.find('\n') == line.size() - 1);
  CHECK(line.find("(cut)") != std::string::npos);
  ConfigureLog({.text_bytes_max = 4});
  const std::string cut = Captured([] { LogInfo("aaaäb"); });
  CHECK(cut.find("\taaa …") != std::string::npos);
}

TEST_CASE("JSON lines escape the text", "[base]") {
  ConfigureLog({.json = true, .timestamps = false});
  const std::string line = Captured([] { LogWarn("a\"b\\c\td"); });
  CHECK(line.rfind("{\"level\":\"warn\",\"caller\":\"", 0) == 0);
  CHECK(line.find("\"msg\":\"a\\\"b\\\\c\\u0009d\"}") != std::string::npos);
  ConfigureLog({});
}

TEST_CASE("lines below the level are counted and not printed", "[base]") {
  ConfigureLog({.level_min = LogLevel::kError});
  int line = 0;
  const std::string text = Captured([&line] {
    line = __LINE__ + 1;
    LogInfo("quiet");
  });
  CHECK(text.empty());
  bool found = false;
  for (const LogCount& count : LogCounts()) {
    if (!count.location.ends_with(StrCat("log_test.cc:", line))) continue;
    found = true;
    CHECK(count.lines == 1);
    CHECK_FALSE(count.is_printed);
  }
  CHECK(found);
  ConfigureLog({});
}

TEST_CASE("repeated events are logged once per interval", "[base]") {
  LogEvery every(3'600'000);
  CHECK(every.Due());
  CHECK_FALSE(every.Due());
}

}  // namespace
}  // namespace varve::base

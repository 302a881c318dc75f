#include "net/http/request_target.h"

#include <catch2/catch.hpp>

namespace varve::http {
namespace {

TEST_CASE("a path is split before it is decoded", "[http]") {
  auto target = ParseTarget("/select/0:7//label/a%2Fb/values?x=1&y=a+b%26");
  REQUIRE(target.ok());
  CHECK(target->path == "/select/0:7/label/a/b/values");
  CHECK(target->parts == std::vector<std::string>{"select", "0:7", "label",
                                                  "a/b", "values"});
  CHECK_FALSE(target->trailing_slash);
  CHECK(target->arguments == Arguments{{"x", "1"}, {"y", "a b&"}});
}

TEST_CASE("a plus in a path is a plus", "[http]") {
  CHECK(ParseTarget("/a+b")->path == "/a+b");
}

TEST_CASE("odd targets are read or refused, never more", "[http]") {
  CHECK(ParseTarget("/")->path == "/");
  CHECK(ParseTarget("//")->path == "/");
  CHECK(ParseTarget("/a/")->trailing_slash);
  CHECK(ParseTarget("/a/")->path == "/a/");
  CHECK(ParseTarget("http://host:80/a?b")->path == "/a");
  CHECK(ParseTarget("http://host")->path == "/");
  CHECK(ParseTarget("*")->parts.empty());
  CHECK(ParseTarget("/a?=&&x&=y")->arguments ==
        Arguments{{"", ""}, {"x", ""}, {"", "y"}});
  for (const char* bad : {"", "a", "?x=1", "/%", "/%4", "/%zz", "/a?b=%f"}) {
    CAPTURE(bad);
    CHECK(absl::IsInvalidArgument(ParseTarget(bad).status()));
  }
}

TEST_CASE("decoded bytes may be anything", "[http]") {
  CHECK(ParseTarget("/%00%ff")->parts ==
        std::vector<std::string>{std::string("\0\xff", 2)});
}

TEST_CASE("a form has a bounded number of arguments", "[http]") {
  std::string form;
  for (size_t i = 0; i <= kArgumentsMax; ++i) form += "a&";
  Arguments arguments;
  CHECK(absl::IsInvalidArgument(ParseForm(form, arguments)));
  CHECK(arguments.size() == kArgumentsMax);
}

constexpr std::string_view kMultipart =
    "--B\r\n"
    "Content-Disposition: form-data; name=\"query\"\r\n\r\n"
    "up == 1\r\n"
    "--B\r\n"
    "Content-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\n"
    "data\r\n"
    "--B\r\n"
    "content-disposition: form-data; name=empty\r\n\r\n"
    "\r\n--B--\r\n";

TEST_CASE("multipart fields are arguments, files are not", "[http]") {
  Arguments arguments;
  REQUIRE(ParseMultipart(kMultipart, "multipart/form-data; boundary=B",
                         arguments)
              .ok());
  CHECK(arguments == Arguments{{"query", "up == 1"}, {"empty", ""}});
}

TEST_CASE("multipart cut anywhere ends in an error or fewer fields",
          "[http]") {
  for (size_t keep = 0; keep < kMultipart.size(); ++keep) {
    Arguments arguments;
    (void)ParseMultipart(kMultipart.substr(0, keep),
                         "multipart/form-data; boundary=\"B\"", arguments);
    CHECK(arguments.size() <= 2);
  }
}

}  // namespace
}  // namespace varve::http

#include "lib/base/flags.h"

#include <catch2/catch.hpp>

#include <unistd.h>

#include <cstdlib>

#include "lib/base/status.h"

namespace varve::base {
namespace {

struct Parsed {
  absl::Status status;
  int exit_code;
};

Parsed ParseArgs(FlagSet& flags, const std::vector<std::string>& args) {
  Parsed parsed;
  parsed.status = flags.Parse(args, &parsed.exit_code);
  return parsed;
}

TEST_CASE("one or two dashes, with = or a blank", "[base]") {
  FlagSet flags("test");
  const auto& path = flags.String("storageDataPath", "data", "");
  const auto& addr = flags.String("http.listenAddr", ":1", "");
  const auto& count = flags.Int("count", 7, "");
  const auto& ratio = flags.Float("ratio", 0.5, "");
  CHECK(ParseArgs(flags, {"-storageDataPath=a=b", "--http.listenAddr", ":0",
                          "-count", "-1", "--ratio=1e-3"})
            .exit_code == -1);
  CHECK(path.value() == "a=b");
  CHECK(addr.value() == ":0");
  CHECK(count.value() == -1);
  CHECK(ratio.value() == 1e-3);
}

TEST_CASE("a bare bool is true and takes no argument", "[base]") {
  FlagSet flags("test");
  const auto& on = flags.Bool("on", false, "");
  const auto& off = flags.Bool("off", true, "");
  const auto& text = flags.String("text", "", "");
  CHECK(ParseArgs(flags, {"-on", "--off=0", "-text=x"}).status.ok());
  CHECK(on.value());
  CHECK_FALSE(off.value());
  CHECK(text.value() == "x");
}

TEST_CASE("an unknown flag ends with 2, a positional one with 1", "[base]") {
  FlagSet flags("test");
  flags.Bool("b", false, "");
  Parsed parsed = ParseArgs(flags, {"-nope=1"});
  CHECK(parsed.exit_code == 2);
  CHECK(Message(parsed.status) == "flag provided but not defined: -nope");
  parsed = ParseArgs(flags, {"-b", "foo", "bar"});
  CHECK(parsed.exit_code == 1);
  CHECK(Message(parsed.status) ==
        "unprocessed command-line args left: [foo bar]");
  CHECK(ParseArgs(flags, {"--", "-b"}).exit_code == 1);
  CHECK(ParseArgs(flags, {"---b"}).exit_code == 2);
  CHECK(ParseArgs(flags, {"-=b"}).exit_code == 2);
}

TEST_CASE("a value that does not parse ends with 2 and names it", "[base]") {
  FlagSet flags("test");
  flags.Int("n", 1, "");
  flags.Duration("d", "1s", "");
  flags.Bool("b", false, "");
  for (const char* arg : {"-n=", "-n=x", "-n=1x", "-n=9223372036854775808",
                          "-d=5", "-d=inf", "-b=yes", "-n"}) {
    CAPTURE(arg);
    const Parsed parsed = ParseArgs(flags, {arg});
    CHECK(parsed.exit_code == 2);
    CHECK_FALSE(parsed.status.ok());
  }
  CHECK(Message(ParseArgs(flags, {"-n=zz"}).status)
            .find("\"zz\" for flag -n") != std::string::npos);
}

TEST_CASE("lists repeat, split at commas and replace the default", "[base]") {
  FlagSet flags("test");
  const auto& nodes = flags.List("storageNode", "x,y", "");
  CHECK(nodes.value() == std::vector<std::string>{"x", "y"});
  CHECK(ParseArgs(flags, {"-storageNode=a:1,b:2", "--storageNode", "c."})
            .status.ok());
  CHECK(nodes.value() == std::vector<std::string>{"a:1", "b:2", "c."});
  CHECK(nodes.text() == "a:1,b:2,c.");
}

TEST_CASE("a bare list of bools is one true and takes no argument", "[base]") {
  FlagSet flags("test");
  const auto& proxied = flags.BoolList("proxied", "");
  const auto& nodes = flags.List("storageNode", "", "");
  CHECK(proxied.value().empty());
  CHECK(ParseArgs(flags, {"-proxied", "-storageNode=a", "-proxied=0,t"})
            .status.ok());
  CHECK(proxied.value() == std::vector<bool>{true, false, true});
  CHECK(nodes.value() == std::vector<std::string>{"a"});
  CHECK(proxied.text() == "true,false,true");
  CHECK(ParseArgs(flags, {"-proxied=yes"}).exit_code == 2);
}

TEST_CASE("list items keep what quotes and brackets hold", "[base]") {
  using Items = std::vector<std::string>;
  CHECK(SplitList("").empty());
  CHECK(SplitList(",") == Items{"", ""});
  CHECK(SplitList("a,") == Items{"a", ""});
  CHECK(SplitList("\"a,b\",'c,d'") == Items{"a,b", "c,d"});
  CHECK(SplitList(R"("a\"b",c)") == Items{"a\"b", "c"});
  CHECK(SplitList(R"({a="x,y"}:30d:5m,1y:1h)") ==
        Items{R"({a="x,y"}:30d:5m)", "1y:1h"});
  CHECK(SplitList("f(a,b),[c,d]e,{(f,g),h}") ==
        Items{"f(a,b)", "[c,d]e", "{(f,g),h}"});
  CHECK(SplitList("it's,b") == Items{"it's", "b"});
  CHECK(SplitList("a),b") == Items{"a)", "b"});
  CHECK(SplitList("\"a\"b\",c") == Items{"\"a\"b\"", "c"});
}

TEST_CASE("sizes have decimal and binary suffixes", "[base]") {
  CHECK(*ParseBytes("0") == 0);
  CHECK(*ParseBytes("1048576") == 1048576);
  CHECK(*ParseBytes("64MiB") == 64 << 20);
  CHECK(*ParseBytes("1.5KiB") == 1536);
  CHECK(*ParseBytes("100MB") == 100'000'000);
  CHECK(*ParseBytes("2tb") == 2'000'000'000'000);
  CHECK(*ParseBytes("-1") == -1);
  for (const char* bad : {"", "MB", "1XB", "1 MB", "nan", "inf", "1e3", "0x10",
                          "9999999999TiB", "1.2.3"}) {
    CAPTURE(bad);
    CHECK(absl::IsInvalidArgument(ParseBytes(bad).status()));
  }
}

TEST_CASE("durations are Go's", "[base]") {
  CHECK(*ParseGoDuration("0") == absl::ZeroDuration());
  CHECK(*ParseGoDuration("1ms") == absl::Milliseconds(1));
  CHECK(*ParseGoDuration("1h30m") == absl::Minutes(90));
  CHECK(*ParseGoDuration("1.5s") == absl::Milliseconds(1500));
  for (const char* bad : {"", "1", "1d", "s", "inf", "-inf", "1m1", "m1"}) {
    CAPTURE(bad);
    CHECK(absl::IsInvalidArgument(ParseGoDuration(bad).status()));
  }
}

TEST_CASE("retentions have days to years; bare numbers are months", "[base]") {
  CHECK(*ParseRetention("0") == absl::ZeroDuration());
  CHECK(*ParseRetention("1") == absl::Hours(31 * 24));
  CHECK(*ParseRetention("6M") == absl::Hours(6 * 31 * 24));
  CHECK(*ParseRetention("2d") == absl::Hours(48));
  CHECK(*ParseRetention("1.5d") == absl::Hours(36));
  CHECK(*ParseRetention("2w") == absl::Hours(14 * 24));
  CHECK(*ParseRetention("100y") == absl::Hours(36500 * 24));
  CHECK(*ParseRetention("1d12h") == absl::Hours(36));
  CHECK(*ParseRetention("90s") == absl::Seconds(90));
  CHECK(*ParseRetention("10ms") == absl::Milliseconds(10));
  for (const char* bad : {"", "d", "1m", "1h30m", "-1d", "1x", "1d2", "1e9y",
                          "200y", "99999999999999999999", "."}) {
    CAPTURE(bad);
    CHECK(absl::IsInvalidArgument(ParseRetention(bad).status()));
  }
}

TEST_CASE("placeholders take their value from the environment", "[base]") {
  setenv("VARVE_TEST_DIR", "/data", 1);
  unsetenv("VARVE_TEST_MISSING");
  FlagSet flags("test");
  const auto& path = flags.String("path", "", "");
  CHECK(ParseArgs(flags, {"-path=%{VARVE_TEST_DIR}/x%{"}).status.ok());
  CHECK(path.value() == "/data/x%{");
  CHECK(ParseArgs(flags, {"-path=%{VARVE_TEST_MISSING}"}).exit_code == 2);
}

TEST_CASE("the environment sets what the command line does not", "[base]") {
  setenv("VT_storage_path", "env", 1);
  setenv("VT_other", "env", 1);
  FlagSet flags("test");
  const auto& path = flags.String("storage.path", "", "");
  const auto& other = flags.String("other", "", "");
  CHECK(ParseArgs(flags, {"--envflag.enable", "--envflag.prefix=VT_",
                          "-other=line"})
            .exit_code == -1);
  CHECK(path.value() == "env");
  CHECK(other.value() == "line");
  setenv("VT_version", "maybe", 1);
  CHECK(ParseArgs(flags, {"-envflag.enable"}).exit_code == 2);
  unsetenv("VT_version");
}

TEST_CASE("help and version end with 0", "[base]") {
  for (const char* arg : {"-help", "--help", "-h"}) {
    FlagSet flags("varve-test");
    flags.String("path", "there", "Where it is");
    CHECK(ParseArgs(flags, {arg}).exit_code == 0);
    CHECK(flags.HelpText().find(
              "  -path value\n     Where it is (default there)\n") !=
          std::string::npos);
  }
  FlagSet flags("varve-test");
  CHECK(ParseArgs(flags, {"-version"}).exit_code == 0);
  CHECK(flags.VersionText().starts_with("varve-test-varve-"));
}

TEST_CASE("ignored flags take any form and yield to real ones", "[base]") {
  FlagSet flags("test");
  flags.Accept("bigMergeConcurrency", "no effect");
  flags.Accept("eula", "no effect");
  flags.Accept("real", "no effect");
  const auto& real = flags.Int("real", 1, "");
  flags.Accept("real", "no effect");
  CHECK(ParseArgs(flags, {"-eula", "-bigMergeConcurrency", "3", "-eula=true",
                          "-real=2", "-eula"})
            .exit_code == -1);
  CHECK(real.value() == 2);
}

TEST_CASE("the same flag of two roles is one flag", "[base]") {
  FlagSet flags("test");
  const auto& first = flags.Duration("dedup.minScrapeInterval", "0", "");
  const auto& second = flags.Duration("dedup.minScrapeInterval", "0", "");
  CHECK(&first == &second);
}

TEST_CASE("secrets are read from files and never shown", "[base]") {
  char name[] = "/tmp/varveXXXXXX";
  const int file = mkstemp(name);
  REQUIRE(file >= 0);
  REQUIRE(write(file, "s3cret\n", 7) == 7);
  close(file);
  FlagSet flags("test");
  const auto& password = flags.Secret("httpAuth.password", "");
  const auto& hidden = flags.String("url", "", "");
  CHECK(ParseArgs(flags, {StrCat("-httpAuth.password=file://", name),
                          "-url=http://u:p@h", "-secret.flags=url"})
            .status.ok());
  unlink(name);
  CHECK(password.value() == "s3cret");
  CHECK(hidden.value() == "http://u:p@h");
  CHECK(flags.FlagsText() ==
        "-httpAuth.password=\"secret\"\n-secret.flags=\"secret\"\n"
        "-url=\"secret\"\n");
  CHECK(ParseArgs(flags, {"-httpAuth.password=file:///nope"}).exit_code == 2);
}

}  // namespace
}  // namespace varve::base

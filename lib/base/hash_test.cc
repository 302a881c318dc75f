#include "lib/base/hash.h"

#include <catch2/catch.hpp>

namespace varve::base {
namespace {

TEST_CASE("hashes are those of xxh3, for ever", "[base]") {
  // As libxxhash 0.8 gives them; stored on disk, so they must not change.
  CHECK(Hash64Of("") == 0x2d06800538d394c2);
  CHECK(Hash64Of("a") == 0xe6c632b61e964e1f);
  CHECK(Hash128Of("").high == 0x99aa06d3014798d8);
  CHECK(Hash128Of("").low == 0x6001c324468d497f);
  CHECK(Xxh64Of("") == 0xef46db3751d8e999);
  CHECK(Checksum("a") == Hash64Of("a"));
}

TEST_CASE("a seed gives another hash", "[base]") {
  CHECK(Hash64Of("a", 1) != Hash64Of("a"));
  CHECK(Hash128Of("a", 1) != Hash128Of("a"));
  CHECK(Hash64Of("a", 0) == Hash64Of("a"));
}

}  // namespace
}  // namespace varve::base

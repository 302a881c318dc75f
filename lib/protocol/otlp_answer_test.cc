#include "lib/protocol/otlp_answer.h"

#include <catch2/catch.hpp>

#include "lib/base/status.h"
#include "proto/otlp_metrics.pb.h"

namespace varve::protocol {
namespace {

TEST_CASE("the Content-Type names the encoding", "[otlp]") {
  CHECK(*OtlpEncodingOf("application/json; charset=utf-8") ==
        OtlpEncoding::kJson);
  CHECK(*OtlpEncodingOf("Application/X-Protobuf") == OtlpEncoding::kProtobuf);
  CHECK(*OtlpEncodingOf("") == OtlpEncoding::kProtobuf);
  CHECK(absl::IsUnimplemented(OtlpEncodingOf("text/plain").status()));
}

TEST_CASE("a full success is an empty message, a partial one says why",
          "[otlp]") {
  CHECK(OtlpResponse(OtlpEncoding::kProtobuf, 0, "").empty());
  CHECK(OtlpResponse(OtlpEncoding::kJson, 0, "") == "{}");
  otlp::ExportMetricsServiceResponse response;
  REQUIRE(response.ParseFromString(
      OtlpResponse(OtlpEncoding::kProtobuf, 3, "too \"bad\"")));
  CHECK(response.partial_success().rejected_data_points() == 3);
  CHECK(response.partial_success().error_message() == "too \"bad\"");
  CHECK(OtlpResponse(OtlpEncoding::kJson, 3, "too \"bad\"") ==
        R"({"partialSuccess":{"rejectedDataPoints":"3",)"
        R"("errorMessage":"too \"bad\""}})");
}

TEST_CASE("errors are google.rpc.Status", "[otlp]") {
  const absl::Status error = base::InvalidArgument("broken");
  otlp::Status status;
  REQUIRE(
      status.ParseFromString(OtlpStatus(OtlpEncoding::kProtobuf, error)));
  CHECK(status.code() == 3);
  CHECK(status.message() == "broken");
  CHECK(OtlpStatus(OtlpEncoding::kJson, error) ==
        R"({"code":3,"message":"broken"})");
}

}  // namespace
}  // namespace varve::protocol

#include "lib/ingest/test_insert.h"

namespace varve::ingest {
namespace {

TEST_CASE("labels in another order are the same series", "[ingest]") {
  Insert insert;
  CHECK(insert.Post(kWrite, protocol::SnappyBody(Series(kUp, 1, 1))).status ==
        204);
  CHECK(insert
            .Post(kWrite,
                  protocol::SnappyBody(Series(
                      {{"job", "a"}, {"x", ""}, {"__name__", "up"}}, 2, 1)))
            .status == 204);
  CHECK(insert.node.refs.size() == 1);
}

TEST_CASE("the tenant is the path's, else the headers'", "[ingest]") {
  Insert insert;
  const std::string body = protocol::SnappyBody(Series(kUp, 1, 1));
  const model::LabelSet up = {{"__name__", "up"}, {"job", "a"}};
  CHECK(insert.Post(kWrite, body, {{"accountid", "9"}}, {}, "42:7").status ==
        204);
  CHECK(insert.Samples(up, uint64_t{42} << 32 | 7).size() == 1);
  const char* const tenantless = "/insert/prometheus/api/v1/write";
  CHECK(insert.Post(tenantless, body, {{"accountid", "3"}, {"projectid", "4"}})
            .status == 204);
  CHECK(insert.Samples(up, uint64_t{3} << 32 | 4).size() == 1);
  CHECK(insert.Post(tenantless, body).status == 204);
  CHECK(insert.Samples(up).size() == 1);
  for (const char* bad : {"1:2:3", "abc", "4294967296", "-1", ""}) {
    CHECK(insert.Post(kWrite, body, {}, {}, bad).status == 400);
  }
  CHECK(insert.Post(tenantless, body, {{"accountid", "abc"}}).status == 400);
}

TEST_CASE("a series over what nodes take is rejected whatever the flags say",
          "[ingest]") {
  Insert insert(32 << 20, {.labels_max = 10'000,
                           .label_name_bytes_max = 1 << 20,
                           .label_value_bytes_max = 1 << 20});
  Labels labels;
  for (size_t i = 0; i <= kSeriesLabelsMax; ++i) {
    labels.emplace_back(base::StrCat("l", i), "v");
  }
  const std::string body =
      Series(kUp, 1, 1) + Series(labels, 1, 1) +
      Series({{"__name__", std::string(kSeriesBytesMax, 'x')}}, 1, 1);
  const Reply reply = insert.Post(kWrite, protocol::SnappyBody(body));
  CHECK(reply.status == 400);
  CHECK(reply.body.find("a series of 4097 labels and ") != std::string::npos);
  CHECK(insert.Ignored("too_large_series") == 2);
  CHECK(insert.node.rows() == 1);
}

TEST_CASE("a label with an empty value does not exist", "[ingest]") {
  Insert insert;
  for (const Labels& labels :
       {Labels{{"x", "1"}, {"x", ""}}, Labels{{"x", ""}, {"x", "1"}},
        Labels{{"", ""}, {"x", "1"}, {"y", ""}}}) {
    const Reply reply =
        insert.Post(kWrite, protocol::SnappyBody(Series(labels, 1, 1)));
    CHECK(reply.status == 204);
    CHECK(reply.body == "");
  }
  CHECK(insert.Samples({{"x", "1"}}).size() == 3);
}

TEST_CASE("41 labels are too many, 40 are not", "[ingest]") {
  Insert insert;
  Labels labels;
  for (int i = 0; i < 40; ++i) labels.emplace_back(base::StrCat("l", i), "v");
  CHECK(
      insert.Post(kWrite, protocol::SnappyBody(Series(labels, 1, 1))).status ==
      204);
  labels.emplace_back("l40", "");
  CHECK(
      insert.Post(kWrite, protocol::SnappyBody(Series(labels, 1, 1))).status ==
      204);
  labels.back().second = "v";
  CHECK(
      insert.Post(kWrite, protocol::SnappyBody(Series(labels, 1, 1))).status ==
      400);
  CHECK(insert.Ignored("too_many_labels") == 1);
}

TEST_CASE("without a storage node writes are 503 and say when to come back",
          "[ingest]") {
  Insert insert;
  insert.node.up = false;
  const Reply reply =
      insert.Post(kWrite, protocol::SnappyBody(Series(kUp, 1, 1)));
  CHECK(reply.status == 503);
  CHECK(reply.headers.contains("Retry-After"));
  insert.node.up = true;
  CHECK(insert.Post(kWrite, protocol::SnappyBody(Series(kUp, 1, 1))).status ==
        204);
  CHECK(insert.node.rows() == 1);
}

TEST_CASE("what was not stored is not held against the rate", "[ingest]") {
  Insert insert;
  REQUIRE(insert.inserter
              ->LoadTenantLimits("defaults: {ingestion_rate: 0.001, "
                                 "ingestion_burst_size: 2}")
              .ok());
  const std::string body =
      protocol::SnappyBody(Series(kUp, 1, 1) + Series(kUp, 2, 1));
  insert.node.up = false;
  for (int i = 0; i < 5; ++i) {
    CHECK(insert.Post(kWrite, body).status == 503);
  }
  insert.node.up = true;
  CHECK(insert.Post(kWrite, body).status == 204);
  CHECK(insert.Post(kWrite, body).status == 429);
  // Nor is what stores nothing refused by it.
  CHECK(insert.Post("/insert/{}/influx/health", "").status == 200);
}

TEST_CASE("what beside its text makes a line's series tells it from others",
          "[ingest]") {
  Insert insert;
  const auto write = [&](const std::string& db) {
    CHECK(insert.Post("/insert/{}/influx/write", "m,t=a v=1 1700000000", {},
                      {{"db", db}})
              .status == 204);
  };
  for (int i = 0; i < 2; ++i) {
    write("x");
    write("y");
    write("");
    // The same bytes as text are a series' whole name.
    CHECK(insert.Post("/insert/{}/prometheus/api/v1/import/prometheus",
                      "m 5 1700000000000\nm{t=\"a\"} 6 1700000000000")
              .status == 204);
  }
  const auto rows = [&](const model::LabelSet& set) {
    return insert.Samples(set).size();
  };
  CHECK(rows({{"__name__", "m_v"}, {"db", "x"}, {"t", "a"}}) == 2);
  CHECK(rows({{"__name__", "m_v"}, {"db", "y"}, {"t", "a"}}) == 2);
  CHECK(rows({{"__name__", "m_v"}, {"t", "a"}}) == 2);
  CHECK(rows({{"__name__", "m"}}) == 2);
  CHECK(rows({{"__name__", "m"}, {"t", "a"}}) == 2);
  CHECK(insert.node.defines == 5);
}

TEST_CASE("what stores nothing needs no place", "[ingest]") {
  Insert insert;
  InsertGate::Pass pass(*insert.gate);
  REQUIRE(pass.granted());
  CHECK(insert.Post("/insert/{}/influx/health", "").status == 200);
  CHECK(insert.Post("/insert/{}/newrelic", "").status == 202);
  CHECK(insert.Post(kWrite, "", {}, {{"get_vm_proto_version", "1"}}).body ==
        "1");
  CHECK(insert.Post(kWrite, "x").status == 503);
}

TEST_CASE("an insert that finds no place is 503", "[ingest]") {
  Insert insert;
  InsertGate::Pass pass(*insert.gate);
  REQUIRE(pass.granted());
  const Reply reply =
      insert.Post(kWrite, protocol::SnappyBody(Series(kUp, 1, 1)));
  CHECK(reply.status == 503);
  CHECK(reply.body.find("-maxConcurrentInserts") != std::string::npos);
  CHECK(insert.Counted("vm_concurrent_insert_limit_timeout_total", {}) == 1);
}

TEST_CASE("extra labels are set on every series and are part of its identity",
          "[ingest]") {
  Insert insert;
  const std::string body = protocol::SnappyBody(Series(kUp, 1, 1));
  CHECK(insert.Post(kWrite, body).status == 204);
  CHECK(insert
            .Post(kWrite, body, {},
                  {{"extra_label", "job=b"}, {"extra_label", "dc=x=y"}})
            .status == 204);
  CHECK(insert.Samples({{"__name__", "up"}, {"job", "b"}, {"dc", "x=y"}})
            .size() == 1);
  CHECK(insert.Samples({{"__name__", "up"}, {"job", "a"}}).size() == 1);
  CHECK(insert.Post(kWrite, body, {}, {{"extra_label", "x"}}).status == 400);
}

TEST_CASE("a request sets at most 64 labels, the last of a name", "[ingest]") {
  Insert insert;
  const std::string body = protocol::SnappyBody(Series(kUp, 1, 1));
  http::Arguments arguments;
  for (int i = 0; i < 64; ++i) {
    arguments.emplace_back("extra_label", base::StrCat("job=", i));
  }
  CHECK(insert.Post(kWrite, body, {}, arguments).status == 204);
  CHECK(insert.Samples({{"__name__", "up"}, {"job", "63"}}).size() == 1);
  arguments.emplace_back("extra_label", "job=64");
  const Reply reply = insert.Post(kWrite, body, {}, arguments);
  CHECK(reply.status == 400);
  CHECK(reply.body == "65 arguments extra_label are over 64\n");
  CHECK(insert.node.rows() == 1);
}

TEST_CASE("every series of the dashboards is there before the first write",
          "[ingest]") {
  Insert insert;
  const std::string text = insert.metrics.Text();
  for (const char* line :
       {"vm_rows_inserted_total{type=\"promremotewrite\"} 0",
        "vm_rows_inserted_total{type=\"graphite\"} 0",
        "vm_rows_ignored_total{reason=\"too_many_labels\"} 0",
        "vm_concurrent_insert_capacity 1", "vm_concurrent_insert_current 0",
        "vm_rpc_rows_sent_total{name=\"vminsert\",addr=\"s:8400\",rpc_call="
        "\"metric_rows\"} 0",
        "vm_rpc_vmstorage_is_reachable{name=\"vminsert\",addr=\"s:8400\""}) {
    CHECK(text.find(line) != std::string::npos);
  }
}

TEST_CASE("a new series in many lines of a request is one series",
          "[ingest]") {
  Insert insert(32 << 20, {.active_series_max = 1});
  std::string lines;
  for (int i = 0; i < 1'000; ++i) {
    lines += base::StrCat("a{b=\"c\"} 1 ", 1'000 + i, "\n");
  }
  const char* const import = "/insert/{}/prometheus/api/v1/import/prometheus";
  CHECK(insert.Post(import, lines).status == 204);
  CHECK(insert.node.rows() == 1'000);
  CHECK(insert.node.defines == 1);
  CHECK(insert.inserter->tenant_limits()
            .Of(model::TenantId())
            .use->ignored_rows[static_cast<size_t>(
                Rejection::kTooManyActiveSeries)]
            .load() == nullptr);
  CHECK(insert.metrics.Text().find("varve_tenant_active_series{accountID=\"0\","
                                   "projectID=\"0\"} 1\n") !=
        std::string::npos);
  // Known, and to be defined anew: once again.
  insert.node.ref_epoch = 2;
  insert.node.connection = 2;
  insert.node.refs.clear();
  CHECK(insert.Post(import, lines).status == 204);
  CHECK(insert.node.rows() == 2'000);
  CHECK(insert.node.defines == 2);
  // Of another series all rows are one too many.
  CHECK(insert.Post(import, "b 1\nb 2\nb 3\n").status == 204);
  CHECK(insert.Ignored("active_series_limit") == 3);
}

TEST_CASE("what is refused of a series is refused in all of its lines",
          "[ingest]") {
  Insert insert;
  std::string canonical;
  model::AppendCanonicalBytes(canonical, model::LabelSet{{"__name__", "a"}});
  insert.node.refused[canonical] = model::Refusal::kDailyLimit;
  CHECK(insert
            .Post("/insert/{}/prometheus/api/v1/import/prometheus",
                  "a 1\na 2\nb 1\na 3\nb 2\n")
            .status == 204);
  CHECK(insert.node.rows() == 2);
  CHECK(insert.node.defines == 2);
  CHECK(insert.Ignored(std::string(
            model::RefusalReason(model::Refusal::kDailyLimit))) == 3);
}

TEST_CASE("what relabeling drops is no error of the sender", "[ingest]") {
  Insert insert;
  const auto change = [&insert](std::string_view yaml) {
    insert.inserter->ChangeRules([yaml](SeriesRuleParts& parts) {
      parts.relabeling = std::make_shared<relabel::RuleSet>(
          *relabel::RuleSet::Parse(yaml, relabel::kFileLimits));
    });
  };
  const std::string body = protocol::SnappyBody(
      Series({{"__name__", "up"}, {"job", "test"}}, 1000, 1) +
      Series({{"__name__", "up"}, {"job", "db"}}, 1000, 2));
  change("- {action: drop, if: '{job=\"test\"}'}");
  CHECK(insert.Post(kWrite, body).status == 204);
  CHECK(insert.Counted("vm_relabel_metrics_dropped_total", {}) == 1);
  CHECK(insert.Samples({{"__name__", "up"}, {"job", "test"}}).empty());
  CHECK(insert.Samples({{"__name__", "up"}, {"job", "db"}}).size() == 1);
  // Limits hold for what relabeling leaves.
  change("- {action: replace_all, source_labels: [job], target_label: job, "
         "regex: '^', replacement: '" +
         std::string(5000, 'x') + "'}");
  CHECK(insert.Post(kWrite, body).status == 400);
  CHECK(insert.Ignored("too_long_label_value") == 2);
  // Known verdicts do not outlive their rules.
  change("- {source_labels: [job], target_label: team}");
  CHECK(insert.Post(kWrite, body).status == 204);
  CHECK(insert.Counted("vm_relabel_metrics_dropped_total", {}) == 1);
  CHECK(insert
            .Samples({{"__name__", "up"}, {"job", "test"}, {"team", "test"}})
            .size() == 1);
}

}  // namespace
}  // namespace varve::ingest

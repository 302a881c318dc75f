// The routes of agents that send events as JSON: New Relic's infrastructure
// agent to /insert/<tenant>/newrelic/…, Zabbix' connector to
// /insert/<tenant>/zabbixconnector/api/v1/history.
//
// Answers: New Relic 202, with the bodies its agent looks for; Zabbix 200.
//          Bad events are skipped and counted; 400 for what is no JSON (of New
//          Relic), errors of Zabbix as {"error":…}.
// Threads: all members from any thread.
#ifndef VARVE_LIB_INGEST_AGENT_ROUTES_H_
#define VARVE_LIB_INGEST_AGENT_ROUTES_H_

#include <vector>

#include "lib/ingest/insert_door.h"

namespace varve::ingest {

class AgentRoutes {
 public:
  explicit AgentRoutes(InsertDoor* door);

  std::vector<InsertEndpoint> Endpoints();

 private:
  void AddNewRelic(std::vector<InsertEndpoint>& endpoints);
  void AddZabbix(std::vector<InsertEndpoint>& endpoints);
  absl::Status TakeEvents(const InsertRequest& request,
                          http::ResponseWriter& response);
  absl::Status TakeHistory(const InsertRequest& request,
                           http::ResponseWriter& response);

  InsertDoor* const door_;
  const LineOptions& options_;
  const InsertFormat newrelic_, zabbix_;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_AGENT_ROUTES_H_

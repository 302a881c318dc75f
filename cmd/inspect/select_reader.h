// A cluster as varve-inspect asks it: the tenants and raw samples that a
// select node gives. Answers that may lack data are errors.
//
// Errors:  InvalidArgument for a URL; Unavailable for what did not answer, or
//          not whole; each names the URL.
// Threads: belongs to one thread, which it blocks.
#ifndef VARVE_CMD_INSPECT_SELECT_READER_H_
#define VARVE_CMD_INSPECT_SELECT_READER_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cmd/inspect/sample_table.h"
#include "lib/model/time_range.h"
#include "net/http/client.h"

namespace varve::inspect {

struct SelectAccess {
  std::string user, password;  // -httpAuth.*
  std::string bearer_token;
  absl::Duration timeout = absl::Hours(1);  // of one answer
};

class SelectReader {
 public:
  // "http://host:port", with a path prefix or not, has all tenants; with
  // "/select/<tenant>/prometheus" behind it one. The transport outlives it.
  static absl::StatusOr<SelectReader> Make(net::Transport* transport,
                                           const std::string& url,
                                           SelectAccess access);

  const std::string& url() const { return url_; }
  bool has_tenant() const { return has_tenant_; }

  // Numbers ("1:0") and names, as Export takes them.
  absl::StatusOr<std::vector<std::string>> Tenants() const;

  // Adds the samples in the range of all series that one of `matches` selects;
  // stops when the table is full. `tenant` where the URL has none: a number,
  // or a name of X-Scope-OrgID.
  absl::Status Export(const std::string& tenant, const model::TimeRange& range,
                      const std::vector<std::string>& matches,
                      SampleTable& table) const;

 private:
  SelectReader(net::Transport* transport, std::string url,
               http::BaseUrl base, SelectAccess access);

  http::ClientRequest Request(std::string target) const;
  absl::StatusOr<http::ClientAnswer> Fetch(
      const http::ClientRequest& request) const;

  net::Transport* transport_;
  std::string url_;
  http::BaseUrl base_;
  SelectAccess access_;
  bool has_tenant_;
};

}  // namespace varve::inspect

#endif  // VARVE_CMD_INSPECT_SELECT_READER_H_

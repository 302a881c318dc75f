// /snapshot/create, list, delete, delete_all, as vmbackup asks for them: GET
// or POST, arguments in the URL or a form, JSON with a status.
//
// A snapshot whose asker went away while it was made is removed: nobody knows
// its name.
// Threads: the routes refer to `engine`, which outlives them.
#ifndef VARVE_LIB_STORENODE_SNAPSHOT_ROUTES_H_
#define VARVE_LIB_STORENODE_SNAPSHOT_ROUTES_H_

#include <string>
#include <vector>

#include "net/http/server.h"
#include "storage/engine/engine.h"

namespace varve::storenode {

std::vector<http::Route> SnapshotRoutes(storage::Engine* engine,
                                        const std::string* auth_key);

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_SNAPSHOT_ROUTES_H_

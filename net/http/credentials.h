// What a request brings to be let in: a user's password, a route's key.
//
// Compared in a time that tells only the lengths.
//
// Threads: free functions without state.
// Source:  RFC 7617 (Basic).
#ifndef VARVE_NET_HTTP_CREDENTIALS_H_
#define VARVE_NET_HTTP_CREDENTIALS_H_

#include <string_view>

#include "net/http/server.h"

namespace varve::http {

// `authorization` is "user:password", as of the Authorization header; "" asks
// for nothing.
bool HasPassword(const Request& request, std::string_view authorization);

// As ?authKey=; "" asks for nothing.
bool HasAuthKey(const Request& request, std::string_view key);

}  // namespace varve::http

#endif  // VARVE_NET_HTTP_CREDENTIALS_H_

// Beast's parser of a request, with a body that can be taken away in pieces.
// For net/http's .cc files.
#ifndef VARVE_NET_HTTP_REQUEST_PARSER_H_
#define VARVE_NET_HTTP_REQUEST_PARSER_H_

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/optional.hpp>
#include <cstdint>
#include <string>

namespace varve::http {

// A Body in Beast's sense. Beast's own makes room for all that a
// Content-Length claims, which may be more than memory has.
struct PieceBody {
  struct value_type {
    std::string bytes;
    // Room is made for a claimed length. REQUIRES: that is within a limit.
    bool whole = true;
  };

  class reader {
   public:
    template <bool kIsRequest, class Fields>
    reader(boost::beast::http::header<kIsRequest, Fields>&, value_type& body)
        : body_(body) {}

    void init(const boost::optional<uint64_t>& length,
              boost::system::error_code& error) {
      error = {};
      if (length && body_.whole) {
        body_.bytes.reserve(static_cast<size_t>(*length));
      }
    }
    template <class Buffers>
    size_t put(const Buffers& buffers, boost::system::error_code& error) {
      error = {};
      size_t taken = 0;
      for (const auto buffer : boost::beast::buffers_range_ref(buffers)) {
        body_.bytes.append(static_cast<const char*>(buffer.data()),
                           buffer.size());
        taken += buffer.size();
      }
      return taken;
    }
    void finish(boost::system::error_code& error) { error = {}; }

   private:
    value_type& body_;
  };
};

struct RequestParser {
  boost::beast::http::request_parser<PieceBody> beast;

  std::string& body() { return beast.get().body().bytes; }
};

}  // namespace varve::http

#endif  // VARVE_NET_HTTP_REQUEST_PARSER_H_

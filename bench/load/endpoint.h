#pragma once

namespace bench {

/// Serves what services.ts says, each service on a free port of 127.0.0.1. Prints one line of JSON with the
/// ports when all of them can be reached. Ends with its parent.
[[noreturn]] void serveEndpoint();

}  // namespace bench

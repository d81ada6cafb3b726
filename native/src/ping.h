// Whether a relay answers: for a probe, which is a process of its own.
#pragma once

#include <string>

/// Connects to the relay that listens on `path` and waits for its first line, which its control thread says.
/// Empty where it came, else why not, in one line. Each of the two has `withinMs`.
std::string pingRelay(const std::string& path, int withinMs);

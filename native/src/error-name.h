// The system's names of errors, as errno(3) lists them. Constants; nobody owns anything.
#pragma once

#include <string>

/// `ECONNREFUSED` for instance; `errno-N` where it has no name here. The C library's own function
/// (strerrorname_np(3)) is neither in musl nor in older glibc.
std::string errorName(int error);

// The Unix socket that peers connect to: made before privileges are dropped. The caller owns what is
// returned.
#pragma once

#include <sys/types.h>

#include <string>

/// Listens on `path`, of that mode, holding a lock on the file `path`.lock for as long as the process lives.
/// A socket file that nobody serves is removed first; one that is served, or anything else that is there, is
/// left alone. The descriptor, or -1 and `wrong`: one line that says what to do. Called once.
int listenOnControlSocket(const std::string& path, mode_t mode, std::string& wrong);

/// `fd` is a connected Unix stream socket. Empty, or what is wrong.
std::string checkControlFd(int fd);

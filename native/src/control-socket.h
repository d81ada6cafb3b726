// The Unix socket that peers connect to: made before privileges are dropped. The caller owns what is
// returned.
#pragma once

#include <sys/types.h>

#include <string>

/// Listens on `path`, of that mode, holding a lock on the file `path`.lock (`lockFd`) for as long as the
/// process lives.
/// A socket file that nobody serves is removed first; one that is served, or anything else that is there, is
/// left alone. The descriptor, or -1 and `wrong`: one line that says what to do. Called once.
int listenOnControlSocket(const std::string& path, mode_t mode, int& lockFd, std::string& wrong);

/// Who serves `path`: a connection to it. -1 where nobody does, and `wrong` where that can't be known. Where
/// its queue is full it is waited for, for as long as it takes, or for `withinMs` where that isn't 0: each
/// read and write then has as long.
int connectToControlSocket(const std::string& path, std::string& wrong, int withinMs = 0);

/// Who takes over from another process opens the lock's file while it may (a descriptor, or -1 and `wrong`),
/// and has the lock as soon as the other has ended. False where somebody else has it after `withinMs`.
int openLockFile(const std::string& path, std::string& wrong);
bool takeLock(int fd, int withinMs);
/// For who leaves before the kernel has taken its files away.
void releaseLock(int fd);

/// `fd` is a connected Unix stream socket. Empty, or what is wrong.
std::string checkControlFd(int fd);

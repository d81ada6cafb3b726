// `--notify-exec`: becomes a program that has no Unix datagram sockets, as Node has none, and leaves it one.
// The program keeps this process, so that the service manager takes what it writes there for the words of the
// service's main process.
#pragma once

/// Becomes the program that `words` begin with (execvp(3)), a null pointer at their end, with
/// KUBE_SPLICE_NOTIFY_FD=N in its environment: each write(2) to that descriptor is one notification. Without
/// a NOTIFY_SOCKET that listens it becomes the program all the same. Returns only where there is none: the
/// exit code, as a shell has it, the reason being on stderr.
int becomeNotifying(char** words);

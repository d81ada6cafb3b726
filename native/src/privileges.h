// What the relay gives up before it takes a byte from anybody. For this process; called once, before threads
// start.
//
//   as started ──dropPrivileges()──▶ another user, no capabilities, no new ones ──threads──▶ filtered
//   (seccomp-filter.h)
#pragma once

#include <sys/types.h>

#include <string>

/// As root: becomes `user` and `group` (where that isn't allowed it stays user 0, as in a container without
/// CAP_SETUID). As anybody: no capabilities, none to be had again (capabilities(7), PR_SET_NO_NEW_PRIVS), no
/// core dump and no tracing by others. Empty, or what failed.
std::string dropPrivileges(uid_t user, gid_t group);

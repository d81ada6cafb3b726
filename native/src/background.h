// A relay that a command starts and leaves behind: what `systemctl reload` runs has to end, and the new main
// process of the unit is to be none of its children (systemd hears of the end of its own children alone).
//
//   command ──fork──▶ between ──fork──▶ relay      between ends at once, so that the relay is adopted by init
//      │◀───────────── "it serves", or its end ────┘     or a subreaper (prctl(2), PR_SET_CHILD_SUBREAPER)
//      └─ends: 0, or 1
#pragma once

#include <string>

/// Before any thread. Returns in the relay alone: a descriptor for tellStarted(), or -1 and `wrong` in the
/// command.
int goBackground(std::string& wrong);
/// The command may end: the relay serves.
void tellStarted(int fd);

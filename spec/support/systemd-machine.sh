#!/bin/bash
# Becomes systemd as the first process of a machine of its own: every namespace but the user's is new, its root is this host's with
# everything that is written kept in memory, its network is its loopback. Started by unshare(1), in a cgroup of its own.
#
#   $1 an empty directory, $2 a directory that is to be seen at /repository there
set -euo pipefail
base="$1"
mount --make-rprivate /
mount -t tmpfs tmpfs "$base"
mkdir "$base/written" "$base/work" "$base/root" "$base/repository"
mount --rbind "$2" "$base/repository"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/written,workdir=$base/work" "$base/root"
cd "$base/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount --rbind /dev dev
mkdir -p repository old
mount --move "$base/repository" repository
mount -t tmpfs tmpfs tmp
# Only what the specs need is started; what this host would start is not.
rm -rf etc/systemd/system etc/machine-id var/log/journal
# Where packages may not start services here, they may there.
rm -f usr/sbin/policy-rc.d
mkdir -p etc/systemd/system
for unit in systemd-udevd systemd-udev-trigger systemd-networkd systemd-resolved systemd-timesyncd e2scrub_reap; do
  ln -s /dev/null "etc/systemd/system/$unit.service"
done
pivot_root . old
umount -l /old
ip link set lo up
export container=kube-splice-spec
exec /lib/systemd/systemd --system --unit=basic.target --show-status=no

# Installs Debian packages as root without starting or enabling any server, and leaves the system's settings as they were.
#
# $1: update | no-update      $2…: packages
set -eu
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.conf
mark='# Put here by Stofka while it installs packages; removed right after.'

# Also undoes what an earlier run could not, having been killed.
undo() {
  if grep -qsF "$mark" "$policy"; then rm -f "$policy"; fi
  if [ -e "$policy.before-stofka" ]; then mv "$policy.before-stofka" "$policy"; fi
  if grep -qsF "$mark" "$cluster"; then
    rm -f "$cluster"
    if [ -e "$cluster.before-stofka" ]; then
      mv "$cluster.before-stofka" "$cluster"
    elif [ -e /usr/share/postgresql-common/createcluster.conf ]; then
      cp /usr/share/postgresql-common/createcluster.conf "$cluster"
      rm -f "$cluster.ucf-dist" # the same, put there since ours was in its place
    fi
  fi
}
undo
trap undo EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# 101: "not allowed to start". Every Debian maintainer script asks this before it starts a service.
if [ -e "$policy" ]; then mv "$policy" "$policy.before-stofka"; fi
printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
chmod 755 "$policy"

# PostgreSQL's package would make and start a cluster on port 5432.
mkdir -p "${cluster%/*}"
if [ -e "$cluster" ]; then cp -p "$cluster" "$cluster.before-stofka"; fi
printf '%s\ncreate_main_cluster = false\n' "$mark" >"$cluster"

export DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 LC_ALL=C
update=$1
shift
had_redis=$(command -v redis-server valkey-server || true)
# An installation cut short, ours or another, is completed first; without one this does nothing.
dpkg --configure -a --force-confold
if [ "$update" = update ]; then apt-get -q update; fi
apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 install "$@"

# A Redis that came with us is ours alone: it must not start on port 6379 at the next boot either.
if [ -z "$had_redis" ]; then
  for service in redis-server valkey-server; do
    if [ -e "/lib/systemd/system/$service.service" ] && command -v deb-systemd-helper >/dev/null; then
      deb-systemd-helper disable "$service.service" >/dev/null 2>&1 || true
    fi
    if [ -e "/etc/init.d/$service" ] && command -v update-rc.d >/dev/null; then
      update-rc.d "$service" disable >/dev/null 2>&1 || true
    fi
  done
fi

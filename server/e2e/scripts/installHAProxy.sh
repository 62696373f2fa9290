#!/usr/bin/env bash
# Sees to it that there is a HAProxy for the test of deploy/haproxy.cfg: the one named by HAPROXY, or Debian's, installed
# when it is absent. The test starts one of its own: the system's is not left running.
set -euo pipefail

proxy=${HAPROXY:-/usr/sbin/haproxy}
if [[ -x $proxy ]]; then
  exit 0
fi
missing() {
  printf 'The tests need HAProxy 2.6 or later, and there is none at %s.\n%s\n' "$proxy" "$1" >&2
  printf 'Install Debian'\''s package "haproxy", or name another HAProxy with HAPROXY=/path/to/haproxy.\n' >&2
  exit 1
}
if [[ -n ${HAPROXY:-} ]]; then
  missing 'HAPROXY names no program that can be run.'
fi
command -v apt-get >/dev/null || missing 'It cannot be installed here: this system has no apt-get.'
as_root=()
if ((EUID != 0)); then
  # -n: never ask for a password in the middle of the tests.
  sudo -n true 2>/dev/null || missing 'It cannot be installed here: that takes root, or sudo without a password.'
  as_root=(sudo -n)
fi
echo 'Installing HAProxy for the tests…'
install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends haproxy
}
# Tried with the lists of packages as they are first: fetching them takes longer than most of the rest.
install >/dev/null 2>&1 || { "${as_root[@]}" apt-get update >/dev/null && install >/dev/null; } ||
  missing 'apt-get could not install it; what it said stands above.'
[[ -x $proxy ]] || missing 'The package was installed, but brought no such program.'
# Debian starts what it installs. Where a system manager runs, this one is told to rest.
if [[ -d /run/systemd/system ]]; then
  "${as_root[@]}" systemctl disable --now haproxy >/dev/null 2>&1 || true
fi

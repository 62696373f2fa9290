#!/usr/bin/env bash
# Sees to it that there is a Chromium for the tests: the one named by CHROMIUM, or Debian's, installed when it is absent.
set -euo pipefail

browser=${CHROMIUM:-/usr/bin/chromium}
if [[ -x $browser ]]; then
  exit 0
fi
missing() {
  printf 'The browser tests need Chromium, and there is none at %s.\n%s\n' "$browser" "$1" >&2
  printf 'Install Debian'\''s package "chromium", or name another Chromium with CHROMIUM=/path/to/chromium.\n' >&2
  exit 1
}
if [[ -n ${CHROMIUM:-} ]]; then
  missing 'CHROMIUM names no program that can be run.'
fi
command -v apt-get >/dev/null || missing 'It cannot be installed here: this system has no apt-get.'
as_root=()
if ((EUID != 0)); then
  # -n: never ask for a password in the middle of the tests.
  sudo -n true 2>/dev/null || missing 'It cannot be installed here: that takes root, or sudo without a password.'
  as_root=(sudo -n)
fi
echo 'Installing Chromium for the browser tests…'
install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends chromium fonts-liberation
}
# Tried with the lists of packages as they are first: fetching them takes longer than most of the rest.
install >/dev/null 2>&1 || { "${as_root[@]}" apt-get update >/dev/null && install >/dev/null; } ||
  missing 'apt-get could not install it; what it said stands above.'
[[ -x $browser ]] || missing 'The package was installed, but brought no such program.'

#!/usr/bin/env bash
# Sees to it that there is a PostgreSQL for the tests: in the folder named by PGTEST_BIN, on the PATH, or Debian's,
# installed when it is absent. The tests start clusters of their own: none is made or started by the installation.
set -euo pipefail

oldest=15
places=(/usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql@*/bin)
if [[ -n ${PGTEST_BIN:-} ]]; then
  places=("$PGTEST_BIN")
elif command -v postgres >/dev/null; then
  places+=("$(dirname "$(command -v postgres)")")
fi
present() {
  local bin version
  for bin in "${places[@]}"; do
    if [[ -x $bin/initdb && -x $bin/pg_basebackup && -x $bin/postgres ]]; then
      version=$("$bin/postgres" --version | sed -E 's/.*\(PostgreSQL\) ([0-9]+).*/\1/')
      ((version >= oldest)) && return 0
    fi
  done
  return 1
}
if present; then
  exit 0
fi
missing() {
  printf 'The tests need PostgreSQL %s or newer (initdb, postgres and pg_basebackup), and there is none.\n%s\n' "$oldest" "$1" >&2
  printf 'Install Debian'\''s package "postgresql", or name the folder of its programs with PGTEST_BIN=/path/to/bin.\n' >&2
  exit 1
}
if [[ -n ${PGTEST_BIN:-} ]]; then
  missing "PGTEST_BIN=$PGTEST_BIN does not hold them."
fi
command -v apt-get >/dev/null || missing 'It cannot be installed here: this system has no apt-get.'
as_root=()
if ((EUID != 0)); then
  # -n: never ask for a password in the middle of the tests.
  sudo -n true 2>/dev/null || missing 'It cannot be installed here: that takes root, or sudo without a password.'
  as_root=(sudo -n)
fi
echo 'Installing PostgreSQL for the tests…'
# Debian makes and starts a cluster for each version that is installed, unless it is told not to. Said in a file of
# its own, and only while it is installed: what an administrator installs afterwards is as they expect.
folder=/etc/postgresql-common/createcluster.d
"${as_root[@]}" mkdir -p "$folder"
"${as_root[@]}" tee "$folder/kupla-tests.conf" >/dev/null <<<'create_main_cluster = false'
trap '"${as_root[@]}" rm -f "$folder/kupla-tests.conf"' EXIT
install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends postgresql
}
# Tried with the lists of packages as they are first: fetching them takes longer than most of the rest.
install >/dev/null 2>&1 || { "${as_root[@]}" apt-get update >/dev/null && install >/dev/null; } ||
  missing 'apt-get could not install it; what it said stands above.'
places+=(/usr/lib/postgresql/*/bin)
present || missing 'The package was installed, but brought no such programs, or older ones.'

#!/usr/bin/env bash
# Installs what the tests drive and no Python package brings: a Chromium, a PostgreSQL server, and
# `ip`, with which hosts of their own are made.
#
# Only what is missing, on Debian and its kin, as root or with a sudo that asks for no password.
# Where that cannot be, it says what to do and still answers 0: the tests that need the missing
# program are then skipped, and pytest prints why. WRIT_INSTALL=no installs nothing.
set -euo pipefail

# The same names in the same order as tests/browser/chromium.py.
has_chromium() {
  local name
  for name in "${WRIT_CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    if [[ -n $name ]] && command -v "$name" >/dev/null; then return 0; fi
  done
  return 1
}

# The same places as tests/ledger/postgresql.py. Debian keeps the server's programs off PATH.
has_postgresql() {
  [[ -n ${WRIT_TEST_POSTGRES:-} ]] || command -v initdb >/dev/null ||
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

# Ten minutes for a lock that another apt holds, three attempts at each file.
apt() {
  "${ROOT[@]}" env DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes \
    --option DPkg::Lock::Timeout=600 --option Acquire::Retries=3 "$@"
}

# INVARIANT: no server is left running. Debian's package starts one unless it is told not to.
install_postgresql() {
  local told=/etc/postgresql-common/createcluster.d/writ.conf status=0
  "${ROOT[@]}" install -d "$(dirname "$told")"
  echo 'create_main_cluster = false' | "${ROOT[@]}" tee "$told" >/dev/null
  apt install --no-install-recommends postgresql || status=$?
  "${ROOT[@]}" rm -f "$told"
  return "$status"
}

# Without the recommended packages, but with fonts: a page is to look like a page.
install_chromium() {
  apt install --no-install-recommends chromium fonts-liberation
}

has_ip() {
  command -v ip >/dev/null
}

missing=()
has_chromium || missing+=(chromium)
has_postgresql || missing+=(postgresql)
has_ip || missing+=(iproute2)
[[ ${#missing[@]} -gt 0 ]] || exit 0

give_up() {
  echo "Not installed: ${missing[*]}: $1." >&2
  echo "  Install them yourself, or name them in WRIT_CHROMIUM (a program) and" >&2
  echo "  WRIT_TEST_POSTGRES (a URL). Until then the tests that need them are skipped." >&2
  exit 0
}

[[ ${WRIT_INSTALL:-yes} != no ]] || give_up "WRIT_INSTALL says no"
command -v apt-get >/dev/null || give_up "there is no apt-get here"
if [[ $(id -u) == 0 ]]; then
  ROOT=()
elif sudo -n true 2>/dev/null; then
  ROOT=(sudo)
else
  give_up "that takes root, or a sudo that asks for no password"
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "Installing for the tests: ${missing[*]} (WRIT_INSTALL=no prevents this)"
for attempt in 1 2 3; do
  if {
    apt update
    has_chromium || install_chromium
    has_postgresql || install_postgresql
    has_ip || apt install --no-install-recommends iproute2
  } >"$log" 2>&1 && has_chromium && has_postgresql && has_ip; then
    exit 0
  fi
  echo "Attempt $attempt failed." >&2
  sleep "$((attempt * 5))"
done
tail -n 20 "$log" >&2
give_up "apt-get failed"

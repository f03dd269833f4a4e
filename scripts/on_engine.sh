#!/usr/bin/env bash
# Installs what tests and measurements need and is missing, then runs .venv's Python with the arguments given.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

packages=(busybox-static:/bin/busybox docker-registry:docker-registry iproute2:ip util-linux:unshare)
as=()
if [ -z "${JEROBOAM_TEST_ENGINE:-}" ]; then
    packages+=(docker.io:dockerd iptables:iptables)
    # They start a Docker Engine of their own, and that takes root.
    [ "$(id -u)" = 0 ] || as=(sudo --preserve-env env "PATH=$PATH")
fi
[ -n "${JEROBOAM_TEST_POSTGRES:-}" ] || packages+=(postgresql:/usr/lib/postgresql)
# A busybox that is not static cannot be an image by itself.
if [ -e /bin/busybox ] && grep -q /ld-linux /bin/busybox; then packages+=(busybox-static:/no/such/file); fi
install_missing "${packages[@]}"
say "running $*"
status=0
# What somebody has set for work of their own must not change what is tested.
env -u JEROBOAM_DATA -u OS_CLOUD -u OS_CLIENT_CONFIG_FILE "${as[@]}" .venv/bin/python "$@" || status=$?
say "done"
exit $status

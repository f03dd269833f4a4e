#!/usr/bin/env bash
# Installs what the tests need and is missing, then runs pytest with the arguments given.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

packages=(busybox-static:/bin/busybox docker-registry:docker-registry iproute2:ip util-linux:unshare)
as=()
if [ -z "${JEROBOAM_TEST_ENGINE:-}" ]; then
    packages+=(docker.io:dockerd iptables:iptables)
    # The tests start a Docker Engine of their own, and that takes root.
    [ "$(id -u)" = 0 ] || as=(sudo --preserve-env env "PATH=$PATH")
fi
# A busybox that is not static cannot be an image by itself.
if [ -e /bin/busybox ] && grep -q /ld-linux /bin/busybox; then packages+=(busybox-static:/no/such/file); fi
install_missing "${packages[@]}"
say "running the tests"
status=0
env -u JEROBOAM_DATA -u OS_CLOUD -u OS_CLIENT_CONFIG_FILE "${as[@]}" .venv/bin/python -m pytest "$@" || status=$?
say "done"
exit $status

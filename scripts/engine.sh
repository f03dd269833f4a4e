#!/usr/bin/env bash
# A Docker Engine for the demo, in the folder that DIR names.
#   scripts/engine.sh start DIR   uses one that answers, or installs and starts one; prints its URL
#   scripts/engine.sh wake DIR    starts the one that `start` started again, if there is one and it does not answer
#   scripts/engine.sh stop DIR    ends the one that `start` started, and removes its data
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
action=$1 folder=$(realpath -m "$2")
# Sockets want short paths, whatever the folder is called.
short=/tmp/jeroboam-demo-$(printf %s "$folder" | sha256sum | cut -c1-8)
own=unix://$short/docker.sock

answers() { # answers URL
    .venv/bin/python - "$1" 2>/dev/null <<'PYTHON'
import sys
import docker
docker.APIClient(base_url=sys.argv[1], version="1.41", timeout=5).info()
PYTHON
}

wait_for() { # wait_for SECONDS URL PID
    local until=$(($(date +%s) + $1))
    until answers "$2"; do
        [ -z "${3:-}" ] || as_root kill -0 "$3" 2>/dev/null || return 1
        [ "$(date +%s)" -lt "$until" ] || return 1
        sleep 0.2
    done
}

daemon() { # the pid of the engine that we started, if it runs
    local pid
    pid=$(cat "$short/dockerd.pid" 2>/dev/null) || return 1
    grep -qsz -- "--data-root=$folder/data" "/proc/$pid/cmdline" && echo "$pid"
}

start() {
    local url
    for url in "${DOCKER_HOST:-unix:///var/run/docker.sock}" "$own"; do
        if answers "$url"; then
            say "using the Docker Engine at $url"
            echo "$url"
            return
        fi
    done
    if command -v dockerd >/dev/null; then
        if [ "$(id -u)" != 0 ] && [ -S /var/run/docker.sock ] && as_root test -e /var/run/docker.pid; then
            fail "cannot use the Docker Engine that runs here: run 'sudo usermod -aG docker $USER' and log in again"
        fi
    else
        install_missing docker.io:dockerd iptables:iptables iproute2:ip
        if [ -d /run/systemd/system ] && [ "$(id -u)" != 0 ]; then
            # The package started one that this user may not talk to, and nobody else uses yet.
            as_root systemctl stop docker.service docker.socket
        fi
    fi
    if [ -d /run/systemd/system ] && [ "$(id -u)" = 0 ]; then
        say "starting the Docker Engine of this machine"
        systemctl start docker
        wait_for 60 unix:///var/run/docker.sock || fail "cannot start docker: see journalctl -u docker"
        echo unix:///var/run/docker.sock
        return
    fi
    start_own
}

start_own() {
    install_missing iptables:iptables iproute2:ip
    say "starting a Docker Engine in $folder"
    mkdir -p "$folder" "$short"
    forget_the_dead
    # No bridge and no address of its own: every container that we start is on a network of its project.
    # shellcheck disable=SC2024  # the log is this user's
    as_root setsid dockerd --data-root="$folder/data" --exec-root="$short/exec" --pidfile="$short/dockerd.pid" \
        --host="$own" --group="$(id -g)" --bridge=none </dev/null >"$folder/dockerd.log" 2>&1 &
    if ! wait_for 90 "$own" $!; then
        tail -n 20 "$folder/dockerd.log" >&2
        fail "cannot start a Docker Engine: $folder/dockerd.log ends as above"
    fi
    echo "$own"
}

forget_the_dead() { # after a crash a number in a file may be another process's, and dockerd would wait for that one
    local file
    for file in "$short/dockerd.pid" "$short/exec/containerd/containerd.pid"; do
        grep -qsz -- "$short/exec" "/proc/$(as_root cat "$file" 2>/dev/null)/cmdline" || as_root rm -f "$file"
    done
}

stop() {
    local pid mount
    if pid=$(daemon); then
        say "stopping the Docker Engine in $folder"
        as_root kill "$pid"
        while as_root kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
        clear_chains
    fi
    { grep -o " $folder/data[^ ]*\| $short[^ ]*" /proc/mounts || true; } | sort -r | while read -r mount; do
        as_root umount "$mount" || true
    done
    if [ -e "$folder" ] || [ -e "$short" ]; then as_root rm -rf "$folder" "$short"; fi
}

clear_chains() { # Docker leaves its packet filter rules behind; they are of no use where no other engine runs
    local table chain
    [ ! -S /var/run/docker.sock ] || return 0
    for table in nat filter; do
        as_root iptables -t "$table" -S 2>/dev/null | grep -E -- '^-A .*-j DOCKER' | while read -r chain; do
            # shellcheck disable=SC2086  # the rule's words
            as_root iptables -t "$table" -D ${chain#-A } 2>/dev/null || true
        done || true
        for chain in $(as_root iptables -t "$table" -S 2>/dev/null | sed -n 's/^-N \(DOCKER[^ ]*\)$/\1/p'); do
            as_root iptables -t "$table" -F "$chain" && as_root iptables -t "$table" -X "$chain" || true
        done
    done
}

case $action in
start) start ;;
wake) [ ! -d "$folder/data" ] || answers "$own" || start_own >/dev/null ;;
stop) stop ;;
*) fail "usage: scripts/engine.sh start|wake|stop DIR" ;;
esac

# Shared by the scripts: what they say, how they become root, how they install what is missing. To be sourced.

BEGAN=${BEGAN:-$(date +%s)}
export BEGAN
PATH=$PATH:/usr/sbin:/sbin

say() { # a line on stderr with the time since the command began
    printf '%6d s  %s\n' "$(($(date +%s) - BEGAN))" "$*" >&2
}

fail() {
    say "$*"
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "cannot run '$*': it needs root; run make as root, or install sudo"
    fi
}

remove() { # also what a run as root has left here: tests and measurements start an engine, and that takes root
    rm -rf "$@" 2>/dev/null || as_root rm -rf "$@"
}

install_missing() { # install_missing PACKAGE:FILE...   a package is missing where its file (or command) is
    local missing=() pair package file
    for pair in "$@"; do
        package=${pair%%:*} file=${pair#*:}
        [ -e "$file" ] || command -v "$file" >/dev/null || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || fail "cannot install ${missing[*]}: there is no apt-get; install them yourself"
    say "installing Debian's ${missing[*]}"
    local log
    log=$(mktemp)
    if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update >"$log" 2>&1 ||
        ! as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get -qq install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        fail "cannot install ${missing[*]}: see above"
    fi
    rm -f "$log"
}

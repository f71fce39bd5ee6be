#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Finds what the demo and the network tests use beside Python; root on Debian gets it installed.
# Usage: system.sh PYTHON
set -eu

PATH="$PATH:/usr/sbin:/sbin" # where `ip` lives, also for users who lack them
missing=""

need() { # need COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

need ip iproute2
need ping iputils-ping
need iptables iptables
need etcd etcd-server
need etcdctl etcd-client
"$1" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "setup: installing$missing with apt-get"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # a list of packages
    if output=$({ apt-get update && apt-get install -y --no-install-recommends $missing; } 2>&1); then
        exit 0
    fi
    printf '%s\n' "$output" >&2
fi
echo "setup: please install$missing; without them the demo or some tests will not run" >&2

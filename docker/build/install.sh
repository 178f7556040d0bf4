#!/bin/sh
# install.sh PACKAGE...: Debian's packages, without what they only recommend.
set -eu

apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
rm -rf /var/lib/apt/lists/*

#!/bin/sh
# unless.sh FILE COMMAND...: runs the command unless the file is there already, because the programs were built before.
set -eu

file=$1
shift
[ -e "$file" ] || "$@"

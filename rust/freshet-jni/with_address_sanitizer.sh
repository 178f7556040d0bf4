#!/bin/sh
# For cargo's RUSTC_WORKSPACE_WRAPPER: what is ours is compiled with the address sanitizer, while its dependencies are
# those of every other build. The fuzz targets run with all of them checked.
#
# Sanitizers are options of the nightly compiler, which the pinned one has all the same. The variable that says so is
# set here, not for cargo: build scripts of dependencies look at it and would run anew, also in the next usual build.
exec env RUSTC_BOOTSTRAP=1 "$@" -Zsanitizer=address

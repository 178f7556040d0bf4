#!/bin/sh
# Gives every crate whose manifest is here empty sources, so that its dependencies can be built before the sources are
# copied: a layer that changes with Cargo.toml and Cargo.lock only.
set -eu

for manifest in rust/*/Cargo.toml; do
    crate=$(dirname "$manifest")
    # Targets that the manifest names have to be there.
    paths=$(sed -n 's/^path = "\(.*\)"$/\1/p' "$manifest")
    benches=$(sed -n '/^\[\[bench\]\]/,/^$/s/^name = "\(.*\)"$/benches\/\1.rs/p' "$manifest")
    for source in src/lib.rs src/main.rs $paths $benches; do
        mkdir -p "$(dirname "$crate/$source")"
        printf '//! Empty until the sources are copied.\nfn main() {}\n' >"$crate/$source"
    done
    printf '//! Empty until the sources are copied.\n' >"$crate/src/lib.rs"
done

#!/bin/sh
# Runs one fuzz target for some seconds: run.sh json|csv|influx|panes SECONDS
# It does what `cargo fuzz run` does, which is not on every machine, with the pinned compiler: flags of cargo-fuzz 0.13.
# What it finds is kept in target/fuzz/found; `run.sh TARGET FILE` replays such a file.
set -eu

target=$1
seconds_or_file=$2
fuzz=$(CDPATH='' cd "$(dirname "$0")" && pwd -P)
build=${CARGO_TARGET_DIR:-$fuzz/../../../target}/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')

# Sanitizers are not stable yet; this lets the stable compiler have them.
export RUSTC_BOOTSTRAP=1
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1 -Zsanitizer=address"
# With a target named, the flags are not for build scripts and procedural macros.
cargo build --release --locked --quiet --manifest-path "$fuzz/Cargo.toml" \
    --target "$host" --target-dir "$build" --bin "$target"

# A sketch alone has some hundred bytes.
case $target in
    panes) longest=4096 ;;
    *) longest=512 ;;
esac
program=$build/$host/release/$target
mkdir -p "$build/found" "$build/corpus/$target"
if [ -f "$seconds_or_file" ]; then
    exec "$program" "$seconds_or_file"
fi
exec "$program" -max_total_time="$seconds_or_file" -seed=20260101 -max_len=$longest -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$build/found/$target-" "$build/corpus/$target" "$fuzz/corpus/$target"

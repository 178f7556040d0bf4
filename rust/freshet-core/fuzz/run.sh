#!/bin/sh
# Runs fuzz targets for some seconds each, two at the same time:
# run.sh SECONDS json csv influx binary panes record_batch
# It does what `cargo fuzz run` does, which is not on every machine, with the pinned compiler: flags of cargo-fuzz 0.13.
# What it finds is kept in target/fuzz/found; `run.sh FILE TARGET` replays such a file.
set -eu

seconds_or_file=$1
shift
fuzz=$(CDPATH='' cd "$(dirname "$0")" && pwd -P)
build=${CARGO_TARGET_DIR:-$fuzz/../../../target}/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')

run() {
    # A sketch alone has some hundred bytes.
    case $1 in
        panes) longest=4096 ;;
        *) longest=512 ;;
    esac
    program=$build/$host/release/$1
    if [ -f "$seconds_or_file" ]; then
        "$program" "$seconds_or_file"
        return
    fi
    mkdir -p "$build/found" "$build/corpus/$1"
    "$program" -max_total_time="$seconds_or_file" -seed=20260101 -max_len=$longest -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="$build/found/$1-" "$build/corpus/$1" "$fuzz/corpus/$1" 2>&1
}

# Sanitizers are not stable yet; this lets the stable compiler have them.
export RUSTC_BOOTSTRAP=1
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1 -Zsanitizer=address"
# With a target named, the flags are not for build scripts and procedural macros.
cargo build --release --locked --quiet --manifest-path "$fuzz/Cargo.toml" --target "$host" --target-dir "$build"

failed=''
while [ $# -gt 0 ]; do
    run "$1" &
    first=$!
    second=''
    if [ $# -gt 1 ]; then
        # Its lines are shown when it has ended, so that those of two do not mix.
        run "$2" >"$build/$2.log" &
        second=$!
    fi
    wait "$first" || failed="$failed $1"
    if [ -n "$second" ]; then
        wait "$second" || failed="$failed $2"
        cat "$build/$2.log"
        shift
    fi
    shift
done
if [ -n "$failed" ]; then
    echo "failed:$failed" >&2
    exit 1
fi

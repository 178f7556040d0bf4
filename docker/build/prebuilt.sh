#!/bin/sh
# prebuilt.sh: fills target/prebuilt with what this machine has built, for images that are to be built without compiling:
#
#     cargo build --release --locked --workspace && gradle allJar && sh docker/build/prebuilt.sh
#     docker build -f docker/programs.Dockerfile --build-arg PREBUILT=target/prebuilt --target producer .
#
# The machine has to have glibc of the Debian in docker/versions.env, or an older one.
set -eu

cd "$(dirname "$0")/../.."
mkdir -p target/prebuilt/dashboard
cp target/release/freshet-producer target/release/freshet-cassandra-writer target/prebuilt/
cp build/libs/freshet-spark-all.jar target/prebuilt/

cd node-dashboard
[ -d dist/server ] && [ -d dist/web ] || {
    echo 'the dashboard is not built: run npm ci && npm run build in node-dashboard' >&2
    exit 1
}
rm -rf ../target/prebuilt/dashboard/dist
cp -R dist package.json ../target/prebuilt/dashboard/

# Its modules are those of the lock, without what only builds and tests need.
lock=package-lock.json
cmp -s "$lock" "../target/prebuilt/dashboard/$lock" && [ -d ../target/prebuilt/dashboard/node_modules ] || {
    cp package.json ../target/prebuilt/dashboard/
    rm -f "../target/prebuilt/dashboard/$lock"
    cp "$lock" ../target/prebuilt/dashboard/lock.json
    cd ../target/prebuilt/dashboard
    mv lock.json "$lock"
    npm ci --omit=dev --no-audit --no-fund || { rm -f "$lock"; exit 1; }
}

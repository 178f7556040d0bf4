#!/bin/sh
# prebuilt.sh: fills target/prebuilt with what this machine has built, for images that need not compile:
#
#     ./freshet test rust jvm node && sh docker/build/prebuilt.sh
#     docker build -f docker/programs.Dockerfile --build-arg PREBUILT=target/prebuilt --target producer .
#
# The machine has to have glibc of the Debian in docker/versions.env, or an older one.
set -eu

cd "$(dirname "$0")/../.."
prebuilt=$PWD/target/prebuilt

for built in target/release/freshet-producer target/release/freshet-cassandra-writer \
    build/libs/freshet-spark-all.jar node-dashboard/dist/server node-dashboard/dist/web; do
    [ -e "$built" ] || {
        echo "there is no $built: build it first, as ./freshet test does" >&2
        exit 1
    }
done

mkdir -p "$prebuilt/dashboard"
cp target/release/freshet-producer target/release/freshet-cassandra-writer build/libs/freshet-spark-all.jar "$prebuilt"

cd "$prebuilt/dashboard"
rm -rf dist
cp -R ../../../node-dashboard/dist ../../../node-dashboard/package.json ../../../node-dashboard/package-lock.json .
# The modules of the lock, without those that only build and test.
cmp -s package-lock.json installed-lock.json || {
    rm -f installed-lock.json
    npm ci --omit=dev --no-audit --no-fund
    cp package-lock.json installed-lock.json
}

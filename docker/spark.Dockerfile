# The Spark job, on Spark's official image:
#
#     docker build -f docker/spark.Dockerfile -t freshet-spark .
#
# The versions are those of docker/versions.env; a test compares them.
ARG RUST_VERSION=1.95.0
ARG DEBIAN_RELEASE=bookworm
ARG DEBIAN_VERSION=12.12
ARG SPARK_VERSION=4.2.0
ARG SCALA_VERSION=2.13
ARG JAVA_VERSION=17

FROM docker.io/library/rust:${RUST_VERSION}-${DEBIAN_RELEASE} AS library
ARG RUST_VERSION
ENV RUSTUP_TOOLCHAIN=${RUST_VERSION}
ENV CARGO_PROFILE_RELEASE_STRIP=debuginfo
WORKDIR /freshet
# A folder with a jar that was built already, such as target/prebuilt: then nothing is compiled here.
ARG PREBUILT=docker/build/nothing
COPY ${PREBUILT} /job/
COPY docker/build/unless.sh docker/build/empty-crates.sh /build/
COPY Cargo.toml Cargo.lock ./
COPY rust/freshet-cassandra-writer/Cargo.toml rust/freshet-cassandra-writer/
COPY rust/freshet-core/Cargo.toml rust/freshet-core/
COPY rust/freshet-dev/Cargo.toml rust/freshet-dev/
COPY rust/freshet-dev-health/Cargo.toml rust/freshet-dev-health/
COPY rust/freshet-jni/Cargo.toml rust/freshet-jni/
COPY rust/freshet-producer/Cargo.toml rust/freshet-producer/
COPY rust/freshet-registry/Cargo.toml rust/freshet-registry/
COPY rust/freshet-runtime/Cargo.toml rust/freshet-runtime/
COPY rust/freshet-service/Cargo.toml rust/freshet-service/
COPY rust/freshet-sources/Cargo.toml rust/freshet-sources/
RUN sh /build/unless.sh /job/freshet-spark-all.jar sh /build/empty-crates.sh
RUN sh /build/unless.sh /job/freshet-spark-all.jar cargo build --release --locked --package freshet-jni
RUN find rust -name '*.rs' -delete
COPY rust rust
# Cargo goes by times: these files are older than the empty ones were.
RUN find rust -name '*.rs' -exec touch {} +
RUN sh /build/unless.sh /job/freshet-spark-all.jar cargo build --release --locked --package freshet-jni
RUN mkdir -p /library && sh /build/unless.sh /job/freshet-spark-all.jar \
    install --target-directory /library target/release/libfreshet_jni.so

FROM docker.io/library/debian:${DEBIAN_VERSION}-slim AS job
ARG JAVA_VERSION
ARG PREBUILT=docker/build/nothing
COPY ${PREBUILT} /job/
COPY docker/build/unless.sh docker/build/install.sh /build/
RUN sh /build/unless.sh /job/freshet-spark-all.jar \
    sh /build/install.sh gradle openjdk-${JAVA_VERSION}-jdk-headless
WORKDIR /freshet
COPY build.gradle settings.gradle ./
COPY gradle gradle
COPY docker/versions.env docker/
RUN sh /build/unless.sh /job/freshet-spark-all.jar gradle --no-daemon --console=plain verifyJars
COPY spark-job spark-job
COPY --from=library /library target/release
RUN sh /build/unless.sh /job/freshet-spark-all.jar gradle --no-daemon --console=plain allJar
RUN sh /build/unless.sh /job/freshet-spark-all.jar \
    install --target-directory /job build/libs/freshet-spark-all.jar

FROM docker.io/apache/spark:${SPARK_VERSION}-scala${SCALA_VERSION}-java${JAVA_VERSION}-ubuntu
USER root
# Where a volume with the checkpoints is mounted.
RUN install --directory --owner=185 --group=0 --mode=0770 /var/lib/freshet
COPY --from=job /job/freshet-spark-all.jar /opt/freshet/
USER 185
EXPOSE 4040
HEALTHCHECK --interval=15s --timeout=10s --start-period=90s \
    CMD ["java", "-Xmx32m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", \
        "-cp", "/opt/freshet/freshet-spark-all.jar", "io.freshet.spark.JobHealth"]
# The entry point of the base also starts what Kubernetes asks for: `driver` and `executor`.
CMD ["/opt/spark/bin/spark-submit", "--master", "local[*]", "--class", "io.freshet.spark.WindowedAverages", \
    "/opt/freshet/freshet-spark-all.jar", "-c", "/etc/freshet/freshet.toml"]

# Producer and Cassandra writer, from one build:
#
#     docker build -f docker/programs.Dockerfile --target producer -t freshet-producer .
#     docker build -f docker/programs.Dockerfile --target writer -t freshet-cassandra-writer .
#
# The versions are those of docker/versions.env; a test compares them.
ARG RUST_VERSION=1.95.0
ARG DEBIAN_RELEASE=bookworm

FROM docker.io/library/rust:${RUST_VERSION}-${DEBIAN_RELEASE} AS toolchain
ARG RUST_VERSION
# Of rust-toolchain.toml the version counts here, not the lints.
ENV RUSTUP_TOOLCHAIN=${RUST_VERSION}
WORKDIR /freshet

FROM toolchain AS programs
# A folder with programs that were built already, such as target/prebuilt: then nothing is compiled here.
ARG PREBUILT=docker/build/nothing
COPY ${PREBUILT} /programs/
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
RUN sh /build/unless.sh /programs/freshet-producer sh /build/empty-crates.sh
RUN sh /build/unless.sh /programs/freshet-producer \
    cargo build --release --locked --package freshet-producer --package freshet-cassandra-writer
RUN find rust -name '*.rs' -delete
COPY rust rust
# Cargo goes by times: these files are older than the empty ones were.
RUN find rust -name '*.rs' -exec touch {} +
RUN sh /build/unless.sh /programs/freshet-producer \
    cargo build --release --locked --package freshet-producer --package freshet-cassandra-writer
# The names of functions stay, for backtraces.
RUN sh /build/unless.sh /programs/freshet-producer install --target-directory /programs \
        target/release/freshet-producer target/release/freshet-cassandra-writer \
    && strip --strip-debug /programs/freshet-producer /programs/freshet-cassandra-writer

FROM toolchain AS roots
COPY docker/build/minimal-root.sh /build/
COPY --from=programs /programs/freshet-producer /programs/freshet-cassandra-writer /usr/bin/
RUN sh /build/minimal-root.sh /roots/producer /usr/bin/freshet-producer \
    && sh /build/minimal-root.sh /roots/writer /usr/bin/freshet-cassandra-writer

FROM scratch AS producer
COPY --from=roots /roots/producer/ /
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
ENV FRESHET_CONFIG=/etc/freshet/freshet.toml
USER 10001:10001
EXPOSE 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/usr/bin/freshet-producer", "--health"]
ENTRYPOINT ["/usr/bin/freshet-producer"]

FROM scratch AS writer
COPY --from=roots /roots/writer/ /
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
ENV FRESHET_CONFIG=/etc/freshet/freshet.toml
USER 10001:10001
EXPOSE 9465
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/usr/bin/freshet-cassandra-writer", "--health"]
ENTRYPOINT ["/usr/bin/freshet-cassandra-writer"]

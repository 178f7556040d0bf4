# The dashboard:
#
#     docker build -f docker/dashboard.Dockerfile -t freshet-dashboard .
#
# The versions are those of docker/versions.env; a test compares them.
ARG NODE_VERSION=24.20.0
ARG DEBIAN_RELEASE=bookworm

FROM docker.io/library/node:${NODE_VERSION}-${DEBIAN_RELEASE}-slim AS toolchain
WORKDIR /opt/freshet

FROM toolchain AS dashboard
# A folder with a `dashboard` that was built already, such as target/prebuilt: then nothing is built here.
ARG PREBUILT=docker/build/nothing
COPY docker/build/unless.sh /build/
COPY ${PREBUILT} /prebuilt/
COPY node-dashboard/package.json node-dashboard/package-lock.json ./
RUN sh /build/unless.sh /prebuilt/dashboard npm ci --no-audit --no-fund
COPY node-dashboard ./
RUN sh /build/unless.sh /prebuilt/dashboard npm run build
RUN sh /build/unless.sh /prebuilt/dashboard npm prune --omit=dev --no-audit --no-fund
RUN if [ -d /prebuilt/dashboard ]; then cp -R /prebuilt/dashboard/. ./; fi

FROM toolchain AS roots
COPY docker/build/minimal-root.sh /build/
COPY --from=dashboard /opt/freshet/node_modules /opt/freshet/node_modules
# Native modules load libraries that Node.js itself does not.
RUN sh /build/minimal-root.sh /roots/dashboard /usr/local/bin/node \
    $(find /opt/freshet/node_modules -name '*.node')

FROM scratch
COPY --from=roots /roots/dashboard/ /
COPY --from=dashboard /opt/freshet/package.json /opt/freshet/
COPY --from=dashboard /opt/freshet/node_modules /opt/freshet/node_modules
COPY --from=dashboard /opt/freshet/dist /opt/freshet/dist
ENV NODE_ENV=production
USER 10001:10001
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["/usr/local/bin/node", "/opt/freshet/dist/server/server.js", "-c", "/etc/freshet/freshet.toml", "--health"]
ENTRYPOINT ["/usr/local/bin/node", "/opt/freshet/dist/server/server.js"]
CMD ["-c", "/etc/freshet/freshet.toml"]

# The service and its gateway as a small image that runs without rights.
#   docker build -t fusewire .
#   docker run --init -p 127.0.0.1:8000:8000 -v fusewire:/data fusewire
#
# Debian and not Alpine: Node's own builds are made and tested for glibc, those for musl are experimental. SQLite is
# built into this Node, so nothing is compiled, here or there, and no compiler is needed.

FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
COPY service/package.json service/
COPY test/matrix/package.json test/matrix/
RUN npm ci --ignore-scripts --no-audit --no-fund --workspace @fusewire/service --include-workspace-root
COPY tsconfig.base.json tsconfig.build.json ./
COPY scripts/build.mjs scripts/
COPY src src
COPY enforcement enforcement
COPY cache cache
COPY service service
RUN npm run build

# What `npm ci` installs for production alone. The optional package is SQLite for Node 20; peers are clients of providers,
# which programs bring along and a service has no use for.
FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
COPY service/package.json service/
COPY test/matrix/package.json test/matrix/
RUN npm ci --omit=dev --omit=optional --omit=peer --ignore-scripts --no-audit --no-fund --workspace @fusewire/service --include-workspace-root

FROM node:24-bookworm-slim AS runtime
LABEL org.opencontainers.image.title="Fusewire" \
      org.opencontainers.image.description="A circuit breaker for AI spend: the service and the gateway." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
# Numbers and not names: orchestrators check them. The package managers of the base image have no business here.
RUN groupadd --gid 10001 fusewire \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin fusewire \
 && install --directory --owner=10001 --group=10001 --mode=0700 /data \
 && rm -rf /usr/local/lib/node_modules /opt/yarn-* /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg \
 && ln -s /app/bin/fusewire.mjs /usr/local/bin/fusewire
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json LICENSE LICENCES.md ./
COPY bin bin
COPY service/package.json service/
COPY --from=build /build/dist/bundle dist/bundle
COPY --from=build /build/service/dist service/dist

# The gateway is what may be published. The API of the service stays on the loopback address inside of the container,
# where `docker exec … fusewire …` reaches it and nothing else does.
# NODE_OPTIONS: room for what lives shortly; a tenth less CPU for each request, for at most 100 MB.
ENV NODE_ENV=production \
    NODE_OPTIONS=--max-semi-space-size=32 \
    FUSEWIRE_DATA_DIR=/data \
    GATEWAY_HOST=0.0.0.0
VOLUME /data
EXPOSE 8000
USER 10001:10001
# The gateway where it runs; a service alone (--no-gateway) needs a check of its own.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.GATEWAY_PORT || 8000}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# It handles SIGTERM itself: what is under way is finished, what was metered is kept.
STOPSIGNAL SIGTERM
CMD ["node", "bin/fusewire.mjs", "serve"]

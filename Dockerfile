# The StakeWise Operator. `docker build -t stakewise-operator .`
# scripts/image.sh builds the same where no registry of images can be reached: it makes the two base images itself.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim
ARG DEBIAN_IMAGE=debian:bookworm-slim

# Runs on the machine that builds; only the last stage is for the machine that is built for, and nothing is run there.
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS build
ARG TARGETARCH
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# No install scripts: the bundle is made below, when its source is there. A registry of your own: --secret id=npmrc,src=FILE.
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc node scripts/build.js \
 && node scripts/release/stage.js /out/app --with-node --platform "linux-${TARGETARCH}"
# The charts call "python src/main.py", the manual "docker run IMAGE src/main.py": both find the program.
RUN mkdir -p /out/usr/local/bin \
 && ln -s /app/bin/python /app/operator /app/v3-operator /out/usr/local/bin/

FROM ${DEBIAN_IMAGE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="StakeWise Operator" \
      org.opencontainers.image.description="Validator keys of StakeWise vaults, encrypted in Postgres and served by Web3Signer" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /out /
WORKDIR /app
# HOME: where a user without an entry of its own looks for ~/.stakewise; mount a volume there, or give --data-dir.
# /tmp: the socket of the signer; it has to be writable, also where the root file system is not.
# HEALTH_PORT: answers on this container's own loopback, for the health check below; empty turns it off.
ENV HOME=/tmp \
    NODE_ENV=production \
    HEALTH_PORT=9101
# "nobody", as in the Python operator's image. Data of another user: docker run --user "$(id -u):$(id -g)".
USER 65534:65534
EXPOSE 9100
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["operator", "healthcheck"]
ENTRYPOINT ["python"]
CMD ["src/main.py"]

#!/bin/sh
# Runs the image that scripts/image.sh has built, by "buildah run": the lines of the charts and of the manual, a health check, and
# "start" on a read-only root file system. Needs root.
set -eu
cd "$(dirname -- "$0")/.."
. scripts/buildah-settings.sh
exec npx vitest run --config vitest.delivery.config.ts test/delivery/image.test.ts "$@"

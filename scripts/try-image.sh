#!/bin/sh
# Runs the image that scripts/image.sh has built, by "buildah run": the lines of the charts and of the manual, a health check, "start" on
# a read-only root file system, and every container that the chart deploy/helm/stakewise renders. Needs root.
set -eu
cd "$(dirname -- "$0")/.."
. scripts/buildah-settings.sh
exec npx vitest run --config vitest.delivery.config.ts test/delivery/image.test.ts \
  test/delivery/own-chart.test.ts "$@"

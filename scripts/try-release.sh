#!/bin/sh
# Looks at what "npm run release" has made: sums, list of parts, licences, for which machine each program is; and runs the tarball for x64
# where there is no Node and no network. Needs root, for namespaces.
set -eu
cd "$(dirname -- "$0")/.."
exec npx vitest run --config vitest.delivery.config.ts test/delivery/release.test.ts "$@"

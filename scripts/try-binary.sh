#!/bin/sh
# Runs the single executable that "npm run build:binary" has made: first where there is no Node and no network, then every command
# through tests of the launchers. Needs root, for namespaces.
#   scripts/try-binary.sh                 both
#   scripts/try-binary.sh --figures       the first, which measures time and memory, and so runs alone
#   scripts/try-binary.sh --commands      the second
set -eu
cd "$(dirname -- "$0")/.."
binary=release/operator-linux-x64
[ -x "$binary" ] || { echo "$binary is missing: run \"npm run build:binary\"." >&2; exit 1; }
case ${1:-} in
  '' | --figures | --commands) ;;
  *) echo "No such option: $1 (--figures or --commands)." >&2; exit 2 ;;
esac
[ "${1:-}" = --commands ] || npx vitest run --config vitest.delivery.config.ts test/delivery/binary.test.ts
[ "${1:-}" != --figures ] || exit 0
# offline commands, threads, scrypt; signer; start with the signer's process and the embedded database; transactions
OPERATOR_PROGRAM=$binary exec npx vitest run test/cli/offline-commands.test.ts test/cli/kdf-process.test.ts \
  test/cli/first-process.test.ts test/cli/signer.test.ts test/cli/signing-commands.test.ts test/cli/transactions.test.ts \
  test/cli/remote-db-files.test.ts test/cli/remote-db-json.test.ts test/cli/remote-signer.test.ts \
  test/integration/operator/start.test.ts

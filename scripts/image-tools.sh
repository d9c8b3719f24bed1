#!/bin/sh
# Installs, on Debian, what scripts/image.sh needs: by name, from Debian's own packages, whose release pins their versions.
set -eu
[ "$(id -u)" = 0 ] || { echo 'Run this as root.' >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
missing=
for pair in buildah:buildah mmdebstrap:mmdebstrap unshare:util-linux; do
  command -v "${pair%%:*}" > /dev/null || missing="$missing ${pair#*:}"
done
[ -n "$missing" ] || exit 0
apt-get update -qq
# shellcheck disable=SC2086 # Names of packages, one a word.
apt-get install -qq --yes --no-install-recommends $missing ca-certificates > /dev/null

#!/bin/sh
# Installs, on Debian 12 as root, what scripts/image.sh needs: by name and version, from Debian's own packages.
set -eu
exec "$(dirname -- "$0")/need-commands.sh" 'buildah:buildah=1.28.2*' 'mmdebstrap:mmdebstrap=1.3.5-*' 'unshare:util-linux=2.38.1-*'

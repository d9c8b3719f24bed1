#!/bin/sh
# Builds the image of the Dockerfile where no registry of images can be reached: Debian by mmdebstrap and Node by npm make the base,
# buildah runs the Dockerfile over it. Needs root and what scripts/image-tools.sh installs.
#   scripts/image.sh              builds localhost/stakewise-operator:VERSION for this machine
#   scripts/image.sh arm64        puts the arm64 image together: nothing of it is run, every program in it is looked at
# The image is left in buildah's store; scripts/try-image.sh runs it.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$here"
node=$here/node_modules/.bin/node
version=$("$node" -p 'require("./package.json").version')
revision=$(git rev-parse HEAD 2> /dev/null || echo unknown)
arch=${1:-amd64}
case $arch in
  amd64) machine=62 ;;
  arm64) machine=183 ;;
  *) echo "Unknown architecture: $arch (amd64 or arm64)." >&2; exit 2 ;;
esac
suite=bookworm
npm_version=11.19.1
node_version=$("$node" -p 'require("./package.json").devDependencies.node')
image=localhost/stakewise-operator:$version
[ "$arch" = amd64 ] || image=$image-$arch
debian=localhost/stakewise-debian:$suite
node_image=localhost/stakewise-node:$node_version-npm-$npm_version-$suite
work=$here/release/image
max_mb=340
# Who vouches for the registry, where it is one of your own.
authorities=$(npm config get cafile)
[ "$authorities" != null ] && [ "$authorities" != undefined ] || authorities=${NODE_EXTRA_CA_CERTS:-}
authorities_inside=/etc/npm-authorities.pem
# What npm has fetched here before need not be fetched again: it compares each package with the lock file.
npm_cache=$(npm config get cache)
mkdir -p "$work" "$npm_cache"
. scripts/buildah-settings.sh

has_image() { buildah inspect --type image "$1" > /dev/null 2>&1; }

# As the official slim image: no pages, no translations, no package lists. Of another architecture the packages are unpacked and
# not set up, since that runs programs of theirs: enough for the program, which needs a C library and a shell.
make_debian() {
  # Of the other architecture's image a moment ago.
  ! [ -f "$work/root-$1.tar" ] || ! has_image "$debian-$1" || return 0
  echo "== Debian $suite for $1"
  if [ "$1" = amd64 ]; then set -- "$1" --variant=minbase
  else set -- "$1" --variant=extract '--include=?essential' --include=libstdc++6
  fi
  if [ ! -f "$work/root-$1.tar" ]; then
    mmdebstrap --architectures="$@" \
      --customize-hook='cd "$1" && rm -rf var/lib/apt/lists/* var/cache/apt/* var/log/*' \
      --customize-hook='cd "$1"/usr/share && rm -rf man/* info/* locale/* && find doc -type f ! -name copyright -delete' \
      "$suite" "$work/draft.tar" 2> "$work/mmdebstrap.log" || { cat "$work/mmdebstrap.log" >&2; exit 1; }
    mv "$work/draft.tar" "$work/root-$1.tar"
  fi
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$work/root-$1.tar" / > /dev/null
  buildah config --cmd bash "$container"
  buildah commit --quiet --rm "$container" "$debian-$1" > /dev/null
}

# What the official image of Node adds, from npm.
make_node() {
  ! has_image "$node_image" || return 0
  echo '== Node'
  "$node" scripts/release/fetch-node.js linux-x64 > "$work/node-path"
  [ -d "$work/npm" ] || npm install --silent --global --prefix "$work/npm" "npm@$npm_version"
  container=$(buildah from "$debian-amd64")
  buildah copy --quiet "$container" "$(tail -n 1 "$work/node-path")" /usr/local/bin/node > /dev/null
  buildah copy --quiet "$container" "$work/npm/lib/node_modules" /usr/local/lib/node_modules > /dev/null
  buildah run "$container" -- ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
  buildah commit --quiet --rm "$container" "$node_image" > /dev/null
}

# How npm reaches its registry from here is no part of the image.
npm_settings() {
  registry=$(npm config get registry)
  [ "$registry" = undefined ] || echo "registry=$registry"
  [ -z "$authorities" ] || echo "cafile=$authorities_inside"
  printf 'prefer-offline=true\nupdate-notifier=false\n'
}

build() {
  echo "== $image"
  npm_settings > "$work/npmrc"
  [ -z "$authorities" ] || set -- --volume "$authorities:$authorities_inside:ro"
  # Docker's format: OCI's has no health check.
  buildah bud --quiet --format docker --layers=false --tag "$image" \
    --build-arg BUILDPLATFORM=linux/amd64 --build-arg "TARGETARCH=$arch" \
    --build-arg "NODE_IMAGE=$node_image" --build-arg "DEBIAN_IMAGE=$debian-$arch" --pull-never \
    --build-arg "VERSION=$version" --build-arg "REVISION=$revision" \
    --volume "$npm_cache:/root/.npm" --secret "id=npmrc,src=$work/npmrc" "$@" . > /dev/null
}

# This buildah finds no base image of another architecture by its name, so the bases are labelled as this machine's.
label() {
  [ "$arch" != amd64 ] || return 0
  container=$(buildah from --pull-never "$image")
  buildah config --arch "$arch" "$container"
  buildah commit --quiet --format docker --rm "$container" "$image" > /dev/null
}

# Size, and for which machine every program and library in it is.
look() {
  container=$(buildah from --pull-never "$image" 2> /dev/null)
  root=$(buildah mount "$container")
  "$node" scripts/release/check-image.js "$root" --machine "$machine" --max-mb "$max_mb"
  buildah umount "$container" > /dev/null
  buildah rm "$container" > /dev/null
}

make_debian "$arch"
[ "$arch" = amd64 ] || make_debian amd64
make_node
build
label
look
echo "$image"

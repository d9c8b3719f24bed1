#!/usr/bin/env bash
# Checks what is delivered, as its users get it: image, single executable, tarballs, chart, compose file, units, alerts. Begins with a
# machine that has none of the tools: Debian 12 on x64 as root, in a container as well. What cannot be had or done there ends it with a
# sentence; nothing is passed over. "npm ci" has to have run before.
#   scripts/ci-delivery.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export HOME=${HOME:-/root}

refuse() {
  printf '\nThe delivery was not checked: %s\n' "$1" >&2
  exit 1
}

has_namespaces() { unshare --net --mount --pid --fork true; }

[ "$(uname -sm)" = 'Linux x86_64' ] || refuse "this is $(uname -sm), and what is run here is for Linux on x64."
[ "$(id -u)" = 0 ] || refuse 'it takes root, for namespaces, chroot and apt-get.'
command -v apt-get > /dev/null || refuse 'the tools come from Debian 12 by apt-get, which is not on this machine.'
[ -d node_modules ] || refuse 'node_modules is missing. Run "npm ci".'
has_namespaces || refuse 'this machine makes no namespaces of network and mounts. A container needs CAP_SYS_ADMIN (docker run --privileged).'

# A title, and a command line that has to succeed. What is shown behind it is what it took: by the clock, and of the processors.
step() {
  local title=$1 code=0
  local TIMEFORMAT="-- $title: %lR (CPU %lU + %lS)"
  shift
  printf '\n== %s\n' "$title"
  time "$@" || code=$?
  return "$code"
}

tools() { step "$1, by name and version" "$1" || refuse "$1 could not install what this machine lacks; why stands above."; }

images() {
  step 'image for x64' scripts/image.sh
  step 'image for arm64: assembled, not run' scripts/image.sh arm64
  step 'image for x64, run' scripts/try-image.sh
}

# Not by npm, which would build anew what the other lane runs.
files() {
  tools scripts/deploy-tools.sh
  step 'what is in deploy/, by the tools that read it' node_modules/.bin/node scripts/check-deploy.js
  step 'npm run release: single executables and tarballs for x64 and arm64' npm run release
  step 'files of the release: x64 run, arm64 assembled and not run' scripts/try-release.sh
  step 'single executable for x64, every command' scripts/try-binary.sh --commands
}

tools scripts/image-tools.sh
step 'npm run build' npm run --silent build

# Two lanes for two cores: one waits for packages while the other has Go compile Helm. What one prints comes when it has ended. Each has
# a process group of its own, so that nothing of it is left when this ends early.
outputs=$(mktemp -d)
set -m
(images) > "$outputs/images" 2>&1 < /dev/null &
images=$!
(files) > "$outputs/files" 2>&1 < /dev/null &
files=$!
set +m
end() {
  for group in "$images" "$files"; do kill -- "-$group" 2> /dev/null || true; done
  rm -rf "$outputs"
}
trap end EXIT
failed=
wait "$images" || failed="$failed images"
cat "$outputs/images"
wait "$files" || failed="$failed files"
cat "$outputs/files"
[ -z "$failed" ] || refuse "something could not be made, or does not do what it should (${failed# }); it stands above."

# Alone, since it measures time and memory.
step 'single executable for x64: size, time, memory' scripts/try-binary.sh --figures
printf '\nRun here: image, single executable and tarball for x64. Assembled, not run: those for arm64. It took %ss.\n' "$SECONDS"

#!/bin/sh
# Installs, on Debian 12 as root, packages whose commands are not on this machine; what is there already is kept, and apt-get is not
# asked for anything then:
#   scripts/need-commands.sh COMMAND:PACKAGE=VERSION …      a version may end in a star
# Ends with a sentence when a command is missing and cannot be had.
set -eu
# A star is apt-get's to read.
set -f
missing=
commands=
for need in "$@"; do
  command -v "${need%%:*}" > /dev/null && continue
  commands="$commands ${need%%:*}"
  missing="$missing ${need#*:}"
done
[ -n "$missing" ] || exit 0
refuse() {
  echo "This machine lacks$commands. $1" >&2
  exit 1
}
command -v apt-get > /dev/null || refuse "They come from Debian 12:$missing."
[ "$(id -u)" = 0 ] || refuse "Run this as root, or install$missing."
export DEBIAN_FRONTEND=noninteractive
# Another apt-get may be at work.
wait='-o DPkg::Lock::Timeout=300'
# shellcheck disable=SC2086 # Two words.
apt-get $wait update -qq || refuse 'The lists of Debian'\''s packages cannot be had.'
# shellcheck disable=SC2086 # Names of packages, one a word.
apt-get $wait install -qq --yes --no-install-recommends $missing ca-certificates > /dev/null ||
  refuse "apt-get cannot install$missing."
for command in $commands; do
  command -v "$command" > /dev/null || refuse "It still does after apt-get has installed$missing: is PATH complete?"
done

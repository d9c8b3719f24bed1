# shellcheck shell=sh
# Read by what calls buildah, here or in a test: how it works in a container, too.
# No namespaces can be nested there.
export BUILDAH_ISOLATION=chroot
# Nor does overlayfs lie upon overlayfs: then each layer is a copy.
[ -n "${STORAGE_DRIVER:-}" ] || buildah info > /dev/null 2>&1 || export STORAGE_DRIVER=vfs

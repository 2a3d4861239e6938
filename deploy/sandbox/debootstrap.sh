#!/bin/sh
# The image of deploy/sandbox/Dockerfile for machines that reach Debian's mirrors and npm but no registry of images.
#
#   deploy/sandbox/debootstrap.sh slipway-sandbox.tar      as root; needs debootstrap
#   docker import slipway-sandbox.tar slipway-sandbox:1
#
# DEBIAN_MIRROR names another mirror. WITHOUT_AGENT=1 leaves the Claude Code program out: Slipway shows its own one inside.
set -eu
tar=$1
here=$(cd "$(dirname "$0")" && pwd)
root=$(mktemp -d "${TMPDIR:-/var/tmp}/slipway-sandbox-XXXXXX")
trap 'rm -rf "$root"' EXIT
trap 'exit 1' HUP INT TERM

# The list separates by lines, debootstrap by commas.
packages=$(tr '\n' ',' <"$here/packages")
# shellcheck disable=SC2086
debootstrap --variant=minbase --include="${packages%,}" bookworm "$root" ${DEBIAN_MIRROR:-}

chroot "$root" useradd --uid 1000 --user-group --create-home --shell /bin/bash agent
install --directory --owner=1000 --group=1000 --mode=0700 "$root/workspace"
if [ -z "${WITHOUT_AGENT:-}" ]; then
    agents="$here/../../agents/claude"
    install --directory "$root/opt/claude" "$root/usr/local/bin"
    cp "$agents/package.json" "$agents/package-lock.json" "$root/opt/claude/"
    npm ci --prefix "$root/opt/claude" --ignore-scripts --omit=dev --loglevel=error
    # Inside, where the pattern finds something.
    chroot "$root" sh -c 'ln -s /opt/claude/node_modules/@anthropic-ai/claude-code-linux-*/claude /usr/local/bin/claude'
    chroot "$root" test -x /usr/local/bin/claude
fi
# What the first container would have to carry for nothing.
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/* "$root"/usr/share/doc/* \
    "$root"/usr/share/man/* "$root"/usr/share/locale/*
tar --create --file "$tar.part" --directory "$root" --numeric-owner --one-file-system .
mv "$tar.part" "$tar"

"""The image that sandboxes at Modal are made from: Debian slim, Python, git, Node, Claude Code, tmux, a plain user."""

from __future__ import annotations

from functools import cache

import modal

from sandbox import inside
from sandbox.errors import SandboxRefused
from sandbox.modal import entry
from sandbox.spec import ModalSpec

PYTHON = "3.12"
PACKAGES = (
    "ca-certificates",
    "curl",
    "git",
    "jq",
    "less",
    "nodejs",
    "npm",
    "openssh-client",
    "procps",
    "ripgrep",
    "tmux",
)
AGENT = "@anthropic-ai/claude-code"
PLAIN = "abcdefghijklmnopqrstuvwxyz0123456789._/:@-"


def image_of(spec: ModalSpec, client: modal.Client) -> modal.Image:
    """The image of a spec, with the guest laid into it as the sandbox starts.

    The same object for the same client and never another's: once used it is an image of that client's workspace.
    """
    return _with_guest(client, spec.image, spec.agent_version, str(entry.archive()))


def base_image(name: str, agent_version: str) -> modal.Image:
    """What Modal builds, and keeps: our own image, or one of a registry with the folders and the user that we need.

    Raises: SandboxRefused (no name of an image).
    """
    if name:
        if not name[0].isalnum() or set(name) - set(PLAIN):
            raise SandboxRefused(f"{name} is no name of an image.")
        return modal.Image.from_registry(name).run_commands(*_layout())
    made = modal.Image.debian_slim(python_version=PYTHON).apt_install(*PACKAGES)
    made = made.run_commands(f"npm install --global {AGENT}@{agent_version}")
    return made.run_commands(*_layout())


@cache
def _with_guest(client: modal.Client, name: str, agent_version: str, archive: str) -> modal.Image:
    return base_image(name, agent_version).add_local_file(archive, inside.ARCHIVE)


def _layout() -> list[str]:
    """The agent's user, and the folders that are its own."""
    user = f"useradd --uid {inside.UID} --user-group --home-dir {inside.HOME} --shell /bin/bash agent"
    owned = " ".join(entry.OWNED)
    return [
        f"id -u {inside.UID} >/dev/null 2>&1 || {user}",
        f"mkdir -p {entry.SKILLS} && install -d -o {inside.UID} -g {inside.GID} {owned}",
    ]

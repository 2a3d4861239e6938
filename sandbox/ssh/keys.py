"""Keys: a client's private key as it was entered, and the key by which a machine proves which one it is."""

from __future__ import annotations

from dataclasses import dataclass

import asyncssh
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from sandbox.errors import SandboxRefused

MAX_KEY = 20_000  # characters; an RSA key of 16,384 bits has some 12,000
MIN_RSA_BITS = 2048


@dataclass(frozen=True)
class PrivateKey:
    """A private key without a passphrase, and what may be shown of it."""

    text: str
    public: str
    """The line that belongs into `authorized_keys` on the remote machine."""
    fingerprint: str


def read_private_key(text: str) -> PrivateKey:
    """Check a key in any usual format (OpenSSH, PEM, PKCS#8).

    One with a passphrase is refused: to try it would take as long as the key says, which may be for ever.
    Raises: SandboxRefused, whose message says what to enter instead; it never holds a part of the key.
    """
    if len(text) > MAX_KEY:
        raise SandboxRefused("This is too long for a private key.")
    try:
        key = asyncssh.import_private_key(text.strip() + "\n")
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError) as error:
        raise SandboxRefused(_why_not(text, str(error))) from error
    if isinstance(key.pyca_key, RSAPrivateKey) and key.pyca_key.key_size < MIN_RSA_BITS:
        raise SandboxRefused("This RSA key is too short to be safe; use an Ed25519 key.")
    key.set_comment(None)
    public = key.export_public_key().decode("ascii").strip()
    return PrivateKey(key.export_private_key().decode("ascii"), public, key.get_fingerprint())


def _why_not(text: str, reason: str) -> str:
    if "passphrase" in reason.lower():
        return "This private key is protected by a passphrase. Enter one without, made for this: ssh-keygen -N ''."
    if text.lstrip().startswith(("ssh-", "ecdsa-")):
        return "This is a public key. The private key begins with a line such as -----BEGIN OPENSSH PRIVATE KEY-----."
    return "This is not a private key. It begins with a line such as -----BEGIN OPENSSH PRIVATE KEY-----."


@dataclass(frozen=True)
class HostKey:
    """A machine's public key: `algorithm base64`, as in a `known_hosts` file without the name."""

    text: str

    @classmethod
    def of(cls, key: asyncssh.SSHKey) -> HostKey:
        algorithm, data, *_ = key.export_public_key().decode("ascii").split()
        return cls(f"{algorithm} {data}")

    @classmethod
    def read(cls, text: str) -> HostKey:
        """Raises: SandboxRefused (not a public key of one line)."""
        try:
            if len(text) > MAX_KEY or not text.isprintable():
                raise ValueError
            return cls.of(asyncssh.import_public_key(text))
        except (asyncssh.KeyImportError, ValueError) as error:
            raise SandboxRefused("This is not the public key of a machine.") from error

    @property
    def key(self) -> asyncssh.SSHKey:
        return asyncssh.import_public_key(self.text)

    @property
    def algorithm(self) -> str:
        return self.text.partition(" ")[0]

    @property
    def fingerprint(self) -> str:
        """`SHA256:…`, as `ssh-keygen -lf` prints it."""
        return self.key.get_fingerprint()

"""Secrets at rest: AES-256-GCM with key ids, bound to the organisation and the purpose they were sealed for."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from accounts.errors import Conflict

_VERSION = b"\x01"
_ID_BYTES = 4
_NONCE_BYTES = 12
_HEADER_BYTES = len(_VERSION) + _ID_BYTES + _NONCE_BYTES
_KEY_MIN_CHARS = 32


class SecretUnreadable(Conflict):
    """A stored secret cannot be read with the server's present keys; enter it again."""


@lru_cache(maxsize=16)
def _key(material: str) -> tuple[bytes, AESGCM]:
    """Key id and cipher of one configured key."""
    if len(material) < _KEY_MIN_CHARS:
        raise ImproperlyConfigured(
            f"SLIPWAY_ENCRYPTION_KEYS: each key needs {_KEY_MIN_CHARS} random characters or more."
        )
    derived = HKDF(SHA256(), length=32, salt=None, info=b"slipway sealed secrets").derive(material.encode())
    return hashlib.sha256(b"id" + derived).digest()[:_ID_BYTES], AESGCM(derived)


def _binding(header: bytes, organization_id: uuid.UUID, purpose: str) -> bytes:
    return header + organization_id.bytes + purpose.encode()


def seal(plaintext: bytes, *, organization_id: uuid.UUID, purpose: str) -> bytes:
    """Encrypt with the newest key; the result opens only for the same organisation and purpose."""
    key_id, cipher = _key(settings.ENCRYPTION_KEYS[0])
    nonce = secrets.token_bytes(_NONCE_BYTES)
    header = _VERSION + key_id + nonce
    return header + cipher.encrypt(nonce, plaintext, _binding(header, organization_id, purpose))


def open_sealed(sealed: bytes, *, organization_id: uuid.UUID, purpose: str) -> bytes:
    """Decrypt what `seal` made.

    Raises: SecretUnreadable (damaged, of another organisation or purpose, or its key is no longer configured).
    """
    header, body = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
    wanted = header[len(_VERSION) : len(_VERSION) + _ID_BYTES]
    for key_id, cipher in map(_key, settings.ENCRYPTION_KEYS):
        if header[:1] == _VERSION and key_id == wanted:
            try:
                return cipher.decrypt(header[-_NONCE_BYTES:], body, _binding(header, organization_id, purpose))
            except InvalidTag as error:
                raise SecretUnreadable from error
    raise SecretUnreadable

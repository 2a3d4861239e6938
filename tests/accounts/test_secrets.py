"""Sealing: what was sealed opens again only for the same organisation, purpose and key."""

from __future__ import annotations

import uuid

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django.fixtures import Settings

from accounts import secrets
from accounts.secrets import SecretUnreadable

ACME, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
OLD, NEW = "old-" * 12, "new-" * 12


def _seal(plaintext: bytes = b"sk-canary") -> bytes:
    return secrets.seal(plaintext, organization_id=ACME, purpose="provider-key")


class TestSeal:
    def test_opens_again_for_the_same_organisation_and_purpose(self) -> None:
        sealed = _seal()

        assert secrets.open_sealed(sealed, organization_id=ACME, purpose="provider-key") == b"sk-canary"

    def test_hides_the_plaintext_and_never_repeats_itself(self) -> None:
        first, second = _seal(), _seal()

        assert b"canary" not in first
        assert first != second

    def test_refuses_a_short_key(self, settings: Settings) -> None:
        settings.ENCRYPTION_KEYS = ["short"]

        with pytest.raises(ImproperlyConfigured, match="32"):
            _seal()


class TestOpenSealed:
    def test_refuses_another_organisation(self) -> None:
        with pytest.raises(SecretUnreadable):
            secrets.open_sealed(_seal(), organization_id=OTHER, purpose="provider-key")

    def test_refuses_another_purpose(self) -> None:
        with pytest.raises(SecretUnreadable):
            secrets.open_sealed(_seal(), organization_id=ACME, purpose="clone-token")

    @pytest.mark.parametrize("position", [0, 1, 6, 17, -1])
    def test_refuses_a_changed_byte(self, position: int) -> None:
        sealed = bytearray(_seal())
        sealed[position] ^= 1

        with pytest.raises(SecretUnreadable):
            secrets.open_sealed(bytes(sealed), organization_id=ACME, purpose="provider-key")

    @pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" * 17, b"\x01" * 40])
    def test_refuses_rubbish(self, sealed: bytes) -> None:
        with pytest.raises(SecretUnreadable):
            secrets.open_sealed(sealed, organization_id=ACME, purpose="provider-key")

    def test_reads_with_an_older_key_after_rotation(self, settings: Settings) -> None:
        settings.ENCRYPTION_KEYS = [OLD]
        sealed = _seal()

        settings.ENCRYPTION_KEYS = [NEW, OLD]

        assert secrets.open_sealed(sealed, organization_id=ACME, purpose="provider-key") == b"sk-canary"

    def test_refuses_when_the_key_is_gone(self, settings: Settings) -> None:
        settings.ENCRYPTION_KEYS = [OLD]
        sealed = _seal()

        settings.ENCRYPTION_KEYS = [NEW]

        with pytest.raises(SecretUnreadable):
            secrets.open_sealed(sealed, organization_id=ACME, purpose="provider-key")

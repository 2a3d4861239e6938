"""Secrets of environments: sealed for one environment and one purpose, checked when they are entered, never shown."""

from __future__ import annotations

from datetime import timedelta

import asyncssh
import pytest
from django.utils import timezone

from accounts.errors import Invalid
from accounts.models import Organization
from accounts.secrets import SecretUnreadable
from environments import secrets
from environments.models import Environment, EnvironmentSecret

pytestmark = pytest.mark.django_db

KEY = asyncssh.generate_private_key("ssh-ed25519", comment="alice@laptop")
CONFIG = {"host": "build.example.com", "port": 22, "username": "agent"}


@pytest.fixture
def ssh(organization: Organization) -> Environment:
    return Environment.objects.create(organization=organization, name="s", kind="SSH", config=dict(CONFIG))


@pytest.fixture
def modal(organization: Organization) -> Environment:
    return Environment.objects.create(organization=organization, name="m", kind="MODAL")


def put(environment: Environment, name: str, value: str) -> None:
    secrets.set_secret(environment=environment, name=name, value=value, now=timezone.now())


class TestSetSecret:
    def test_keeps_it_readable_for_builders_only(self, ssh: Environment) -> None:
        put(ssh, "password", "correct horse")

        row = EnvironmentSecret.objects.get()
        assert b"horse" not in bytes(row.ciphertext)
        assert secrets.secret_of(ssh, "password") == "correct horse"
        assert (secrets.secrets_of(ssh), secrets.hints_of(ssh)) == ({"password": row.updated_at}, {})

    def test_takes_the_place_of_an_earlier_one(self, ssh: Environment) -> None:
        put(ssh, "password", "first")
        later = timezone.now() + timedelta(hours=1)
        secrets.set_secret(environment=ssh, name="password", value="second", now=later)

        assert secrets.secret_of(ssh, "password") == "second"
        assert secrets.secrets_of(ssh) == {"password": later}

    def test_shows_the_public_half_of_a_key_and_the_end_of_a_token(self, ssh: Environment, modal: Environment) -> None:
        put(ssh, "private_key", KEY.export_private_key().decode())
        put(modal, "token_id", " ak-1234567890abcd ")
        put(modal, "token_secret", "as-secretsecretsecret")

        public = KEY.export_public_key().decode().split()
        assert secrets.hints_of(ssh) == {"private_key": f"{public[0]} {public[1]}"}
        assert secrets.hints_of(modal) == {"token_id": "…abcd"}
        assert secrets.secret_of(modal, "token_id") == "ak-1234567890abcd"

    def test_takes_a_long_key(self, ssh: Environment) -> None:
        put(ssh, "private_key", asyncssh.generate_private_key("ssh-rsa", key_size=4096).export_private_key().decode())

        assert secrets.hints_of(ssh)["private_key"].startswith("ssh-rsa AAAA")

    @pytest.mark.parametrize("style", ["openssh", "pkcs8-pem"])
    def test_takes_a_key_in_the_usual_formats(self, ssh: Environment, style: str) -> None:
        put(ssh, "private_key", KEY.export_private_key(style).decode().replace("\n", "\r\n"))

        stored = secrets.secret_of(ssh, "private_key")
        assert stored is not None
        assert asyncssh.import_private_key(stored).get_fingerprint() == KEY.get_fingerprint()

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            ("", "not a private key"),
            ("nonsense", "not a private key"),
            (KEY.export_public_key().decode(), "a public key"),
            (KEY.export_private_key("pkcs8-pem", "secret").decode(), "protected by a passphrase"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----", "not a private key"),
            (asyncssh.generate_private_key("ssh-rsa", key_size=1024).export_private_key().decode(), "too short"),
            ("x" * 30_000, "too long"),
        ],
        ids=["empty", "nonsense", "public", "with a passphrase", "torn", "too short", "too long"],
    )
    def test_refuses_what_is_no_usable_key(self, ssh: Environment, value: str, said: str) -> None:
        with pytest.raises(Invalid, match=said) as caught:
            put(ssh, "private_key", value)

        assert caught.value.details[0]["field"] == "secrets.private_key"
        assert not value or value not in caught.value.message
        assert not EnvironmentSecret.objects.exists()

    @pytest.mark.parametrize("value", ["", "a\nb", "a\x00", "x" * 1001])
    def test_refuses_a_password_that_is_no_line(self, ssh: Environment, value: str) -> None:
        with pytest.raises(Invalid):
            put(ssh, "password", value)

    def test_refuses_what_the_kind_does_not_have(self, ssh: Environment, modal: Environment) -> None:
        for environment, name in ((ssh, "token_id"), (modal, "password"), (modal, "")):
            with pytest.raises(Invalid, match="no such secret"):
                put(environment, name, "x")
            with pytest.raises(Invalid, match="no such secret"):
                secrets.remove_secret(environment=environment, name=name)


class TestSecretOf:
    def test_does_not_open_what_was_copied_from_another_environment(
        self, ssh: Environment, modal: Environment, other: Environment
    ) -> None:
        put(ssh, "password", "mine")
        EnvironmentSecret.objects.update(environment=other)

        with pytest.raises(SecretUnreadable):
            secrets.secret_of(other, "password")

    @pytest.fixture
    def other(self, organization: Organization) -> Environment:
        return Environment.objects.create(organization=organization, name="o", kind="SSH")

    def test_is_nothing_when_it_was_removed(self, ssh: Environment) -> None:
        put(ssh, "password", "mine")

        secrets.remove_secret(environment=ssh, name="password")
        secrets.remove_secret(environment=ssh, name="password")

        assert secrets.secret_of(ssh, "password") is None
        assert secrets.secrets_of(ssh) == {}


class TestForgetAfterMove:
    def test_takes_a_password_from_whoever_points_it_at_another_machine(self, ssh: Environment) -> None:
        put(ssh, "password", "mine")
        put(ssh, "private_key", KEY.export_private_key().decode())

        secrets.forget_after_move(ssh, before=dict(CONFIG))
        assert set(secrets.secrets_of(ssh)) == {"password", "private_key"}

        ssh.config["host"] = "elsewhere.example.com"
        secrets.forget_after_move(ssh, before=dict(CONFIG))
        assert set(secrets.secrets_of(ssh)) == {"private_key"}

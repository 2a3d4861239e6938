"""The commands and findings about Modal, against the local Modal; findings about a lent SSH agent."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django.fixtures import Settings

from accounts.models import Organization
from config import places
from environments.models import Environment
from tests.fakes.modal import TOKEN_ID, TOKEN_SECRET
from tests.fakes.modal.shared import local_modal


@pytest.fixture
def modal(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The deployment's token leads to the local Modal."""
    for name, value in local_modal().environment.items():
        monkeypatch.setenv(name, value)
    settings.MODAL_TOKEN_ID, settings.MODAL_TOKEN_SECRET = TOKEN_ID, TOKEN_SECRET
    settings.DATA_DIR = tmp_path


def said(*command: Any) -> str:
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


def levels() -> dict[str, str]:
    return {finding.name: finding.level for finding in places.check_modal()}


@pytest.mark.django_db
@pytest.mark.usefixtures("modal")
class TestModalSetup:
    def test_builds_the_image_and_makes_the_volumes_as_often_as_it_is_asked(
        self, organization: Organization, capfd: pytest.CaptureFixture[str]
    ) -> None:
        Environment.objects.filter(organization=organization).update(kind="MODAL", config={})
        assert levels()["modal image"] == "warning"

        for _ in range(2):
            printed = said("modal_setup")

            assert "image    im-" in printed
            assert [str(organization.id) in line for line in printed.splitlines() if "volume" in line] == [True] * 3
        assert "@anthropic-ai/claude-code@" in capfd.readouterr().out
        assert set(levels().values()) == {"ok"}

    def test_says_what_to_do_where_nobody_has_an_environment_at_modal(self) -> None:
        printed = said("modal_setup")

        assert "image    im-" in printed
        assert "Add one (Settings, Environments, Add, Modal) and run this again" in printed

    def test_says_what_is_missing(self, settings: Settings) -> None:
        settings.MODAL_TOKEN_SECRET = ""

        with pytest.raises(CommandError, match="SLIPWAY_MODAL_TOKEN_SECRET"):
            said("modal_setup")
        assert levels() == {"modal token": "error"}

    def test_says_that_the_token_is_wrong(self, settings: Settings) -> None:
        settings.MODAL_TOKEN_SECRET = "as-wrong"

        with pytest.raises(CommandError, match="does not accept the token"):
            said("modal_setup")
        assert levels() == {"modal token": "error"}


@pytest.mark.usefixtures("modal")
class TestUploadSkills:
    def test_sends_what_has_changed(self, settings: Settings, tmp_path: Path) -> None:
        settings.MODAL_SKILLS_VOLUME = "skills-of-a-test"
        (tmp_path / "review").mkdir()
        (tmp_path / "review" / "SKILL.md").write_text("one")
        (tmp_path / "plan.md").write_text("plan")
        assert levels()["modal skills"] == "warning"

        assert "2 sent, 0 there already, 0 removed" in said("upload_skills", tmp_path)
        (tmp_path / "review" / "SKILL.md").write_text("two")
        assert "1 sent, 1 there already, 0 removed" in said("upload_skills", tmp_path)
        (tmp_path / "plan.md").unlink()
        assert "0 sent, 1 there already, 1 removed" in said("upload_skills", tmp_path)
        assert levels()["modal skills"] == "ok"

    def test_refuses_links_and_what_is_no_folder(self, settings: Settings, tmp_path: Path) -> None:
        settings.MODAL_SKILLS_VOLUME = "skills-of-a-test"
        (tmp_path / "link").symlink_to("/etc/passwd")

        with pytest.raises(CommandError, match="link"):
            said("upload_skills", tmp_path)
        with pytest.raises(CommandError, match="no folder"):
            said("upload_skills", tmp_path / "missing")

    def test_says_which_setting_names_the_volume(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="SLIPWAY_MODAL_SKILLS_VOLUME"):
            said("upload_skills", tmp_path)


class TestFindings:
    def test_ask_nobody_without_a_token(self) -> None:
        (finding,) = places.check_modal()

        assert (finding.name, finding.level) == ("modal", "ok")


class TestSshAgent:
    def test_is_no_matter_where_none_is_lent(self) -> None:
        assert places.check_ssh_agent() == []

    def test_that_is_lent_is_looked_for_with_its_keys(self, settings: Settings) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/s"
            settings.SSH_AGENT = path
            (finding,) = places.check_ssh_agent()
            assert (finding.level, finding.detail) == ("error", f"{path}: No such file or directory")

            said = subprocess.run(["ssh-agent", "-s", "-a", path], capture_output=True, text=True, check=True).stdout
            try:
                (finding,) = places.check_ssh_agent()
                assert (finding.level, finding.detail) == ("warning", f"{path} has no key")
                assert finding.mend == f"SSH_AUTH_SOCK={path} ssh-add FILE"
                _add_key(folder, path)
                (finding,) = places.check_ssh_agent()
                assert (finding.level, finding.detail) == ("ok", f"{path} lends a key")
            finally:
                os.kill(int(said.partition("SSH_AGENT_PID=")[2].partition(";")[0]), signal.SIGTERM)


def _add_key(folder: str, agent: str) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{folder}/key"], check=True)
    subprocess.run(["ssh-add", "-q", f"{folder}/key"], env={**os.environ, "SSH_AUTH_SOCK": agent}, check=True)

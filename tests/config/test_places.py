"""The commands and findings about Modal, against the local Modal."""

from __future__ import annotations

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

    def test_says_what_is_missing(self, settings: Settings) -> None:
        settings.MODAL_TOKEN_SECRET = ""

        with pytest.raises(CommandError, match="token"):
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

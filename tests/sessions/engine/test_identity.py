"""Whose name an agent commits under: its own, unless the operator allows the person's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pytest_django.fixtures import Settings

from accounts.models import User
from sandbox.testing import ScriptedSandbox
from sessions.engine.identity import AGENT, identity_of
from sessions.models import AgentSession
from tests.sessions.stage import Stage


class TestIdentityOf:
    async def test_is_the_agents_own_by_default(self, stage: Stage) -> None:
        await stage.play(await stage.asend())

        assert stage.guest.cloned is not None
        assert (stage.guest.cloned["user_name"], stage.guest.cloned["user_email"]) == AGENT

    async def test_is_the_persons_where_the_operator_allows_that(self, stage: Stage, settings: Settings) -> None:
        settings.GIT_IDENTITY = "person"
        await stage.play(await stage.asend())

        assert stage.guest.cloned is not None
        assert (stage.guest.cloned["user_name"], stage.guest.cloned["user_email"]) == ("Alice", "alice@example.com")

    @pytest.mark.parametrize(
        ("name", "shown"),
        [("", "alice"), ("  ", "alice"), ("A <b@c> \n[core]", "A b@c [core]"), ("Ann\u00e9", "Ann\u00e9")],
    )
    def test_holds_nothing_that_git_would_take_for_more(
        self, stage: Stage, settings: Settings, name: str, shown: str
    ) -> None:
        settings.GIT_IDENTITY = "person"
        person = User.objects.get(email="alice@example.com")
        AgentSession.objects.update(created_by=person)
        User.objects.filter(pk=person.pk).update(name=name)

        assert identity_of(stage.session.pk) == (shown, "alice@example.com")

    def test_of_somebody_who_left_is_the_agents(self, stage: Stage, settings: Settings) -> None:
        settings.GIT_IDENTITY = "person"
        AgentSession.objects.update(created_by=None)

        assert identity_of(stage.session.pk) == AGENT


class TestLentAgent:
    @pytest.mark.parametrize(
        ("path", "can_lend", "found"),
        [("", True, None), ("/run/agent", True, "/run/slipway/gateway/agent.sock"), ("/run/agent", False, None)],
    )
    async def test_is_told_to_the_agents_program_where_it_is_lent(
        self,
        stage: Stage,
        settings: Settings,
        monkeypatch: pytest.MonkeyPatch,
        path: str,
        can_lend: bool,
        found: str | None,
    ) -> None:
        settings.SSH_AGENT = path
        able = replace(ScriptedSandbox.capabilities, can_lend_agent=can_lend)
        monkeypatch.setattr(ScriptedSandbox, "capabilities", able)

        await stage.play(await stage.asend())

        (agent,) = stage.guest.agents.values()
        assert agent.env.get("SSH_AUTH_SOCK") == found

"""Permission rules out of answers with "always": what the agent suggests is checked before it is kept."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from accounts.errors import Invalid
from accounts.models import Organization, User
from sessions import queries, services
from sessions.errors import TooManyRules
from sessions.models import AgentSession, Event, PermissionRequest, PermissionRule, PermissionStatus
from sessions.services import Answer, rules
from tests.sessions.rows import make_permission, make_session


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization, agent_options={"model": "sonnet", "rules": ["Edit"]})


def allow(*given: Any, behavior: str = "allow") -> dict[str, Any]:
    return {"type": "addRules", "rules": list(given), "behavior": behavior, "destination": "localSettings"}


def rule(tool: Any, content: Any = None) -> dict[str, Any]:
    return {"toolName": tool} if content is None else {"toolName": tool, "ruleContent": content}


def answer(
    session: AgentSession, by: User, *suggestions: Any, decision: str = "allow", scope: str = "session"
) -> PermissionRequest:
    request = make_permission(session, suggestions=list(suggestions))
    given = Answer(decision, is_always=True, scope=scope)
    return services.answer_permission(
        session=session, permission_id=request.pk, by=by, answer=given, now=timezone.now()
    )


class TestChosen:
    GIVEN = (allow(rule("Bash", "cd x"), rule("Bash", "npm test")), {"type": "setMode", "mode": "acceptEdits"})

    def test_takes_single_rules_and_whole_suggestions(self) -> None:
        assert rules.chosen(self.GIVEN, ["1", "0.1"]) == [allow(rule("Bash", "npm test")), self.GIVEN[1]]
        assert rules.chosen(self.GIVEN, ["0.1", "0.0"]) == [self.GIVEN[0]]

    @pytest.mark.parametrize("only", [["2"], ["0.2"], ["1.0"], ["-1"], ["x"], [""], ["0", "0.1"], ["0.1", "0.1"]])
    def test_refuses_what_was_not_suggested_or_is_named_twice(self, only: list[str]) -> None:
        with pytest.raises(Invalid):
            rules.chosen(self.GIVEN, only)

    def test_is_kept_and_given_to_the_agent_alone(self, session: AgentSession, bob: User) -> None:
        request = make_permission(session, suggestions=list(self.GIVEN))
        given = Answer("allow", is_always=True, only=["0.1"])

        services.answer_permission(session=session, permission_id=request.pk, by=bob, answer=given, now=timezone.now())

        assert [one.rule for one in PermissionRule.objects.all()] == ["Bash(npm test)"]
        request.refresh_from_db()
        assert (request.answer or {})["updates"] == [allow(rule("Bash", "npm test"))]

    def test_needs_an_answer_that_allows_always(self, session: AgentSession, bob: User) -> None:
        request = make_permission(session, suggestions=list(self.GIVEN))
        given = Answer("allow", only=["0.1"])

        with pytest.raises(Invalid):
            services.answer_permission(
                session=session, permission_id=request.pk, by=bob, answer=given, now=timezone.now()
            )


class TestSuggested:
    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            (rule("Write"), "Write"),
            (rule("Bash", "npm run *"), "Bash(npm run *)"),
            (rule("WebSearch", "*"), "WebSearch"),
            (rule("WebSearch", ""), "WebSearch"),
            (rule("Bash", "echo (hi) \\n"), "Bash(echo \\(hi\\) \\\\n)"),
            (rule("mcp__my-server__do_it"), "mcp__my-server__do_it"),
        ],
    )
    def test_writes_rules_as_the_program_reads_them(self, given: Any, kept: str) -> None:
        assert rules.suggested([allow(given)]) == [kept]

    def test_passes_by_what_is_no_rule_to_allow(self) -> None:
        others = [
            {"type": "addDirectories", "directories": ["/x"], "destination": "session"},
            {"type": "setMode", "mode": "acceptEdits", "destination": "session"},
            allow(rule("Bash"), behavior="deny"),
            "text",
            None,
        ]

        assert rules.suggested([*others, allow(rule("Read"), rule("Read"))]) == ["Read"]

    @pytest.mark.parametrize(
        "hostile",
        [
            allow(rule("Bash", "a\nb")),
            allow(rule("Bash", "safe\u202egnp.exe")),
            allow(rule("Bash", "ls \u200b-l")),
            allow(rule("Bash", "ls\U000e0041")),
            allow(rule("Bash", "x" * 1000)),
            allow(rule("Bash)(", "x")),
            allow(rule("Bash(x),Write")),
            allow(rule("")),
            allow(rule(None)),
            allow(rule("Bash", ["x"])),
            allow("Bash"),
            {**allow(), "rules": "Bash"},
            allow(*(rule("Bash", str(number)) for number in range(21))),
        ],
    )
    def test_refuses_what_cannot_be_kept(self, hostile: Any) -> None:
        with pytest.raises(Invalid, match="Allow it once instead"):
            rules.suggested([hostile])

    @pytest.mark.parametrize("content", [None, "", "*", "**", ":*", " * ", "* *", "?*"])
    def test_never_keeps_one_that_allows_every_command(self, content: str | None) -> None:
        with pytest.raises(Invalid, match="Allow it once instead"):
            rules.suggested([allow(rule("Read"), rule("Bash", content))])


class TestAlways:
    @pytest.mark.parametrize("scope", ["session", "project"])
    def test_keeps_the_rules_and_the_log_names_them(self, session: AgentSession, bob: User, scope: str) -> None:
        answer(session, bob, allow(rule("Bash", "ls:*"), rule("Read")), scope=scope)

        kept = list(PermissionRule.objects.order_by("pk"))
        assert {row.rule for row in kept} == {"Bash(ls:*)", "Read"}
        assert {row.session_id for row in kept} == {session.pk if scope == "session" else None}
        assert {(row.project_id, row.created_by) for row in kept} == {(session.project_id, bob)}
        told = Event.objects.get(kind="permission.resolved").payload["rules"]
        assert told == [{"id": str(row.pk), "rule": row.rule, "scope": scope} for row in kept]

    def test_holds_in_its_session_or_in_all_of_the_project(
        self, session: AgentSession, organization: Organization, bob: User
    ) -> None:
        sibling = make_session(organization, project=session.project)
        stranger = make_session(organization)

        answer(session, bob, allow(rule("Read")))
        answer(session, bob, allow(rule("Grep")), scope="project")

        def held(row: AgentSession) -> list[str]:
            return [rule.rule for rule in queries.rules_of(row)]

        assert (held(session), held(sibling), held(stranger)) == (["Read", "Grep"], ["Grep"], [])

    def test_keeps_each_once(self, session: AgentSession, bob: User) -> None:
        for _ in range(2):
            answer(session, bob, allow(rule("Read")))

        assert PermissionRule.objects.count() == 1

    def test_is_nothing_when_denied(self, session: AgentSession, bob: User) -> None:
        answer(session, bob, allow(rule("Read")), decision="deny")

        assert not PermissionRule.objects.exists()

    def test_changes_nothing_when_a_rule_cannot_be_kept(self, session: AgentSession, bob: User) -> None:
        with pytest.raises(Invalid):
            answer(session, bob, allow(rule("Read"), rule("Bash", "a\nb")))

        assert PermissionRequest.objects.get().status == PermissionStatus.PENDING
        assert not PermissionRule.objects.exists()
        assert not Event.objects.exists()

    def test_refuses_more_than_the_agents_program_can_be_given(self, session: AgentSession, bob: User) -> None:
        long = "é" * 900  # in JSON six bytes each
        for number in range(9):
            answer(session, bob, allow(rule("Bash", f"{number}{long}")))

        with pytest.raises(TooManyRules):
            answer(session, bob, allow(rule("Bash", f"9{long}")))

        assert PermissionRule.objects.count() == 9
        assert PermissionRequest.objects.filter(status=PermissionStatus.PENDING).count() == 1

    def test_does_not_replace_the_process_that_gets_them_with_the_answer(
        self, session: AgentSession, bob: User
    ) -> None:
        answer(session, bob, allow(rule("Read")))

        assert AgentSession.objects.get(pk=session.pk).agent_options["rules"] == ["Edit", "Read"]


class TestRemoveRule:
    def test_takes_the_row_away(self, session: AgentSession, bob: User) -> None:
        answer(session, bob, allow(rule("Read")))

        services.remove_rule(rule=PermissionRule.objects.get(), by=bob)

        assert not PermissionRule.objects.exists()

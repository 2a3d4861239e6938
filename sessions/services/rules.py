"""Permission rules: what agents may do without asking, from a person's answer with "always"."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction

from accounts.errors import Invalid
from accounts.models import User
from accounts.names import UNSAFE, UNSEEN
from sessions.errors import TooManyRules
from sessions.models import AgentSession, PermissionRule

SESSION, PROJECT = "session", "project"
SCOPES = (SESSION, PROJECT)
MAX_RULE = 1000
MAX_AT_ONCE = 20
# All rules reach the agent's program in one argument, which Linux limits to 128 KiB.
MAX_RULES, MAX_RULES_BYTES = 200, 48 * 1024

_TOOL = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,127}")
_WHOLE_TOOL = ("", "*")
_SHELLS = ("Bash", "PowerShell")
_ANYTHING = re.compile(r"[\s*:?.]*")  # as the content of a rule: every command
_PLACE = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,3}))?", re.ASCII)
_NOT_SUGGESTED = "Choose among what the agent suggests, each once."
_REFUSED = "What the agent suggests cannot be kept as a rule. Allow it once instead."

logger = structlog.get_logger(__name__)


def suggested(suggestions: Sequence[Any]) -> list[str]:
    """The rules that the agent suggests to allow, each once; other suggestions are no rules and pass by.

    The suggestions come out of the sandbox: anything may be in them.
    Raises: Invalid (a rule of wrong form: too long, unreadable characters, not a tool's name; one that allows every
        command, which a person can choose by the session's mode, and no agent can suggest).
    """
    found: list[str] = []
    for suggestion in suggestions:
        if not isinstance(suggestion, dict) or suggestion.get("type") != "addRules":
            continue
        if suggestion.get("behavior") == "allow":
            given = suggestion.get("rules")
            found += [_rule(one) for one in (given if isinstance(given, list) else [None])]
    unique = list(dict.fromkeys(found))
    if len(unique) > MAX_AT_ONCE:
        raise Invalid.field("always", _REFUSED)
    return unique


def chosen(suggestions: Sequence[Any], only: Sequence[str]) -> list[dict[str, Any]]:
    """The suggestions that a person chose of the agent's: "2" is the third one, "0.1" the second rule of the first one.

    Raises: Invalid (there is none of that number, or one is named twice).
    """
    found: dict[int, list[int] | None] = {}
    for name in only:
        at, rule = _place(suggestions, name)
        known = found.setdefault(at, None if rule is None else [])
        if (known is None) != (rule is None) or (known is not None and rule in known):
            raise Invalid.field("only", _NOT_SUGGESTED)
        if known is not None and rule is not None:
            known.append(rule)
    return [_with_rules(suggestions[at], which) for at, which in sorted(found.items())]


def add_rules(
    *, session: AgentSession, rules: Sequence[str], scope: str, by: User, now: datetime
) -> list[PermissionRule]:
    """Keep rules for the session or its whole project; those that are there already stay as they are.

    The caller holds the session's row. The agent that runs has got them with the answer.
    Raises: TooManyRules.
    """
    owner = {"project_id": session.project_id, "session_id": session.pk if scope == SESSION else None}
    kept = PermissionRule.objects.filter(**owner)
    new = [
        PermissionRule(organization_id=session.organization_id, **owner, rule=rule, created_by=by, created_at=now)
        for rule in sorted(rules)  # in one order: two answers at once do not block each other
    ]
    PermissionRule.objects.bulk_create(new, ignore_conflicts=True)
    texts = list(kept.values_list("rule", flat=True))
    if len(texts) > MAX_RULES or sum(len(json.dumps(text)) for text in texts) > MAX_RULES_BYTES:
        raise TooManyRules
    _note_running(session, rules)
    return list(kept.filter(rule__in=rules).order_by("pk"))


@transaction.atomic
def remove_rule(*, rule: PermissionRule, by: User) -> None:
    """Agents ask again from their next turn on: one that was started with the rule is replaced then."""
    id = rule.pk
    rule.delete()
    # Not its text: commands have secrets in them.
    logger.info("permission_rule_removed", rule_id=str(id), project_id=str(rule.project_id), by=str(by.pk))


def _place(suggestions: Sequence[Any], name: str) -> tuple[int, int | None]:
    match = _PLACE.fullmatch(name)
    at = int(match[1]) if match else len(suggestions)
    rule = int(match[2]) if match and match[2] else None
    suggestion = suggestions[at] if at < len(suggestions) else None
    rules = suggestion.get("rules") if isinstance(suggestion, dict) else None
    has_rule = rule is None or (isinstance(rules, list) and rule < len(rules))
    if not isinstance(suggestion, dict) or not has_rule:
        raise Invalid.field("only", _NOT_SUGGESTED)
    return at, rule


def _with_rules(suggestion: dict[str, Any], which: list[int] | None) -> dict[str, Any]:
    return suggestion if which is None else {**suggestion, "rules": [suggestion["rules"][at] for at in sorted(which)]}


def _rule(given: Any) -> str:
    """`Tool` or `Tool(content)`, as the agent's program reads it from its settings."""
    tool = given.get("toolName") if isinstance(given, dict) else None
    content = given.get("ruleContent", "") if isinstance(given, dict) else None
    if not isinstance(tool, str) or not isinstance(content, str) or not _TOOL.fullmatch(tool):
        raise Invalid.field("always", _REFUSED)
    if tool in _SHELLS and _ANYTHING.fullmatch(content):
        raise Invalid.field("always", _REFUSED)
    if content in _WHOLE_TOOL:
        return tool
    escaped = content.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    rule = f"{tool}({escaped})"
    if len(rule) > MAX_RULE or UNSAFE.search(rule) or UNSEEN.search(rule):
        raise Invalid.field("always", _REFUSED)
    return rule


def _note_running(session: AgentSession, rules: Sequence[str]) -> None:
    """The running process gets them with the answer: it need not be replaced for their sake."""
    started_with = session.agent_options.get("rules")
    if isinstance(started_with, list):
        session.agent_options = {**session.agent_options, "rules": sorted({*started_with, *rules})}
        session.save(update_fields=["agent_options"])

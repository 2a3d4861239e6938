"""What the practice model does with an ordinary prompt: a few honest routines, chosen by its words.

A behaviour is a generator that yields steps and is sent what their tool calls led to. It is run from the start for each
request, with the outcomes that stand in the conversation; so it needs no memory, and a restart changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from gateway.practice import routines
from gateway.practice.answers import Step
from gateway.practice.conversation import Conversation
from gateway.practice.repair import repair
from gateway.practice.routines import Behaviour, say

_MAX_STEPS = 24
# Japanese has no spaces, and so no borders of words.
_WRITES = r"\b(write|create|add|make|build|implement|program|generate)\b|書|作|追加|実装"


def next_step(talk: Conversation) -> Step:
    """The next answer to the newest prompt."""
    if len(talk.rounds) >= _MAX_STEPS:
        return Step((say("I have taken many steps for this prompt, so I stop here."),))
    behaviour = choose(talk)(talk)
    try:
        step = next(behaviour)
        for outcomes in talk.rounds:
            step = behaviour.send(outcomes)
    except StopIteration:
        return Step((say("That is all I can do here."),))
    return step


def choose(talk: Conversation) -> Callable[[Conversation], Behaviour]:
    """The behaviour for a prompt; it must not depend on anything that comes after the prompt."""
    if talk.prompt.startswith(routines.SUB_AGENT):
        return routines.look_around
    if talk.is_planning or _has(talk, r"\bplan(s|ning)?\b|計画|プラン"):
        return routines.make_plan
    if _has(talk, r"\b(question|questions|ask)\b|質問"):
        return routines.ask_question
    if _has(talk, r"\b(sub-?agents?|agents?)\b|サブエージェント"):
        return routines.use_sub_agent
    if _has(talk, r"\b(fix|repair|debug|bugs?|failing|fails)\b|修正|直し|バグ|失敗") or (
        _has(talk, r"\btests?\b|テスト") and not _has(talk, _WRITES)
    ):
        return repair
    is_talk = _has(talk, r"\b(explain|hello|hi|hey|help|who|thanks)\b|説明|こんにちは|誰") and not _has(talk, _WRITES)
    return routines.explain if is_talk or not talk.prompt else routines.write_program


def _has(talk: Conversation, words: str) -> bool:
    return re.search(words, talk.prompt[:20_000], re.IGNORECASE) is not None

"""Errors of sessions.

Conflict
├── StaleEpoch          another worker holds the session's lease by now
├── NameTaken           the project has a session of that name
├── ProjectNotReady     the project's repository is not there (yet)
├── AlreadyAnswered     someone was first with an answer to this permission request
├── NothingToContinue   no turn failed that could be taken up again
├── AtWork              the agent works, or messages wait for it: it is to be stopped first
├── NothingRunning      there is no job to interrupt or cancel
├── MessageIdTaken      this id belongs to another message
├── CommandIdTaken      this id belongs to another command
├── AlreadyDelivered    the agent has the message that was to be changed
├── AttachmentIdTaken   this id belongs to another attachment
└── TooManyRules        no more permission rules fit
RateLimited
├── TooManyImages       too much was uploaded that no message took along
└── QueueFull           too many messages wait already
"""

from __future__ import annotations

from accounts.errors import Conflict, RateLimited


class StaleEpoch(Conflict):
    """Another worker has taken over this session."""


class NameTaken(Conflict):
    """This project has a session of that name already."""


class ProjectNotReady(Conflict):
    """The project's repository is not ready yet."""


class AlreadyAnswered(Conflict):
    """This request has been answered already."""


class AtWork(Conflict):
    """The agent is at work. Stop it first."""


class NothingRunning(Conflict):
    """Nothing is running in this session."""


class NothingToContinue(Conflict):
    """There is no turn to go on with; send a message."""


class MessageIdTaken(Conflict):
    """This id belongs to another message; make a new one."""


class CommandIdTaken(Conflict):
    """This id was given to another command; make a new one."""


class AlreadyDelivered(Conflict):
    """The agent has this message already."""


class AttachmentIdTaken(Conflict):
    """This id belongs to another attachment; make a new one."""


class TooManyRules(Conflict):
    """There are too many permission rules already; remove some that you no longer need."""


class TooManyImages(RateLimited):
    """Too many images wait for a message; send them, or upload fewer."""

    def __init__(self) -> None:
        super().__init__(retry_after_s=60)


class QueueFull(RateLimited):
    """Too many messages wait in this session; let the agent catch up."""

    def __init__(self) -> None:
        super().__init__(retry_after_s=10)

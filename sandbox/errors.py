"""What can go wrong with a sandbox.

    SandboxError
    ├── BackendUnavailable      this kind cannot be used here; `hint` says what to install or set, and ends the message
    ├── SandboxRefused          the spec asks for something that is never given
    ├── SandboxGone             it stopped or was removed; start a new one
    ├── GuestSilent             it lives, but did not answer in time; trying again may help
    │   └── Unreachable         the network does not lead there; what runs there goes on
    └── GuestError              the guest said no; `code` says why
        ├── BadRequest          the call itself makes no sense
        ├── BadAnswer           what came back is not what was asked for
        ├── CommandTimeout      the command took longer than allowed and was killed
        ├── CommandNotFound     there is no such program
        ├── FileMissing         there is no such file or folder
        ├── FileRefused         outside the sandbox's folders, a link, or not a regular file
        ├── FileTooLarge        more bytes than allowed
        ├── NoSuchRun           no agent was started under this name
        ├── AgentNotStarted     the agent's holder could not be started
        ├── AgentEnded          the agent has ended and takes nothing any more
        ├── NoSuchTerminal      there is no such terminal
        ├── NotARepository      the work tree holds no usable git repository
        ├── WorkTreeNotEmpty    a clone needs an empty work tree
        ├── GitFailed           git ended with an error
        ├── Interrupted         the connection ended before the data did
        ├── GuestStopping       the sandbox is being stopped
        └── GuestIoError        the system inside said no: disk full, no permission

`GuestError.of(code, message)` picks the class; a test compares the codes with those in the guest.
"""

from __future__ import annotations

from typing import ClassVar


class SandboxError(Exception):
    """Something went wrong with the sandbox."""

    def __init__(self, message: str = "") -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        super().__init__(self.message)


class BackendUnavailable(SandboxError):
    """This kind of sandbox cannot be used here."""

    def __init__(self, problem: str, *, hint: str) -> None:
        super().__init__(f"{problem} {hint}")  # whoever is told that it failed is told what to do
        self.problem, self.hint = problem, hint


class SandboxRefused(SandboxError):
    """The sandbox asks for something that is never given."""


class SandboxGone(SandboxError):
    """The sandbox is not there any more."""


class GuestSilent(SandboxError):
    """The sandbox did not answer in time."""


class Unreachable(GuestSilent):
    """The sandbox cannot be reached."""


class GuestError(SandboxError):
    """The sandbox could not do it."""

    code: ClassVar[str] = "error"
    given_code: str = ""

    @staticmethod
    def of(code: str, message: str) -> GuestError:
        """The error for a code of the guest; an unknown code keeps its name in `given_code`."""
        error = CLASSES.get(code, GuestError)(message)
        error.given_code = code
        return error


class BadRequest(GuestError):
    """The call makes no sense to the sandbox."""

    code = "bad_request"


class BadAnswer(GuestError):
    """The sandbox answered something that was not asked for."""

    code = "bad_answer"


class CommandTimeout(GuestError):
    """The command took too long and was ended."""

    code = "timeout"


class CommandNotFound(GuestError):
    """There is no such program in the sandbox."""

    code = "command_not_found"


class FileMissing(GuestError):
    """There is no such file or folder."""

    code = "not_found"


class FileRefused(GuestError):
    """This path is not open to the platform."""

    code = "refused"


class FileTooLarge(GuestError):
    """This is more data than allowed."""

    code = "too_large"


class NoSuchRun(GuestError):
    """There is no such agent run."""

    code = "no_such_run"


class AgentNotStarted(GuestError):
    """The agent could not be started."""

    code = "agent_not_started"


class AgentEnded(GuestError):
    """The agent has ended."""

    code = "agent_ended"


class NoSuchTerminal(GuestError):
    """There is no such terminal."""

    code = "no_such_terminal"


class NotARepository(GuestError):
    """The work tree holds no usable git repository."""

    code = "not_a_repository"


class WorkTreeNotEmpty(GuestError):
    """The work tree is not empty."""

    code = "not_empty"


class GitFailed(GuestError):
    """Git could not do it."""

    code = "git_failed"


class Interrupted(GuestError):
    """The connection ended before the data did."""

    code = "interrupted"


class GuestStopping(GuestError):
    """The sandbox is stopping."""

    code = "stopping"


class GuestIoError(GuestError):
    """The system inside the sandbox refused."""

    code = "io_error"


CLASSES: dict[str, type[GuestError]] = {
    kind.code: kind
    for kind in (
        BadRequest,
        BadAnswer,
        CommandTimeout,
        CommandNotFound,
        FileMissing,
        FileRefused,
        FileTooLarge,
        NoSuchRun,
        AgentNotStarted,
        AgentEnded,
        NoSuchTerminal,
        NotARepository,
        WorkTreeNotEmpty,
        GitFailed,
        Interrupted,
        GuestStopping,
        GuestIoError,
    )
}

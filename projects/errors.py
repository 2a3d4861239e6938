"""Errors of projects and of git on the server.

DomainError
├── GitError            git could not do something that we asked for; `stderr` is for the logs only
│   ├── GitFailed       it ended with an error; `exit_code`
│   ├── GitTimeout      it took longer than it may
│   └── GitTooLarge     it wrote or read more than it may
├── Invalid
│   ├── BadRef          a branch, ref or object id that is not one
│   ├── BadUrl          an address that we do not import from
│   ├── BadArchive      an upload that we do not take
│   ├── NotARepository  there is no git repository at that address
│   └── RejectedObjects objects that are broken, incomplete or dangerous
├── Conflict
│   ├── ProjectNotReady its vault is not filled
│   ├── ProjectIdTaken  this id was used for another project
│   └── ImportFinished  there is nothing left to cancel
├── ImportStopped       a running import must end: cancelled, or taken over by another worker
└── ImportHalted        the server stops; the import goes on when it is back
"""

from __future__ import annotations

from accounts.errors import Conflict, DomainError, Invalid


class GitError(DomainError):
    """Git could not do this."""

    def __init__(self, message: str = "", *, stderr: str = "") -> None:
        super().__init__(message)
        self.stderr = stderr


class GitFailed(GitError):
    """Git ended with an error."""

    def __init__(self, message: str = "", *, exit_code: int, stderr: str = "") -> None:
        super().__init__(message, stderr=stderr)
        self.exit_code = exit_code


class GitTimeout(GitError):
    """Git took longer than it may."""


class GitTooLarge(GitError):
    """The repository is larger than this server takes."""


class BadRef(Invalid):
    """This is not a valid branch name."""


class BadUrl(Invalid):
    """This address cannot be imported."""


class BadArchive(Invalid):
    """This archive cannot be imported."""


class NotARepository(Invalid):
    """Not a Git repository"""


class RejectedObjects(Invalid):
    """The repository has broken, incomplete or dangerous objects."""


class ProjectNotReady(Conflict):
    """The project is not ready yet."""


class ProjectIdTaken(Conflict):
    """This id belongs to another project; make a new one."""


class ImportFinished(Conflict):
    """The import has already ended."""


class ImportStopped(DomainError):
    """The import was cancelled."""


class ImportHalted(DomainError):
    """The server stops; the import goes on when it is back."""

"""Clients of Modal, one for each credential and process, and what its errors mean here."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import modal
from modal import exception

from sandbox.errors import BackendUnavailable, SandboxError, SandboxGone, SandboxRefused
from sandbox.modal import thread
from sandbox.spec import ModalCredential

THROTTLE_WAIT_S = "60"
TOKEN_HINT = "Make a token at modal.com (Settings, API tokens) and enter it in the environment or in the settings."
REACH_HINT = "Check the way from this server to api.modal.com, and https://status.modal.com; then try again."
LATER_HINT = "Try again later."
SETUP_HINT = "Run `python manage.py modal_setup` and read the log of the build."


class ModalAway(BackendUnavailable):
    """Modal cannot be reached."""


class Clients:
    """The clients of this process. Never used before a fork."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, ModalCredential | None], modal.Client] = {}
        self._lock = asyncio.Lock()

    async def client(self, credential: ModalCredential | None) -> modal.Client:
        """The client of a credential; without one, of the variables MODAL_TOKEN_ID and MODAL_TOKEN_SECRET."""
        return await thread.shared.run(self._client(credential))

    async def _client(self, credential: ModalCredential | None) -> modal.Client:
        # By default the client waits without end where Modal asks it to slow down.
        os.environ.setdefault("MODAL_MAX_THROTTLE_WAIT", THROTTLE_WAIT_S)
        key = (os.environ.get("MODAL_SERVER_URL", ""), credential)
        async with self._lock:
            if key not in self._made:
                # Never `from_env`: that is one client for the whole process, whatever the variables say later.
                self._made[key] = await modal.Client.from_credentials.aio(*_token(credential))
            return self._made[key]


def _token(credential: ModalCredential | None) -> tuple[str, str]:
    if credential is not None:
        return credential.token_id, credential.token_secret
    try:
        return os.environ["MODAL_TOKEN_ID"], os.environ["MODAL_TOKEN_SECRET"]
    except KeyError as error:
        raise exception.AuthError("no token") from error


clients = Clients()


@contextmanager
def mapped() -> Iterator[None]:
    """Say errors of Modal in our own words. Raises: BackendUnavailable, SandboxGone, SandboxRefused, SandboxError."""
    try:
        yield
    except exception.AuthError as error:
        raise BackendUnavailable("Modal does not accept the token.", hint=TOKEN_HINT) from error
    except exception.PermissionDeniedError as error:
        raise BackendUnavailable(f"Modal does not allow this: {_words(error)}.", hint=TOKEN_HINT) from error
    except (exception.ConnectionError, ConnectionError, TimeoutError, exception.ServiceError) as error:
        raise ModalAway("Modal cannot be reached.", hint=REACH_HINT) from error
    except exception.ResourceExhaustedError as error:
        raise BackendUnavailable(f"Modal gives no more for now: {_words(error)}.", hint=LATER_HINT) from error
    except exception.ImageBuildError as error:
        raise BackendUnavailable(f"The image could not be built: {_words(error)}.", hint=SETUP_HINT) from error
    except (exception.NotFoundError, exception.ConflictError) as error:
        raise SandboxGone from error
    except exception.InvalidError as error:
        raise SandboxRefused(f"Modal refuses the sandbox: {_words(error)}.") from error
    except exception.Error as error:
        raise SandboxError(f"Modal could not do it: {_words(error)}.") from error


def _words(error: Any) -> str:
    return str(error).strip().rstrip(".")[:500] or type(error).__name__

"""Looks at a Modal workspace without changing it: for the status of environments, and for the doctor."""

from __future__ import annotations

import modal
from modal.exception import NotFoundError

from sandbox.modal.access import clients, mapped
from sandbox.spec import ModalCredential


async def has_app(credential: ModalCredential | None, name: str) -> bool:
    """Whether there is an app of this name. Raises: BackendUnavailable (Modal is away, or does not take the token)."""
    with mapped():
        client = await clients.client(credential)
        await client.hello.aio()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
        try:
            await modal.App.lookup.aio(name, client=client)
        except NotFoundError:
            return False
    return True


async def has_volume(credential: ModalCredential | None, name: str) -> bool:
    """Whether there is a volume of this name. Raises: BackendUnavailable."""
    with mapped():
        client = await clients.client(credential)
        try:
            await modal.Volume.from_name(name, client=client).hydrate.aio()
        except NotFoundError:
            return False
    return True


async def has_image(credential: ModalCredential | None, app: str, image_id: str) -> bool:
    """Whether Modal still has an image. Raises: BackendUnavailable."""
    with mapped():
        client = await clients.client(credential)
        try:
            home = await modal.App.lookup.aio(app, client=client)
            await modal.Image.from_id(image_id, client=client).build.aio(home)
        except NotFoundError:
            return False
    return True

"""The checks that take longer: what seldom happens, and must work when it does."""

from __future__ import annotations

import asyncio

from sandbox.base import Phase, Sandbox
from sandbox.checks.base import Check
from sandbox.checks.quick import expect, said

BIG_BYTES = 100 * 2**20


async def carries_much(sandbox: Sandbox) -> None:
    """100 MB of output, read slower than it is written."""
    seen = 0
    process = await sandbox.guest.exec(["head", "-c", str(BIG_BYTES), "/dev/zero"], timeout_s=240)
    async with process:
        async for _, data in process:
            seen += len(data)
            await asyncio.sleep(0)
    expect(seen == BIG_BYTES, f"Of {BIG_BYTES} bytes {seen} arrived.")


async def answers_many(sandbox: Sandbox) -> None:
    done = await asyncio.gather(*(said(sandbox, "echo", str(number)) for number in range(20)))
    expect(done == [str(number) for number in range(20)], f"They said {done}.")


async def starts_again(sandbox: Sandbox) -> None:
    """The files outlive the processes."""
    await sandbox.guest.write_file("kept.txt", b"kept")
    await sandbox.stop()
    phase = await sandbox.poll()
    expect(phase in (Phase.STOPPED, Phase.GONE), f"After its end it is {phase.lower()}.")


CHECKS = (
    Check(
        "output",
        "A hundred megabytes of output arrive.",
        "The way to the sandbox is slow or breaks off.",
        carries_much,
        is_quick=False,
        timeout_s=300,
    ),
    Check(
        "many",
        "Twenty commands run at once.",
        "Raise the limit of processes.",
        answers_many,
        is_quick=False,
        timeout_s=60,
    ),
    Check(
        "stop",
        "All of it ends when it is told to.",
        "Look for processes that cannot be ended.",
        starts_again,
        is_quick=False,
        timeout_s=60,
    ),
)

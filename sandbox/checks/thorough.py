"""The checks that take longer: what seldom happens, and must work when it does."""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress

from sandbox.base import Phase, Sandbox
from sandbox.checks.base import Check, CheckFailed
from sandbox.checks.quick import IDENTITY, expect, said
from sandbox.errors import SandboxGone

BIG_BYTES = 100 * 2**20
SECRETS = ("SLIPWAY_SECRET_KEY", "SLIPWAY_ENCRYPTION_KEYS", "SLIPWAY_ANTHROPIC_API_KEY", "DATABASE_URL", "REDIS_URL")


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


async def waits_for_readers(sandbox: Sandbox) -> None:
    """Who does not read makes the command wait, wherever the output would pile up."""
    script = "n=0; while [ $n -lt 1000 ]; do head -c 100000 /dev/zero; n=$((n+1)); echo $n > counted; done"
    async with await sandbox.guest.exec(["sh", "-c", script]):
        await asyncio.sleep(1.5)
        counted = int(await said(sandbox, "cat", "counted"))
    expect(counted < 200, f"A command went on to write {counted / 10:.0f} MB that nobody had read.")


async def goes_on_at_the_byte(sandbox: Sandbox) -> None:
    """Who comes back reads an agent's output from the byte where it stopped."""
    run = f"check-{uuid.uuid4().hex[:8]}"
    await sandbox.guest.start_agent(run, ["sh", "-c", "seq 1 20000; cat"])
    whole = "".join(f"{number}\n" for number in range(1, 20_001)).encode()
    third = len(whole) // 3
    first = (await _read(sandbox, run, 0, third))[:third]
    rest = await _read(sandbox, run, len(first), len(whole) - len(first))
    await sandbox.guest.signal_agent(run, signal.SIGKILL)
    expect(first + rest == whole, f"Of {len(whole)} bytes {len(first) + len(rest)} came back, or others.")


async def _read(sandbox: Sandbox, run: str, offset: int, at_least: int) -> bytes:
    seen = b""
    async with aclosing(sandbox.guest.read_agent(run, offset)) as stream:
        async for data in stream:
            seen += data
            if len(seen) >= at_least:
                break
    return seen


async def resizes_terminals(sandbox: Sandbox) -> None:
    name = f"check-{uuid.uuid4().hex[:8]}"
    await sandbox.guest.open_terminal(name, ["sh", "-c", "while read x; do stty size; done"], rows=20, cols=70)
    try:
        async with await sandbox.guest.attach_terminal(name, rows=20, cols=70) as terminal:
            await terminal.resize(33, 111)
            seen = b""
            async with asyncio.timeout(20):
                while b"33 111" not in seen:
                    await terminal.write(b"\n")
                    async for data in terminal:
                        seen += data
                        break
    except TimeoutError:
        raise CheckFailed("A terminal keeps its old size.") from None
    finally:
        await sandbox.guest.close_terminal(name)


async def brings_work_back(sandbox: Sandbox) -> None:
    """A snapshot and what it restores."""
    await said(sandbox, "sh", "-c", "test -d .git || git init --quiet -b main")
    await said(sandbox, "git", *IDENTITY, "commit", "--quiet", "--allow-empty", "-m", "then")
    await said(sandbox, "git", "checkout", "--quiet", "-B", "check")
    await sandbox.guest.write_file("work.txt", b"then")
    then = await sandbox.guest.snapshot(message="check", known=[])
    await sandbox.guest.write_file("work.txt", b"now")
    await sandbox.guest.restore(commit=then.commit, branch="check", is_dirty=then.is_dirty)
    seen = await sandbox.guest.read_file("work.txt")
    expect(seen == b"then", f"What was restored holds {seen[:100]!r}.")


async def shows_no_secrets(sandbox: Sandbox) -> None:
    """Variables of the server are in no process that can be looked at."""
    script = "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | cut -d= -f1 | sort -u"
    names = (await sandbox.guest.run(["sh", "-c", script], timeout_s=20)).stdout.decode("utf-8", "replace").split()
    found = sorted(name for name in names if name in SECRETS)
    expect(not found, f"It sees {', '.join(found)}.")


async def bounds_memory(sandbox: Sandbox) -> None:
    """A command that takes all memory is ended, or its sandbox is, and not its neighbours."""
    script = "x = []\nwhile True: x.append(b'x' * 2**24)"
    try:
        done = await sandbox.guest.run(["python3", "-c", script], timeout_s=60)
    except SandboxGone:
        return
    expect(done.exit_code != 0, "A command took all the memory that it asked for.")


async def ends(sandbox: Sandbox) -> None:
    """Whatever runs; a sandbox that has ended already has nothing more to say."""
    with suppress(SandboxGone):
        await sandbox.guest.start_agent(f"check-{uuid.uuid4().hex[:8]}", ["sh", "-c", "trap '' TERM; sleep 300"])
    await sandbox.stop(grace_s=0.5)
    phase = await sandbox.poll()
    expect(phase in (Phase.STOPPED, Phase.GONE), f"After its end it is {phase.lower()}.")


def _slow(
    name: str, title: str, advice: str, run: Callable[[Sandbox], Awaitable[None]], *needs: str, timeout_s: float = 60
) -> Check:
    return Check(name, title, advice, run, is_quick=False, needs=needs, timeout_s=timeout_s)


BREAKS = "The way to the sandbox is slow or breaks off."
CHECKS = (
    _slow("output", "A hundred megabytes of output arrive.", BREAKS, carries_much, timeout_s=300),
    _slow("pressure", "Output waits for whoever reads it.", BREAKS, waits_for_readers),
    _slow("many", "Twenty commands run at once.", "Raise the limit of processes.", answers_many),
    _slow("offsets", "An agent's output is read on from any byte.", BREAKS, goes_on_at_the_byte),
    _slow("resize", "Terminals take another size.", "The system needs stty.", resizes_terminals, "pty"),
    _slow("restore", "Work that was saved comes back.", "Git 2.30 or later is needed.", brings_work_back),
    _slow("secrets", "No process shows a secret.", "Tell us: this should not be.", shows_no_secrets, "confine"),
    _slow("memory", "Memory is bounded.", "Set a limit of memory.", bounds_memory, "bound_memory", timeout_s=90),
    _slow("stop", "All of it ends when it is told to.", "Look for processes that cannot be ended.", ends),
)

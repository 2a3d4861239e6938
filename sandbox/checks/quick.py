"""The checks that take seconds: what every turn of every session needs."""

from __future__ import annotations

import asyncio
import signal
import uuid

from sandbox.base import Phase, Sandbox
from sandbox.checks.base import Check, CheckFailed
from sandbox.errors import CommandNotFound, FileMissing

TOO_OLD = "Use an image or a machine with a newer system."
NO_GIT = "Install git in the image, or on the machine, in which sessions run."
LOOPBACK = {"lo", "tunl0", "sit0", "ip6tnl0"}
IDENTITY = ("-c", "user.name=check", "-c", "user.email=check@slipway.invalid")


def expect(condition: bool, seen: str) -> None:
    """Raises: CheckFailed, with what was seen instead."""
    if not condition:
        raise CheckFailed(seen)


async def said(sandbox: Sandbox, *argv: str) -> str:
    """What a command writes. Raises: CheckFailed (it ends with an error), SandboxError."""
    done = await sandbox.guest.run(list(argv), timeout_s=20)
    output = (done.stdout + done.stderr).decode("utf-8", "replace").strip()
    expect(done.exit_code == 0, f"{argv[0]} ended with {done.exit_code}: {output[:300]}")
    return output


async def answers(sandbox: Sandbox) -> None:
    await sandbox.guest.hello()
    phase = await sandbox.poll()
    expect(phase == Phase.RUNNING, f"It says that it is {phase.lower()}.")


async def runs_commands(sandbox: Sandbox) -> None:
    done = await sandbox.guest.run(["sh", "-c", "echo out; echo err >&2; exit 7"], timeout_s=20)
    seen = (done.stdout, done.stderr, done.exit_code)
    expect(seen == (b"out\n", b"err\n", 7), f"A command that should have ended with 7 gave {seen}.")


async def passes_bytes(sandbox: Sandbox) -> None:
    sent = bytes(range(256)) * 1024
    done = await sandbox.guest.run(["cat"], input=sent, timeout_s=20)
    expect(done.stdout == sent, f"Of {len(sent)} bytes {len(done.stdout)} came back, or others.")


async def is_not_root(sandbox: Sandbox) -> None:
    user = await said(sandbox, "id", "-u")
    expect(user != "0", "Commands run as root.")


async def keeps_files(sandbox: Sandbox) -> None:
    name, data = f"check-{uuid.uuid4().hex}", bytes(range(256))
    await sandbox.guest.write_file(name, data)
    expect(await sandbox.guest.read_file(name) == data, "A file did not hold what was written to it.")
    await said(sandbox, "rm", name)
    try:
        await sandbox.guest.stat(name)
    except FileMissing:
        return
    raise CheckFailed("A file that was removed is still there.")


async def has_room(sandbox: Sandbox) -> None:
    room = await sandbox.guest.disk_free()
    expect(room.free_bytes > 256 * 2**20, f"Only {room.free_bytes // 2**20} MiB are free.")


async def has_git(sandbox: Sandbox) -> None:
    try:
        await said(sandbox, "git", "--version")
    except CommandNotFound as error:
        raise CheckFailed("There is no git.") from error


async def snapshots(sandbox: Sandbox) -> None:
    await said(sandbox, "git", "init", "--quiet", "-b", "main")
    await said(sandbox, "git", *IDENTITY, "commit", "--quiet", "--allow-empty", "-m", "first")
    await sandbox.guest.write_file("a.txt", b"a\n")
    first = await sandbox.guest.snapshot(message="check", known=[])
    expect(first.is_dirty, "A new file was not seen.")
    size = sum([len(part) async for part in first.pack])
    expect(size > 0, "The snapshot came back empty.")


async def ends_processes(sandbox: Sandbox) -> None:
    process = await sandbox.guest.exec(["sleep", "300"])
    async with process:
        await process.kill(signal.SIGKILL)
        ended = await process.wait()
    expect(ended.signal == signal.SIGKILL, f"A killed process ended with {ended}.")


async def has_terminals(sandbox: Sandbox) -> None:
    name = f"check-{uuid.uuid4().hex[:8]}"
    await sandbox.guest.open_terminal(name, ["sh", "-c", "read word; echo got-$word; sleep 60"])
    try:
        async with await sandbox.guest.attach_terminal(name) as terminal:
            await terminal.write(b"it\n")
            seen = b""
            async with asyncio.timeout(10):
                async for data in terminal:
                    seen += data
                    if b"got-it" in seen:
                        return
        raise CheckFailed(f"It said {seen[-200:]!r}.")
    finally:
        await sandbox.guest.close_terminal(name)


async def holds_agents(sandbox: Sandbox) -> None:
    run, line = f"check-{uuid.uuid4().hex[:8]}", b"hello\n"
    await sandbox.guest.start_agent(run, ["sh", "-c", "read one; read two; echo said: $one $two"])
    await sandbox.guest.send_agent(run, "first", line)
    await sandbox.guest.send_agent(run, "first", line)  # a message that comes twice is taken once
    await sandbox.guest.send_agent(run, "second", b"again\n")
    seen = b"".join([part async for part in sandbox.guest.read_agent(run, 0)])
    expect(seen == b"said: hello again\n", f"It said {seen[:200]!r}.")


async def sees_no_network(sandbox: Sandbox) -> str | None:
    """Of what the kernel lists, only the loopback device may be there, unless a network is there on purpose."""
    table = (await sandbox.guest.run(["cat", "/proc/net/dev"], timeout_s=20)).stdout.decode("utf-8", "replace")
    devices = {line.partition(":")[0].strip() for line in table.splitlines() if ":" in line} - LOOPBACK
    if allowed := sandbox.capabilities.reaches:
        expect(bool(devices), f"This environment allows {allowed}, but there is no network at all.")
        return f"Agents reach what this environment allows: {allowed}."
    routes = (await sandbox.guest.run(["cat", "/proc/net/route"], timeout_s=20)).stdout.decode("utf-8", "replace")
    ways = [line for line in routes.splitlines()[1:] if line.strip()]
    expect(not ways and not devices, f"It sees {', '.join(sorted(devices))}.")
    return None


async def reaches_the_gateway(sandbox: Sandbox) -> None:
    """The one way out: the socket of the model gateway is where agents look for it."""
    paths = await sandbox.guest.paths()
    expect(bool(paths.gateway_socket), "There is no way to the model gateway.")
    done = await sandbox.guest.run(["test", "-S", str(paths.gateway_socket)], timeout_s=20)
    expect(done.exit_code == 0, f"There is no socket at {paths.gateway_socket}.")


CHECKS = (
    Check("answers", "The guest program answers.", TOO_OLD, answers),
    Check("commands", "Commands run, and tell how they ended.", TOO_OLD, runs_commands),
    Check("bytes", "What goes in and out arrives unchanged.", TOO_OLD, passes_bytes),
    Check("user", "Commands run as an ordinary user.", "Name another user for this environment.", is_not_root),
    Check("files", "Files are kept and removed.", "Look at the rights of the working folder.", keeps_files),
    Check("room", "There is room on the disk.", "Free some space where sandboxes are kept.", has_room),
    Check("git", "Git is there.", NO_GIT, has_git),
    Check("snapshot", "Work can be saved.", "Git 2.30 or later is needed.", snapshots),
    Check("kill", "Processes can be ended.", TOO_OLD, ends_processes),
    Check("agent", "An agent is started, spoken to and heard.", TOO_OLD, holds_agents),
    Check("terminal", "Terminals open.", "The system needs /dev/ptmx.", has_terminals, needs=("pty",)),
    Check(
        "network",
        "There is no network but the model gateway.",
        "Look at the network of this environment, and at what the machine gives it.",
        sees_no_network,
        needs=("confine",),
    ),
    Check("gateway", "The model gateway can be reached.", "Is a worker of Slipway running?", reaches_the_gateway),
)

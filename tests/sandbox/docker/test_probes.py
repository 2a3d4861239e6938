"""What an agent finds that looks around in its container: no engine, no host, no other session, no way out."""

from __future__ import annotations

import secrets

from sandbox import Sandbox
from tests.sandbox.backends import DockerMaker

LOOK = r"""
find / -xdev \( -name 'docker*.sock' -o -name 'containerd*.sock' -o -path '*run/containerd*' \) 2>/dev/null
ls -d /var/lib/docker /run/docker /var/run/docker.sock /run/containerd /.slipway 2>/dev/null
find / -type b 2>/dev/null
find / -xdev -perm -4000 -newer /etc/passwd 2>/dev/null
cat /proc/net/unix 2>/dev/null | grep -E 'docker|containerd|@'
"""
ENGINES = r"""
import socket
for port in (2375, 2376, 80, 22):
    for host in ("127.0.0.1", "172.17.0.1", "169.254.169.254", "10.0.0.1"):
        try:
            socket.create_connection((host, port), 0.2)
            print("reached", host, port)
        except OSError:
            pass
for call in ("kcore", "sysrq-trigger", "timer_list", "keys"):
    try:
        if open("/proc/" + call, "rb").read(1):
            print("read", call)
    except OSError:
        pass
"""


async def told(made: Sandbox, *argv: str) -> str:
    result = await made.guest.run(argv)
    return (result.stdout + result.stderr).decode(errors="replace")


class TestProbes:
    async def test_finds_no_engine_no_device_and_no_way_out(self, either: DockerMaker) -> None:
        made = await either.open()

        assert await told(made, "sh", "-c", LOOK) == ""
        assert await told(made, "python3", "-c", ENGINES) == ""

    async def test_finds_no_other_session_and_no_file_of_the_server(self, either: DockerMaker) -> None:
        canary = f"canary-{secrets.token_hex(8)}"
        (either.folder / "secret").write_text(canary)
        made, other = await either.open(), await either.open()
        await other.guest.write_file("/home/agent/secret", canary.encode())
        await other.guest.start_agent("run", ["sleep", "4741"], env={"TOKEN": canary})
        halves = f"'{canary[:10]}''{canary[10:]}'"

        found = await told(
            made,
            "sh",
            "-c",
            f"c={halves}; ls {either.folder} 2>/dev/null; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline > /tmp/seen;"
            ' grep -ac "$c" /tmp/seen; grep -rlas "$c" /home /run /tmp /workspace /mnt /srv /opt /var /root',
        )

        assert found == "0\n"

    async def test_runs_under_the_engines_own_filter_of_system_calls(self, docker: DockerMaker) -> None:
        made = await docker.open()

        status = await told(made, "grep", "-E", "^(Seccomp|NoNewPrivs|CapBnd|CapEff):", "/proc/self/status")

        assert dict(line.split() for line in status.splitlines()) == {
            "CapEff:": "0" * 16,
            "CapBnd:": "0" * 16,
            "NoNewPrivs:": "1",
            "Seccomp:": "2",
        }

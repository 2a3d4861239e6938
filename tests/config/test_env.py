"""Reading the environment."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config import env


class TestRead:
    def test_names_every_variable_that_is_wrong(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SLIPWAY_LOG_LEVEL", "LOUD")
        monkeypatch.setenv("SLIPWAY_WORKER_CONCURRENCY", "0")
        with pytest.raises(SystemExit) as caught:
            env.read()
        assert "SLIPWAY_LOG_LEVEL: " in str(caught.value)
        assert "SLIPWAY_WORKER_CONCURRENCY: " in str(caught.value)

    def test_splits_lists_at_commas(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SLIPWAY_EXTRA_HOSTS", "a.example, b.example,")
        assert env.read().extra_hosts == ["a.example", "b.example"]

    def test_takes_the_usual_name_of_the_database(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DATABASE_URL", "postgresql://x/y")
        assert env.read().database_url == "postgresql://x/y"


class TestKeptSecret:
    def test_is_made_once_and_for_this_user_only(self, tmp_path: Path) -> None:
        first = env.Env(data_dir=tmp_path).kept_secret("thing")

        assert len(first) >= 64
        assert env.Env(data_dir=tmp_path).kept_secret("thing") == first
        assert stat.S_IMODE((tmp_path / "keys" / "thing").stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
        assert [path.name for path in (tmp_path / "keys").iterdir()] == ["thing"]

    def test_is_one_for_processes_that_make_it_at_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.getpid", lambda: 1)  # as in two containers
        here = env.Env(data_dir=tmp_path)

        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda _: here.kept_secret("thing"), range(40)))

        assert len(set(made)) == 1
        assert made[0] == (tmp_path / "keys" / "thing").read_text()

    def test_is_another_for_another_purpose(self, tmp_path: Path) -> None:
        here = env.Env(data_dir=tmp_path)
        assert here.kept_secret("one") != here.kept_secret("two")

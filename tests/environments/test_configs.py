"""The typed configuration of environments."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.errors import Invalid
from environments import configs

SSH = {"host": "build.example.com", "username": "agent", "host_key": "ssh-ed25519 AAAA"}


class TestParse:
    def test_fills_the_defaults_of_a_docker_environment(self) -> None:
        config = configs.parse("DOCKER", {"image": "debian:12"})

        assert config.model_dump()["pids"] == 512

    @pytest.mark.parametrize("work_dir", ["/tmp/slipway", "~/.slipway", "~/a-b/c_d.e", "/srv"])
    def test_takes_the_usual_folders(self, work_dir: str) -> None:
        configs.parse("SSH", SSH | {"work_dir": work_dir})

    @pytest.mark.parametrize(
        ("kind", "config", "field"),
        [
            ("HOST", {"shell": "/bin/sh"}, "config.shell"),
            ("DOCKER", {"image": "--privileged"}, "config.image"),
            ("DOCKER", {"image": "a b"}, "config.image"),
            ("DOCKER", {"image": "debian", "memory_mb": 1}, "config.memory_mb"),
            ("SSH", SSH | {"host": "-oProxyCommand=x"}, "config.host"),
            ("SSH", SSH | {"host": "h\nProxyCommand x"}, "config.host"),
            ("SSH", SSH | {"username": "-l root"}, "config.username"),
            ("SSH", SSH | {"port": 70000}, "config.port"),
            ("SSH", SSH | {"host_key": ""}, "config.host_key"),
            ("SSH", SSH | {"host_key": "ssh-ed25519 AAAA\nevil"}, "config.host_key"),
            ("SSH", SSH | {"work_dir": "/srv/$(touch x)"}, "config.work_dir"),
            ("SSH", SSH | {"work_dir": "/srv/../root"}, "config.work_dir"),
            ("SSH", SSH | {"work_dir": "srv"}, "config.work_dir"),
            ("SSH", SSH | {"work_dir": "/srv/a\n"}, "config.work_dir"),
            ("SSH", SSH | {"work_dir": "/srv/-rf /"}, "config.work_dir"),
            ("SSH", SSH | {"agent_path": "claude; id"}, "config.agent_path"),
            ("MODAL", {"timeout_s": 1}, "config.timeout_s"),
        ],
    )
    def test_names_the_bad_field(self, kind: str, config: dict[str, Any], field: str) -> None:
        with pytest.raises(Invalid) as caught:
            configs.parse(kind, config)

        assert [detail["field"] for detail in caught.value.details] == [field]

    def test_refuses_an_unknown_kind(self) -> None:
        with pytest.raises(Invalid):
            configs.parse("CLOUD", {})

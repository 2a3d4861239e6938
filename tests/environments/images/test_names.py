"""Names of images: what the registries take, and nothing that a program or an engine could read otherwise."""

from __future__ import annotations

import uuid

import pytest

from environments.images import names
from environments.images.names import BadImageName

ID = uuid.UUID("0192f7c1-0000-7000-8000-000000000000")


class TestParse:
    @pytest.mark.parametrize(
        ("text", "meant"),
        [
            ("debian", "debian:latest"),
            ("debian:12", "debian:12"),
            ("docker.io/library/debian:12", "debian:12"),
            ("index.docker.io/library/debian", "debian:latest"),
            ("library/debian", "debian:latest"),
            ("ghcr.io/owner/tool:v1.2_3", "ghcr.io/owner/tool:v1.2_3"),
            ("localhost:5000/a/b__c.d-e", "localhost:5000/a/b__c.d-e:latest"),
            ("registry:5000/a", "registry:5000/a:latest"),
            ("a@sha256:" + "0" * 64, "a@sha256:" + "0" * 64),
            ("beef", "beef:latest"),  # no beginning of an id
        ],
    )
    def test_gives_the_full_name(self, text: str, meant: str) -> None:
        assert str(names.parse(text)) == meant

    @pytest.mark.parametrize(
        "text",
        [
            "", " ", "--privileged", "-v", "a b", "x:y\n", "x\n", "UPPER", "a//b", "/a", "a/", "a:", "a:-x", ":latest",
            "../etc", "a/../b", "a\0", "http://a/b", "sha256:" + "0" * 64, "0" * 64, "a" * 256, "\uff41", "$X", "a;b",
            "a:b:c", "a@b", "a@sha256:12", "sha256:12",
        ],
    )  # fmt: skip
    def test_refuses_everything_else(self, text: str) -> None:
        with pytest.raises(BadImageName):
            names.parse(text)


class TestImageName:
    @pytest.mark.parametrize("prefix", ["", "docker.io/", "index.docker.io/"])
    def test_knows_what_was_built_here_under_all_its_names(self, prefix: str) -> None:
        name = names.parse(f"{prefix}{names.built(ID, ID)}")

        assert name == names.built(ID, ID)
        assert name.is_ours
        assert name.environment_id == ID

    def test_knows_that_others_are_not(self) -> None:
        assert not names.parse("debian").is_ours
        assert names.parse("slipway/environment-x").environment_id is None
        assert names.parse("slipway/environment-x").is_ours


class TestMatches:
    @pytest.mark.parametrize("pattern", ["*", "debian", "debian:*", "debian:12", "deb*:1*"])
    def test_an_operator_names_images_by_patterns(self, pattern: str) -> None:
        assert names.matches(names.parse("debian:12"), ["other", pattern])

    @pytest.mark.parametrize("pattern", ["debian:13", "deb", "ebian", "*/debian", "localhost:5000/debian", "d.*"])
    def test_a_pattern_means_the_whole_name(self, pattern: str) -> None:
        assert not names.matches(names.parse("debian:12"), [pattern])

    def test_a_port_is_no_tag(self) -> None:
        assert names.matches(names.parse("localhost:5000/a:1"), ["localhost:5000/a"])

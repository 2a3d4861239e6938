"""Dockerfiles by what they may ask of the builder: the tricks, each at its line, and what is built of the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.images import rules, syntax
from environments.images.names import ImageName

FORBIDDEN = "private"


def may_use(name: ImageName) -> bool:
    return FORBIDDEN not in name.repository


def check(text: str) -> rules.Checked:
    return rules.check(text, may_use=may_use)


def refusals(text: str) -> list[tuple[int, str]]:
    return [(problem.line, problem.message) for problem in check(text).problems]


TRICKS = {
    "another builder": ("# syntax=attacker/frontend\nFROM debian", 1, "another builder"),
    "another builder, written oddly": ("#  SynTax = attacker/frontend\nFROM debian", 1, "another builder"),
    "another builder, after a line that people skip": ("#!/bin/x\n# syntax=a/b\nFROM debian", 2, "another builder"),
    "another builder, as other builders find it": ("// syntax=a/b\nFROM debian", 1, "another builder"),
    "a mount": ("FROM debian\nRUN --mount=type=bind,source=/,target=/host ls /host", 2, "--mount"),
    "a secret": ("FROM debian\nRUN --mount=type=secret,id=x cat /run/secrets/x", 2, "--mount"),
    "an agent": ("FROM debian\nrun --mount=type=ssh ssh-add -l", 2, "--mount"),
    "a mount behind a line's end": ("FROM debian\nRUN \\\n  --mount=type=bind,source=/,target=/h ls", 2, "--mount"),
    "a mount behind a comment": ("FROM debian\nRUN \\\n# note\n\n --mount=type=bind,target=/h ls", 2, "--mount"),
    "a mount behind quotes": ('FROM debian\nRUN --mo"unt"=type=bind,target=/h ls', 2, "without quotes"),
    "a mount behind another flag": ("FROM debian\nRUN --x --mount=type=bind,target=/h ls", 2, "--mount"),
    "the host's network": ("FROM debian\nRUN --network=host curl x", 2, "--network"),
    "an entitlement": ("FROM debian\nRUN --security=insecure mount", 2, "--security"),
    "an address": ("FROM debian\nADD http://169.254.169.254/ /x", 2, "address"),
    "an address in a list": ('FROM debian\nADD ["https://a/b", "/x"]', 2, "address"),
    "an address behind rubbish": ('FROM debian\nADD ["https://a/b", "/x"] y', 2, "plain names"),
    "an address in a variable": ("FROM debian\nARG U=http://a\nADD $U /x", 3, "plain names"),
    "an address behind quotes": ('FROM debian\nADD ht"tp://a/b" /x', 2, "plain names"),
    "a repository": ("FROM debian\nADD git@github.com:a/b.git /x", 2, "address"),
    "an address for later": ("FROM debian\nONBUILD ADD http://a /x", 2, "address"),
    "a mount for later": ("FROM debian\nONBUILD RUN --mount=type=bind,target=/h ls", 2, "--mount"),
    "an image for later": ("FROM debian\nONBUILD COPY --from=private /x /x", 2, "context only"),
    "an image of others": ("FROM private", 1, "no image private:latest"),
    "an image of others, by its long name": ("FROM docker.io/library/private:1", 1, "no image private:1"),
    "an image of others in a variable": ("ARG A=private\nFROM ${A}", 2, "no image private:latest"),
    "an image of others by default": ("ARG A\nFROM ${A:-private}", 2, "no image private:latest"),
    "an image behind quotes": ('ARG A="pri\'vate"\nFROM $A', 2, "cannot be told"),
    "an image to copy from": ("FROM debian\nCOPY --from=private /x /x", 2, "no image private:latest"),
    "an image called like the stage": ("FROM debian AS private\nCOPY --from=private /x /x", 2, "no image private"),
    "an image by its id": (f"FROM {'0' * 64}", 1, "not the name"),
    "an image by the engine's id": (f"FROM sha256:{'0' * 64}", 1, "not the name"),
    "a name that is an option": ("FROM --privileged", 1, "takes no --privileged"),
    "our labels": ("FROM debian\nLABEL slipway.organization=x", 2, "Labels"),
    "our labels behind quotes": ('FROM debian\nLABEL a=b "sl"ipway.building="x"', 2, "Labels"),
    "our labels in a variable": ("FROM debian\nARG N=slipway.building\nLABEL $N=x", 3, "Labels"),
    "two readings": ("FROM debian\nRUN echo \\\\\nADD http://a /x", 2, "two escape characters"),
    "two readings by the other character": ("# escape=`\nFROM debian\nRUN echo ``\nx", 3, "two escape characters"),
    "a here-document": ("FROM debian\nRUN <<EOF\nADD http://a /x\nEOF", 2, "here-documents"),
    "a control character": ("FROM debian\nRUN echo \x0b\x1b[31m", 2, "control character"),
    "a line's end of another kind": ("FROM debian\nRUN a\u2028ADD http://a /x", 2, "control character"),
    "nothing to begin with": ("RUN ls", 1, "begins with FROM"),
    "nothing": ("# only this", 1, "needs a FROM"),
    "an unknown instruction": ("FROM debian\nINCLUDE x", 2, "no instruction INCLUDE"),
    "an instruction alone": ("FROM debian\nRUN", 2, "needs something"),
}


class TestCheck:
    @pytest.mark.parametrize("trick", TRICKS)
    def test_refuses_at_its_line(self, trick: str) -> None:
        text, line, words = TRICKS[trick]

        assert any(found == line and words in message for found, message in refusals(text)), refusals(text)

    def test_refuses_what_is_too_large(self) -> None:
        assert refusals("FROM debian\n" + "#" * syntax.MAX_BYTES) == [(1, "A Dockerfile has at most 64 KiB.")]
        assert refusals("FROM debian\n" + "RUN x\n" * 100) == [(101, "A Dockerfile has at most 100 instructions.")]

    def test_takes_what_people_write(self) -> None:
        checked = check(
            "# escape=\\\r\n# A tool.\r\nARG TAG=12\r\nFROM debian:${TAG} AS build\r\nRUN apt-get update && \\\r\n"
            "    # in the middle\r\n    apt-get install -y make; echo $((1<<2))\r\n\r\nCOPY . /s\r\nfrom Debian\r\n"
        )

        assert [problem.line for problem in checked.problems] == [10]  # only the capital letter
        checked = check(
            "FROM debian:12 AS build\nCOPY --chown=1:1 . /s\nFROM scratch\nCOPY --from=BUILD /s /\nCOPY --from=0 /a /\n"
        )
        assert checked.problems == ()
        assert [str(base) for base in checked.bases] == ["debian:12"]

    def test_knows_every_image_that_is_used(self) -> None:
        checked = check("FROM a AS one\nCOPY --from=b /x /\nFROM one\nCOPY --from=2 / /y\nCOPY --from=c:1 /x /")

        assert [str(base) for base in checked.bases] == ["a:latest", "b:latest", "2:latest", "c:1"]

    @given(st.text(alphabet=st.sampled_from(list("FROM debianRUN-t=:/.\\`#\n\t \"'$[]{},ADDhp")), max_size=200))
    def test_never_fails_and_never_lets_a_line_break_through(self, text: str) -> None:
        checked = check(f"FROM debian\n{text}")

        built, steps = rules.written(checked, during={"a": "b"}, at_end={"a": "c"})
        assert len(built.strip("\n").split("\n")) in (len(steps), len(steps) + 1)  # one a step, and the escape


class TestWritten:
    def test_marks_each_stage_and_the_end_and_knows_the_lines(self) -> None:
        checked = check("ARG A=debian\n\nFROM $A AS one\nRUN a \\\n  b\nFROM one\n")

        built, steps = rules.written(checked, during={"slipway.building": "x"}, at_end={"slipway.build": "y"})

        assert built.splitlines() == [
            "ARG A=debian",
            "FROM debian:latest AS one",
            'LABEL slipway.building="x"',
            "RUN a   b",
            "FROM one",
            'LABEL slipway.building="x"',
            'LABEL slipway.build="y"',
        ]
        assert steps == [1, 3, None, 4, 6, None, None]

    def test_keeps_the_other_escape_character(self) -> None:
        built, steps = rules.written(check("#escape=`\nFROM debian\nRUN a `\n b\\"), during={"a": "b"}, at_end={})

        assert built.splitlines()[0] == "# escape=`"
        assert built.splitlines()[3] == "RUN a  b\\"
        assert len(steps) == 4


class TestCheckTriggers:
    def test_takes_harmless_ones(self) -> None:
        assert rules.check_triggers(["RUN make", "COPY . /src"]) == ""

    @pytest.mark.parametrize(
        "trigger",
        ["ADD http://a /x", "RUN --mount=type=bind,target=/ ls", "COPY --from=a / /", "LABEL slipway.build=x"],
    )
    def test_tells_what_an_image_would_do_in_the_build(self, trigger: str) -> None:
        assert rules.check_triggers(["RUN make", trigger])

"""What a Dockerfile may ask of the engine's builder: looked at before anything is built, line by line.

The builder works with the engine's rights, so whatever leads it out of the build is refused: other builders, mounts,
networks, entitlements, addresses that the engine itself would fetch, and images of others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from environments.images import names, syntax
from environments.images.names import BadImageName, ImageName
from environments.images.syntax import Instruction, Problem

OWN_LABELS = "slipway."
_ALLOWED_FLAGS = {
    "FROM": {"platform"},
    "COPY": {"from", "chown"},
    "ADD": {"chown"},
    "HEALTHCHECK": {"interval", "timeout", "start-period", "retries"},
}
_RUN_FLAGS = {
    "mount": "RUN --mount is not allowed: it reaches files outside of the build. Use COPY.",
    "network": "RUN --network is not allowed: which network a build has is set by the operator.",
    "security": "RUN --security is not allowed: a build has no rights of its own.",
}
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[^/\s]+@[^/\s]+:|(?:www\.)?git(?:hub|lab)\.com/")
_STAGE = re.compile(r"[a-z][a-z0-9_.-]*")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::([-+])([^{}$]*))?\})")
_HIDING = re.compile(r"[$\"'\\`]")

MayUse = Callable[[ImageName], bool]


@dataclass(frozen=True)
class Checked:
    """What the look has found: with problems nothing is built.

    `bases` are the images from elsewhere that it builds upon or copies from.
    """

    instructions: tuple[Instruction, ...]
    problems: tuple[Problem, ...]
    bases: tuple[ImageName, ...]
    escape: str = "\\"


def check(text: str, *, may_use: MayUse) -> Checked:
    """A Dockerfile by what the builder may do; problems are in the order of their lines.

    Args:
        may_use: whether whoever builds may use this image; the answer for one that is another tenant's is no.
    """
    parsed = syntax.parse(text)
    look = _Look(may_use, parsed.escape)
    instructions = tuple(look.at(instruction) for instruction in parsed.instructions)
    problems = [*parsed.problems, *look.problems]
    if not problems and not look.stages:
        problems = [Problem(1, "A Dockerfile needs a FROM, which names the image to build upon.")]
    return Checked(instructions, tuple(sorted(problems, key=lambda one: one.line)), tuple(look.bases), parsed.escape)


def check_triggers(triggers: list[str]) -> str:
    """What is wrong with the ONBUILD instructions of an image that is built upon; empty when nothing is."""
    look = _Look(lambda name: False, "\\")
    for trigger in triggers:
        parsed = syntax.parse(trigger)
        look.problems.extend(parsed.problems)
        for instruction in parsed.instructions:
            look.inside_onbuild(instruction)
    return look.problems[0].message if look.problems else ""


class _Look:
    """One walk through the instructions, with what those before have said."""

    def __init__(self, may_use: MayUse, escape: str) -> None:
        self.may_use, self.escape = may_use, escape
        self.problems: list[Problem] = []
        self.bases: list[ImageName] = []
        self.stages: list[str] = []
        self.arguments: dict[str, str | None] = {}  # those before the first FROM; None: their value is not plain

    def at(self, instruction: Instruction) -> Instruction:
        """The instruction as it is to be built; what is wrong with it goes to `problems`."""
        keyword = instruction.keyword
        if keyword == "FROM":
            return self._from(instruction)
        if not self.stages:
            if keyword != "ARG":
                self._refuse(instruction, "A Dockerfile begins with FROM; only ARG may stand before it.")
            self._argument(instruction)
            return instruction
        self._flags(instruction)
        if keyword == "ONBUILD":
            self._onbuild(instruction)
        if keyword == "ADD":
            self._add(instruction)
        if keyword == "LABEL":
            self._label(instruction)
        return self._copy(instruction) if keyword == "COPY" else instruction

    def inside_onbuild(self, instruction: Instruction) -> None:
        """An instruction that runs in somebody else's build, whose stages and images are not known here."""
        if instruction.keyword in ("ONBUILD", "FROM", "MAINTAINER"):
            self._refuse(instruction, f"ONBUILD cannot hold {instruction.keyword}.")
        elif instruction.keyword == "COPY" and instruction.flag("from") is not None:
            self._refuse(instruction, "ONBUILD COPY takes files of the context only, without --from.")
        else:
            self.stages = self.stages or [""]
            self.at(instruction)

    def _refuse(self, instruction: Instruction, message: str) -> None:
        self.problems.append(Problem(instruction.line, message))

    def _flags(self, instruction: Instruction) -> None:
        allowed = _ALLOWED_FLAGS.get(instruction.keyword, set())
        for flag in instruction.flags:
            name = flag.removeprefix("--").partition("=")[0]
            if name in allowed:
                continue
            of_run = _RUN_FLAGS.get(name) if instruction.keyword == "RUN" else None
            self._refuse(instruction, of_run or f"{instruction.keyword} takes no --{name} here.")

    def _argument(self, instruction: Instruction) -> None:
        for word in instruction.words:
            name, _, value = word.partition("=")
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            self.arguments[name] = None if _HIDING.search(value) else value

    def _from(self, instruction: Instruction) -> Instruction:
        self._flags(instruction)
        words = instruction.text.split()
        has_name = len(words) == 3 and words[1].upper() == "AS"
        if len(words) != 1 and not has_name:
            self._refuse(instruction, "FROM is written as “FROM image” or “FROM image AS name”.")
            self.stages.append("")
            return instruction
        name = words[2].lower() if has_name else ""
        if has_name and not _STAGE.fullmatch(name):
            self._refuse(instruction, "A stage's name begins with a letter; letters, digits, - _ . may follow.")
        base = self._expanded(instruction, words[0])
        shown = base if base == "scratch" or base.lower() in self.stages else self._image(instruction, base)
        self.stages.append(name)
        return replace(instruction, text=f"{shown} AS {name}" if name else shown)

    def _copy(self, instruction: Instruction) -> Instruction:
        source = instruction.flag("from")
        before = self.stages[:-1]  # by its own name a stage would reach an image that happens to be called so
        if source is None or (source.isascii() and source.isdecimal() and int(source) < len(before)):
            return instruction
        shown = source if source.lower() in before else self._image(instruction, source)
        others = (flag for flag in instruction.flags if not flag.startswith("--from="))
        return replace(instruction, flags=(*others, f"--from={shown}"))

    def _image(self, instruction: Instruction, text: str) -> str:
        """The image by its full name, which is never taken for the beginning of an id."""
        try:
            name = names.parse(text)
        except BadImageName:
            self._refuse(instruction, "This is not the name of an image; write it as in name:tag.")
            return text
        if not self.may_use(name):
            self._refuse(instruction, f"There is no image {name} that you may build upon.")
        if name not in self.bases:
            self.bases.append(name)
        return str(name)

    def _expanded(self, instruction: Instruction, text: str) -> str:
        """With the values of the ARGs before the first FROM, which nobody can change from outside."""

        def value(found: re.Match[str]) -> str:
            plain, braced, sign, word = found.groups()
            known = self.arguments.get(plain or braced) or ""
            if sign == "-":
                return known or word
            return word if sign == "+" and known else "" if sign == "+" else known

        expanded = _VARIABLE.sub(value, text)
        unknown = any(self.arguments.get(one or two, "") is None for one, two, *_ in _VARIABLE.findall(text))
        if unknown or _HIDING.search(expanded):
            self._refuse(
                instruction, "Which image this is cannot be told; write its name without quotes, or as a plain ARG."
            )
        return expanded

    def _add(self, instruction: Instruction) -> None:
        for source in instruction.words[:-1]:
            if _REMOTE.match(source):
                self._refuse(
                    instruction,
                    "ADD of an address is not allowed: the engine itself would fetch it. Put the file in the context.",
                )
            elif _HIDING.search(source):
                self._refuse(
                    instruction, "ADD takes plain names of files in the context, without variables or quotes. Use COPY."
                )

    def _label(self, instruction: Instruction) -> None:
        bare = re.sub(r"[\"'\\`]", "", instruction.text).lower()
        if OWN_LABELS in bare or re.search(r"\$[^\s=]*=", bare):
            self._refuse(
                instruction, "Labels that begin with “slipway.”, or whose names hold variables, are not allowed."
            )

    def _onbuild(self, instruction: Instruction) -> None:
        found = syntax.inner(instruction, self.escape)
        if isinstance(found, Problem):
            self.problems.append(found)
        else:
            self.inside_onbuild(found)


def written(checked: Checked, *, during: Mapping[str, str], at_end: Mapping[str, str]) -> tuple[str, list[int | None]]:
    """The Dockerfile that is built, and for each of its steps the line in the one that people wrote; None for ours.

    Args:
        during: labels of every image on the way, so that what is left over can be found and no cache is shared.
        at_end: labels that take their place in the image that is kept.
    """
    lines, steps = [] if checked.escape == "\\" else ["# escape=`"], list[int | None]()
    for instruction in checked.instructions:
        lines.append(str(instruction))
        steps.append(instruction.line)
        if instruction.keyword == "FROM":
            lines.append(_labels(during))
            steps.append(None)
    lines.append(_labels(at_end))
    return "\n".join([*lines, ""]), [*steps, None]


def _labels(labels: Mapping[str, str]) -> str:
    return " ".join(["LABEL", *(f'{name}="{value}"' for name, value in labels.items())])

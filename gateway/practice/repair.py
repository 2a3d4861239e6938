"""The practice model's repair routine: run the tests of a small Python project and mend a bug that it knows."""

from __future__ import annotations

import posixpath
import shlex

from gateway.practice import programs
from gateway.practice.answers import Step, ToolCall
from gateway.practice.conversation import Conversation, Outcome
from gateway.practice.routines import Behaviour, greet, path, report_test, say, write

_MAX_READ = 4

# Wrong code that the practice model recognises, and what it should be: the bug of the bundled sample project.
KNOWN_BUGS = (("for word in text.split())", "for word in text.lower().split())"),)


def repair(talk: Conversation) -> Behaviour:
    """List the files, run the tests, read the code, mend what is known and run the tests again."""
    listing = ToolCall("Bash", {"command": "git ls-files -- '*.py'", "description": "List the Python files"})
    files = _lines(
        (yield Step((greet(talk, "I will run the project's tests and look for a bug that I know."), listing)))
    )
    tests = [name for name in files if posixpath.basename(name).startswith("test")]
    if not tests:
        program = programs.choose(talk.prompt, written=talk.earlier_writes)
        yield from write(
            talk, program, say(f"I found no Python tests here, so I write `{program.file}` and a test for it instead.")
        )
        return
    command = _command(tests)
    run = ToolCall("Bash", {"command": command, "description": "Run the tests"})
    before = _only((yield Step((say("I found tests; I would like to run them."), run))))
    if not before.is_error or not before.text.startswith("Exit code"):
        yield Step((say(report_test(before)),))
        return
    for name in [name for name in files if name not in tests and not name.endswith("__init__.py")][:_MAX_READ]:
        source = _only(
            (
                yield Step(
                    (
                        say(f"{report_test(before)}\n\nI read `{name}`."),
                        ToolCall("Read", {"file_path": path(talk, name)}),
                    )
                )
            )
        )
        found = next(((wrong, right) for wrong, right in KNOWN_BUGS if wrong in source.text), None)
        if found is None:
            continue
        change = {"file_path": path(talk, name), "old_string": found[0], "new_string": found[1]}
        edited = _only(
            (yield Step((say(f"I know this bug: `{found[0]}` should be `{found[1]}`."), ToolCall("Edit", change))))
        )
        if edited.is_error:
            yield Step((say(f"The change was not made: {edited.text.strip()[:1000]}\n\nI leave everything as it is."),))
            return
        after = _only((yield Step((say("The bug is mended; I would like to run the tests again."), run))))
        yield Step((say(report_test(after)),))
        return
    yield Step((say("The tests fail, and I do not know this bug. I am only the practice model."),))


def _command(tests: list[str]) -> str:
    folders = {posixpath.dirname(name) for name in tests}
    folder = folders.pop() if len(folders) == 1 else ""
    return f"python3 -B -m unittest discover -s {shlex.quote(folder)} -t ." if folder else "python3 -B -m unittest"


def _only(outcomes: list[Outcome]) -> Outcome:
    return outcomes[0] if outcomes else Outcome("", {}, "no answer came", is_error=True)


def _lines(outcomes: list[Outcome]) -> list[str]:
    outcome = _only(outcomes)
    return (
        [] if outcome.is_error else [line.strip() for line in outcome.text.splitlines() if line.strip().endswith(".py")]
    )

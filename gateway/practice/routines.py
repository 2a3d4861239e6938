"""The practice model's routines: write a program, make a plan, ask a question, use a sub-agent, explain."""

from __future__ import annotations

import re
from collections.abc import Generator

from gateway.practice import programs
from gateway.practice.answers import Step, Text, ToolCall
from gateway.practice.conversation import Conversation, Outcome
from gateway.practice.programs import Program

Behaviour = Generator[Step, list[Outcome], None]

SUB_AGENT = "You are a sub-agent of the practice model."
_FIRST = (
    "I am Slipway's practice model, not a real one: no model key is configured here. I follow a fixed routine chosen "
    "by words of your prompt, but the tools, the permissions and the files are real. To work with a real model, an "
    "administrator adds an Anthropic API key in the organisation's settings, or the operator sets "
    "SLIPWAY_ANTHROPIC_API_KEY.\n\n"
)
_AGAIN = "Still the practice model, not a real one (a model key changes that).\n\n"
_QUESTION = "Which small program shall I write?"


def say(text: str) -> Text:
    """Text that arrives a few words at a time."""
    return Text(text, chunks=max(1, len(text) // 14), delay_s=0.025)


def greet(talk: Conversation, text: str) -> Text:
    """The first text of an answer: it always says who speaks."""
    return say((_FIRST if talk.is_first else _AGAIN) + text)


def explain(talk: Conversation) -> Behaviour:
    """Text only."""
    yield Step(
        (
            greet(
                talk,
                "Here is what I can do:\n\n"
                "- *write a program*: a small Python program and its test, then run the test if you allow it\n"
                "- *make a plan*: plan first, and go on when you approve\n"
                "- *ask me a question*: ask you which program you want\n"
                "- *use a sub-agent*: let a sub-agent look around in the work tree\n"
                "- *fix the failing test*: run the project's tests and mend a bug that I know\n",
            ),
        )
    )


def write_program(talk: Conversation) -> Behaviour:
    """Write a program and its test, ask to run the test, and report what came of it."""
    program = programs.choose(talk.prompt, written=talk.earlier_writes)
    yield from write(
        talk,
        program,
        greet(talk, f"I will write `{program.file}` and a test for it, and then ask you to let me run the test."),
    )


def make_plan(talk: Conversation) -> Behaviour:
    """Write a plan, have it approved, and only then write the program."""
    program = programs.choose(talk.prompt, written=talk.earlier_writes)
    text = greet(talk, f"I will plan first. The plan is about a small program, `{program.file}`.")
    if not talk.is_planning:
        (entered,) = (yield Step((text, ToolCall("EnterPlanMode", {})))) or [
            Outcome("EnterPlanMode", {}, is_error=True)
        ]
        if entered.is_error:
            yield Step((say(f"I could not enter plan mode: {_reason(entered)}"),))
            return
        text = say("Plan mode is on; I write the plan down.")
    if talk.plan_file:
        yield Step((text, ToolCall("Write", {"file_path": talk.plan_file, "content": _plan(program)})))
        text = say("The plan is ready for you to look at.")
    decisions = yield Step((text, ToolCall("ExitPlanMode", {})))
    if not decisions or decisions[0].is_error:
        reason = _reason(decisions[0]) if decisions else "no answer came"
        yield Step(
            (say(f"You did not approve the plan: {reason}\n\nI change nothing; another prompt makes another plan."),)
        )
        return
    yield from write(talk, program, say("The plan is approved, so I carry it out."))


def ask_question(talk: Conversation) -> Behaviour:
    """Ask which program to write, and write that one."""
    options = [
        {"label": known.label, "description": f"{known.file} and {known.test_file}"} for known in programs.PROGRAMS
    ]
    question = {"question": _QUESTION, "header": "Program", "options": options, "multiSelect": False}
    call = ToolCall("AskUserQuestion", {"questions": [question]})
    answers = yield Step((greet(talk, "Before I begin, I have a question for you."), call))
    if not answers or answers[0].is_error:
        yield Step((say("You dismissed the question, so I do nothing."),))
        return
    reply = answers[0].text.partition(f'"{_QUESTION}"=')[2]
    chosen = next((program for program in programs.PROGRAMS if re.search(program.words, reply, re.IGNORECASE)), None)
    program = chosen or programs.choose("", written=talk.earlier_writes)
    text = f"You chose {program.label}." if chosen else f"I know no such program, so I take {program.label}."
    yield from write(talk, program, say(text))


def use_sub_agent(talk: Conversation) -> Behaviour:
    """Let a sub-agent look around and hand on what it reports."""
    prompt = f"{SUB_AGENT} List the tracked files of this work tree and report how many there are."
    wanted = {"description": "Look around", "prompt": prompt, "subagent_type": "general-purpose"}
    call = ToolCall("Agent", {**wanted, "run_in_background": False})
    reports = yield Step((greet(talk, "I will let a sub-agent look around in the work tree."), call))
    if not reports or reports[0].is_error:
        yield Step((say(f"The sub-agent did not finish: {_reason(reports[0]) if reports else 'it gave no report'}"),))
        return
    report = reports[0].text.rpartition("The report follows:")[2].partition("agentId:")[0].strip()
    yield Step((say(f"The sub-agent is back. It says: {report}"),))


def look_around(talk: Conversation) -> Behaviour:
    """The sub-agent's own part."""
    call = ToolCall("Bash", {"command": "git ls-files", "description": "List the tracked files"})
    listings = yield Step((say("I list the tracked files."), call))
    if not listings or listings[0].is_error:
        yield Step((say(f"I could not list the files: {_reason(listings[0]) if listings else 'no answer came'}"),))
        return
    names = [line for line in listings[0].text.splitlines() if line and not line.startswith("(Bash completed")]
    shown = f", among them {', '.join(names[:5])}" if names else ""
    yield Step((say(f"Tracked files in this work tree: {len(names)}{shown}."),))


def report_test(outcome: Outcome) -> str:
    """What a test run led to, told truthfully."""
    tail = "\n".join(outcome.text.strip().splitlines()[-12:])[-1500:]
    if outcome.is_error and not outcome.text.startswith("Exit code"):
        return f"The command was not run: {_reason(outcome)}\n\nSo I do not know whether the tests pass."
    if outcome.is_error:
        return f"The tests failed:\n\n```\n{tail}\n```"
    if re.search(r"^OK\b", outcome.text, re.MULTILINE):
        return f"The tests passed:\n\n```\n{tail}\n```"
    return f"The command ended without an error, but I do not see that tests passed:\n\n```\n{tail}\n```"


def write(talk: Conversation, program: Program, text: Text) -> Behaviour:
    """Write a program and its test, each with a permission of its own, and run the test; `text` is said first."""
    for name, content in ((program.file, program.source), (program.test_file, program.test)):
        call = ToolCall("Write", {"file_path": path(talk, name), "content": content})
        written = yield Step((text, call))
        if not written or written[0].is_error:
            reason = _reason(written[0]) if written else "no answer came"
            yield Step((say(f"`{name}` was not written: {reason}\n\nI stop here and leave everything as it is."),))
            return
        text = say(f"`{name}` is written.")
    command = f"python3 -B -m unittest -v test_{program.name}"
    runs = yield Step((text, ToolCall("Bash", {"command": command, "description": f"Run the test of {program.file}"})))
    yield Step((say(report_test(runs[0] if runs else Outcome("Bash", {}, "no answer came", is_error=True))),))


def path(talk: Conversation, name: str) -> str:
    """A file of the work tree by its full path, as the tools want it."""
    return f"{talk.cwd or '/workspace'}/{name}"


def _reason(outcome: Outcome) -> str:
    return outcome.text.strip()[:1000] or "no reason was given"


def _plan(program: Program) -> str:
    return (
        f"# {program.label}\n\n"
        f"1. Write `{program.file}`.\n"
        f"2. Write `{program.test_file}`, which covers the usual cases and the edges.\n"
        "3. Run the test and report what it says.\n"
    )

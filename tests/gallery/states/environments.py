"""The environments of an organisation: their cards, the forms behind them, and what a deletion would mean."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.gallery.state import View, state
from tests.gallery.world import World

PAGE = "/settings/environments/"
SHOWN = ".environment-status .status"


def _sheet(page: Page) -> None:
    expect(page.locator("dialog[open] form")).to_be_visible()


def _add(kind: str) -> Callable[[Page], None]:
    def arrange(page: Page) -> None:
        page.get_by_role("link", name="Add environment").click()
        _sheet(page)
        page.locator(f"dialog[open] .choice:has([value={kind}])").click(force=True)

    return arrange


def _from_a_dockerfile(page: Page) -> None:
    _add("DOCKER")(page)
    page.get_by_role("dialog").get_by_label("From a Dockerfile").check()


def _add_wrongly(page: Page) -> None:
    _add("DOCKER")(page)
    page.get_by_role("dialog").get_by_role("button", name="Add environment").click()
    page.get_by_role("dialog").locator(".field > .error").first.wait_for()


def _to_the_end(page: Page) -> None:
    """All that is folded away, and what a window has no room for."""
    dialog = page.locator("dialog[open]")
    for summary in dialog.locator("details.more > summary").all():
        if summary.is_visible():
            summary.click()
    dialog.locator(".body").evaluate("(body) => body.scrollTo(0, body.scrollHeight)")


def _add_more(kind: str) -> Callable[[Page], None]:
    def arrange(page: Page) -> None:
        _add(kind)(page)
        _to_the_end(page)

    return arrange


def _all_of_docker(page: Page) -> None:
    page.locator(".choice:has([value=DOCKER])").click(force=True)
    for summary in page.locator("details.more > summary").all():
        if summary.is_visible():
            summary.click()


def _of(name: str, what: str) -> Callable[[Page], None]:
    def arrange(page: Page) -> None:
        card = page.locator(".environment", has_text=name)
        if what == "Delete…":
            card.locator("summary").first.click()
        card.get_by_role("link", name=what).click()
        _sheet(page)

    return arrange


def _report(page: Page) -> None:
    expect(page.locator(SHOWN).first).to_be_visible()
    for report in page.locator("slw-environment-test").get_by_role("button", name="Report").all():
        report.click()


KEY = {
    "key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKXf0LmVzYm9keSdzIGtleSBmb3IgcGljdHVyZXM",
    "algorithm": "ssh-ed25519",
    "fingerprint": "SHA256:q1nFf4lBqfVnq0d7Z5oC3w9iVb2sT8rYkHx6uEoMp4A",
}


def _host_key(page: Page) -> None:
    page.route("**/api/environments/host-key", lambda route: route.fulfill(json=KEY))
    _add("SSH")(page)
    page.get_by_role("dialog").get_by_label("Host", exact=True).fill("build-7.example.com")
    page.get_by_role("button", name="Fetch host key").click()
    page.get_by_role("button", name="Approve").wait_for()
    page.get_by_role("button", name="Approve").scroll_into_view_if_needed()


def _scroll_to_log(page: Page) -> None:
    page.locator(".log").scroll_into_view_if_needed()


@state
def only_this_machine(world: World) -> View:
    return View(world.newcomer, PAGE, shows=SHOWN)


@state
def of_each_kind(world: World) -> View:
    return View(world.manager, PAGE, shows=SHOWN)


@state
def reports(world: World) -> View:
    return View(world.manager, PAGE, _report, shows=SHOWN)


@state
def of_a_viewer(world: World) -> View:
    return View(world.vera, f"{PAGE}?organization={world.alice.organization_id}", shows=SHOWN)


@state
def in_japanese(world: World) -> View:
    return View(world.jiro, PAGE, shows=SHOWN)


@state
def add_in_japanese(world: World) -> View:
    return View(world.jiro, "/settings/environments/new/", _all_of_docker, shows="form.environment-form")


@state
def fifty(world: World) -> View:
    return View(world.operator, PAGE, shows=".environment:nth-of-type(50)")


@state
def left_behind(world: World) -> View:
    return View(world.keeper, PAGE, shows=".note.warning")


@state
def add_host(world: World) -> View:
    return View(world.manager, PAGE, _add_more("HOST"))


@state
def add_docker_to_the_end(world: World) -> View:
    return View(world.manager, PAGE, _add_more("DOCKER"))


@state
def add_ssh_to_the_end(world: World) -> View:
    return View(world.manager, PAGE, _add_more("SSH"))


@state
def add_modal_to_the_end(world: World) -> View:
    return View(world.manager, PAGE, _add_more("MODAL"))


@state
def add_docker(world: World) -> View:
    return View(world.manager, PAGE, _add("DOCKER"))


@state
def add_docker_by_dockerfile(world: World) -> View:
    return View(world.manager, PAGE, _from_a_dockerfile)


@state
def add_docker_refused(world: World) -> View:
    return View(world.manager, PAGE, _add_wrongly, forgives=("status of 400", "status of 422"))


@state
def add_ssh(world: World) -> View:
    return View(world.manager, PAGE, _add("SSH"))


@state
def add_modal(world: World) -> View:
    return View(world.manager, PAGE, _add("MODAL"))


@state
def edit(world: World) -> View:
    return View(world.manager, PAGE, _of("node-22", "Edit"))


@state
def credential(world: World) -> View:
    return View(world.manager, PAGE, _of("node-22", "Model key"))


@state
def credential_that_is_stored(world: World) -> View:
    return View(world.operator, PAGE, _of("fix-login-0", "Model key"))


@state
def delete_in_use(world: World) -> View:
    return View(world.keeper, PAGE, _of("staging", "Delete…"), shows="dialog[open] .note.warning")


@state
def delete(world: World) -> View:
    return View(world.manager, PAGE, _of("node-22", "Delete…"))


@state
def host_key_to_approve(world: World) -> View:
    return View(world.manager, PAGE, _host_key)


@state
def image_being_built(world: World) -> View:
    path = world.environment(world.builder, "web")
    return View(world.builder, path, _scroll_to_log, shows=".log")


@state
def image_that_was_not_built(world: World) -> View:
    path = world.environment(world.builder, "web-next")
    return View(world.builder, path, _scroll_to_log, shows=".log")

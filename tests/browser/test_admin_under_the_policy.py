"""Django's admin works under our content policy: lists, forms, deleting; nothing is blocked, nothing complains."""

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import LiveServer

pytestmark = pytest.mark.browser

MODELS = ["devices/tag", "devices/device", "plant/area"]


def listening(page: Page) -> list[str]:
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


@pytest.mark.parametrize("model", MODELS)
def test_lists_forms_and_deleting_say_nothing_in_the_console(chromium: Browser, server: LiveServer, model: str) -> None:
    page = server.open(chromium, f"/admin/{model}/", "ada")
    said = listening(page)
    page.reload()
    page.locator("#result_list tbody th a").first.click()
    page.wait_for_selector("form[id$=_form]")
    page.goto(page.url.removesuffix("change/") + "delete/")
    page.wait_for_load_state("networkidle")
    page.goto(f"{server.url}/admin/{model}/add/")
    page.locator("input[type=submit]").first.click()
    page.wait_for_selector(".errornote")

    assert said == []


def test_a_script_that_somebody_smuggled_in_does_not_run(chromium: Browser, server: LiveServer) -> None:
    page = server.open(chromium, "/admin/devices/tag/", "ada")
    said = listening(page)

    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.smuggled = true";
            document.body.append(script);
            const styled = document.createElement("p");
            styled.setAttribute("style", "color: red");
            document.body.append(styled);
        }"""
    )

    assert page.evaluate("() => window.smuggled") is None
    assert len([text for text in said if "Content Security Policy" in text]) == 2

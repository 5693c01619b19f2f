"""Nothing on a page keeps people out: axe-core finds no serious violation of WCAG on it (HMI-13)."""

from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page

from bus import quality
from tests.browser.conftest import LiveServer
from tests.missing import missing
from tests.road.site import ROOT, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(120)]

AXE: Final = ROOT / "node_modules" / "axe-core" / "axe.min.js"
LEVEL: Final = "works/north/level"
PAGES: Final = (
    "/", "/area/works/north/", f"/tag/{LEVEL}/", "/devices/", "/devices/plc1/", "/by-hand/", "/system/",
    "/accounts/password/change/", f"/trends/?pen={LEVEL}&pen=works/south/flow",
    "/alarms/", "/alarms/?group=on", "/alarms/muted/", "/alarms/kpi/", "/alarms/journal/",
)  # fmt: skip
SERIOUS: Final = {"serious", "critical"}


@pytest.fixture
def axe() -> str:
    return Path(AXE).read_text() if AXE.exists() else missing("axe-core is not installed (make dev)")


def violations(page: Page, axe: str) -> list[str]:
    """Rule, and the first element that breaks it."""
    page.evaluate(axe)
    found: dict[str, Any] = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found["violations"] if v["impact"] in SERIOUS]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_violation(chromium: Browser, server: LiveServer, axe: str, scheme: Any) -> None:
    poller = server.poll(level=1.25)
    poller.set(server.id_of("works/south/flow"), None, quality.BAD_SENSOR_FAILURE)
    poller.set(server.id_of(LEVEL), 2.0, quality.GOOD_LOCAL_OVERRIDE)
    context = server.log_in(chromium, "ada")
    page = context.new_page()
    page.emulate_media(color_scheme=scheme)
    found = {}
    for path in PAGES:
        page.goto(f"{server.url}{path}")
        if path.startswith("/tag/"):
            wait_until(lambda: page.locator(f'[data-live="{LEVEL}"][data-q="forced"]').count() > 0, 5, "the mark")
        found[path] = violations(page, axe)
    page.context.clear_cookies()
    page.goto(f"{server.url}/accounts/login/")
    found["/accounts/login/"] = violations(page, axe)
    context.close()
    assert [f"{path} {rule}" for path, broken in found.items() for rule in broken] == []


def test_axe_does_find_what_is_wrong(chromium: Browser, server: LiveServer, axe: str) -> None:
    page = chromium.new_context().new_page()
    page.goto(f"{server.url}/accounts/login/")
    page.evaluate("document.body.innerHTML = '<main><img src=\"/static/img/favicon.svg\"><input></main>'")
    assert {found.partition(":")[0] for found in violations(page, axe)} >= {"image-alt", "label"}

"""What an operator sees: a value comes, changes, goes stale when the server dies, and comes back (HMI-06, UA-05)."""

import signal
import subprocess
import sys
import time
from itertools import pairwise

import pytest
from playwright.sync_api import Browser, Page

from bus import quality
from tests.browser.conftest import LiveServer
from tests.road.site import ROOT, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

LEVEL = "works/north/level"
HONEST_S = 3.0
SLACK_S = 0.5
"""For the polling of the test and a busy machine."""


def place(page: Page, path: str = LEVEL) -> tuple[str, str]:
    """(number, quality) as shown."""
    found = page.locator(f'[data-live="{path}"]').first
    number = (found.locator(".live-number").text_content() or "").strip()
    return number, str(found.get_attribute("data-q"))


def banner(page: Page) -> str:
    found = page.locator("[data-live-banner]").first
    return (found.text_content() or "").strip() if found.is_visible() else ""


def test_a_value_comes_and_changes_without_a_reload(chromium: Browser, server: LiveServer) -> None:
    poller = server.poll(level=1.25)
    page = server.open(chromium, f"/tag/{LEVEL}/")
    errors: list[str] = []
    page.on("console", lambda m: errors.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda e: errors.append(str(e)))
    wait_until(lambda: place(page) == ("1.25", "good"), 5, "the first value")
    poller.set(server.id_of(LEVEL), 2.5)
    wait_until(lambda: place(page) == ("2.50", "good"), 3, "the new value")
    assert banner(page) == ""
    assert errors == []


@pytest.mark.parametrize(
    ("status", "q", "glyph"),
    [
        (quality.GOOD, "good", ""),
        (quality.GOOD_LOCAL_OVERRIDE, "forced", "☞"),
        (quality.GOOD_CLAMPED | quality.LIMIT_HIGH, "limited", "⇥"),
        (quality.UNCERTAIN_NO_COMMUNICATION, "uncertain", "?"),
        (quality.UNCERTAIN_LAST_USABLE, "stale", "…"),
        (quality.BAD_SENSOR_FAILURE, "bad", "×"),
    ],
)
def test_every_quality_shows_by_glyph_and_word(
    chromium: Browser, server: LiveServer, status: int, q: str, glyph: str
) -> None:
    """HMI-11, HMI-19: never by colour alone."""
    poller = server.poll(level=1.25)
    page = server.open(chromium, f"/tag/{LEVEL}/")
    wait_until(lambda: place(page)[1] == "good", 5, "the first value")
    poller.set(server.id_of(LEVEL), 2.5, status)
    number = "–" if q == "bad" else "2.50"
    wait_until(lambda: place(page) == (number, q), 3, f"the mark of {q}")
    found = page.locator(f'[data-live="{LEVEL}"]').first
    assert (found.locator(".live-glyph").text_content() or "") == glyph
    assert page.locator(f'[data-live-word="{LEVEL}"]').first.text_content()
    assert found.get_attribute("title")


@pytest.mark.slow
def test_a_dead_server_makes_the_screen_stale_and_it_recovers_by_itself(chromium: Browser, server: LiveServer) -> None:
    poller = server.poll(level=1.25)
    page = server.open(chromium, f"/tag/{LEVEL}/")
    wait_until(lambda: place(page) == ("1.25", "good"), 5, "the first value")
    server.site.kill("web")
    took = wait_until(lambda: place(page)[1] == "stale" and "out of date" in banner(page), HONEST_S + SLACK_S, "stale")
    assert took <= HONEST_S + SLACK_S
    assert place(page)[0] == "1.25"
    poller.set(server.id_of(LEVEL), 4.5)
    server.start_web()
    wait_until(lambda: place(page) == ("4.50", "good") and banner(page) == "", 15, "live again, by itself")


REMEMBER_SENTENCES = """() => {
  window.sentences = [];
  document.addEventListener("isthmus:link", ({detail}) => window.sentences.push(detail.sentence));
}"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dead_server_is_not_blamed_on_the_poller_or_on_redis(
    how: signal.Signals, chromium: Browser, server: LiveServer
) -> None:
    server.poll(level=1.25)
    page = server.open(chromium, f"/tag/{LEVEL}/")
    wait_until(lambda: place(page) == ("1.25", "good"), 5, "the first value")
    page.evaluate(REMEMBER_SENTENCES)
    web = server.site.processes["web"]
    web.send_signal(how)
    try:
        wait_until(lambda: "does not answer" in banner(page), HONEST_S + SLACK_S, "the banner names the server")
        page.wait_for_timeout(1500)
        sentences = page.evaluate("window.sentences")
    finally:
        web.send_signal(signal.SIGCONT)
    assert [s for s in sentences if s and "does not answer" not in s] == []


@pytest.mark.slow
def test_a_frozen_server_is_as_good_as_a_dead_one(chromium: Browser, server: LiveServer) -> None:
    """The socket stays open and nothing comes: the screen must not wait for TCP."""
    server.poll(level=1.25)
    page = server.open(chromium, f"/tag/{LEVEL}/")
    wait_until(lambda: place(page) == ("1.25", "good"), 5, "the first value")
    web = server.site.processes["web"]
    web.send_signal(signal.SIGSTOP)
    try:
        wait_until(lambda: place(page)[1] == "stale" and banner(page) != "", HONEST_S + SLACK_S, "stale")
    finally:
        web.send_signal(signal.SIGCONT)
    wait_until(lambda: place(page) == ("1.25", "good") and banner(page) == "", 20, "live again")


def test_a_silent_poller_makes_values_stale_by_their_limit_and_the_banner_says_who(
    chromium: Browser, server: LiveServer
) -> None:
    """UA-05: a dead poller writes nothing; the reader says it."""
    poller = server.poll(level=1.25)
    page = server.open(chromium, f"/tag/{LEVEL}/")
    wait_until(lambda: place(page) == ("1.25", "good"), 5, "the first value")
    poller.is_paused = True
    wait_until(lambda: place(page)[1] == "stale", 3 + 1 + SLACK_S, "the limit of three scans")
    wait_until(lambda: "poller" in banner(page), 3, "the banner names the poller")
    poller.is_paused = False
    wait_until(lambda: place(page) == ("1.25", "good") and banner(page) == "", 6, "live again")


def test_a_number_is_redrawn_twice_a_second_at_most(chromium: Browser, server: LiveServer) -> None:
    """HMI-02, and the last value is shown all the same."""
    poller = server.poll(level=1.0)
    poller.scan_s = 0.05
    page = server.open(chromium, f"/tag/{LEVEL}/")
    wait_until(lambda: place(page) == ("1.00", "good"), 5, "the first value")
    page.evaluate(
        """(path) => {
          window.redraws = [];
          const number = document.querySelector(`[data-live="${path}"] .live-number`);
          new MutationObserver(() => window.redraws.push(performance.now())).observe(number, {childList: true});
        }""",
        LEVEL,
    )
    end = time.monotonic() + 3
    value = 2.0
    while time.monotonic() < end:
        value += 1
        poller.set(server.id_of(LEVEL), value)
        page.wait_for_timeout(40)
    wait_until(lambda: place(page) == (f"{value:.2f}", "good"), 3, "the last value")
    times = page.evaluate("window.redraws")
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) >= 4
    assert min(gaps) >= 450


def test_a_place_that_comes_later_is_filled_and_one_that_is_forbidden_says_so(
    chromium: Browser, server: LiveServer
) -> None:
    server.poll(level=1.25, flow=7)
    page = server.open(chromium, f"/tag/{LEVEL}/", "omar")
    wait_until(lambda: place(page) == ("1.25", "good"), 5, "the first value")
    page.evaluate(
        """(paths) => paths.forEach((path) => {
          const copy = document.querySelector("[data-live]").cloneNode(true);
          copy.dataset.live = path;
          copy.querySelector(".live-number").textContent = "";
          document.querySelector("main").append(copy);
        })""",
        ["WORKS/north/Pumps/RUN", "works/south/flow"],
    )
    wait_until(lambda: place(page, "WORKS/north/Pumps/RUN") == ("stopped", "good"), 3, "the place that came later")
    wait_until(lambda: place(page, "works/south/flow") == ("–", "bad"), 3, "the place in another's area")
    assert place(page) == ("1.25", "good")


def test_other_modules_hear_of_values_and_of_the_link(chromium: Browser, server: LiveServer) -> None:
    poller = server.poll(level=1.25)
    page = server.open(chromium, f"/tag/{LEVEL}/")
    wait_until(lambda: place(page) == ("1.25", "good"), 5, "the first value")
    page.evaluate(
        """() => {
          window.heard = [];
          document.addEventListener("isthmus:values", ({detail}) => window.heard.push(...detail));
          document.addEventListener("isthmus:link", ({detail}) => window.link = detail);
        }"""
    )
    poller.set(server.id_of(LEVEL), 3.5)
    wait_until(lambda: any(v["value"] == 3.5 for v in page.evaluate("window.heard")), 3, "the value is told")
    last = next(v for v in page.evaluate("window.heard") if v["value"] == 3.5)
    assert (last["path"], last["status"], last["q"]) == (LEVEL, 0, "good")
    poller.is_paused = True
    wait_until(lambda: page.evaluate("window.heard.at(-1).q") == "stale", 5, "the module hears that it is stale")
    wait_until(lambda: page.evaluate("window.link?.state") == "stale", 5, "and what the banner says")


def test_a_module_that_comes_after_the_values_is_told_them(chromium: Browser, server: LiveServer) -> None:
    """A value that never changes would otherwise never be told: its line beside the number stayed empty."""
    server.poll(level=1.25)
    page = server.open(chromium, f"/tag/{LEVEL}/")
    wait_until(lambda: place(page) == ("1.25", "good"), 5, "the first value")
    told = page.evaluate(
        """async () => {
          const told = [];
          const { onValues } = await import("/static/js/ui/values.js");
          onValues((values) => told.push(...values));
          return told;
        }"""
    )
    assert [(each["path"], each["value"], each["q"]) for each in told] == [(LEVEL, 1.25, "good")]


def test_who_is_logged_out_is_told_and_led_to_the_login(chromium: Browser, server: LiveServer) -> None:
    server.poll(level=1.25)
    page = server.open(chromium, f"/tag/{LEVEL}/", "leaver")
    wait_until(lambda: place(page) == ("1.25", "good"), 5, "the first value")
    key = server.site.sessions["leaver"]
    script = f"from django.contrib.sessions.models import Session as S; print(S.objects.filter(pk='{key}').delete())"
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", script]
    subprocess.run(command, cwd=ROOT, env=server.site.env, check=True, stdout=subprocess.DEVNULL, timeout=60)
    wait_until(lambda: "no longer logged in" in banner(page), 5 + SLACK_S, "the banner")
    assert place(page)[1] == "stale"
    page.locator("[data-live-banner] a").click()
    page.wait_for_url("**/login/**")
    assert LEVEL in page.url

"""Which frames a page acknowledges, and when."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

SOURCE = Path(__file__).resolve().parents[2] / "static" / "js" / "live" / "receipts.js"
RUN = """async ([source, events]) => {
  const {Receipts} = await import(URL.createObjectURL(new Blob([source], {type: "text/javascript"})));
  const said = [];
  const receipts = new Receipts((seq) => said.push(seq));
  for (const [what, ...rest] of events) receipts[what](...rest);
  return said;
}"""


def said(browser: Browser, *events: tuple[str | int, ...]) -> list[int]:
    page = browser.new_page()
    found: list[int] = page.evaluate(RUN, [SOURCE.read_text(), events])
    page.close()
    return found


def test_every_second_frame_is_acknowledged_at_once(chromium: Browser) -> None:
    frames = [("applied", seq, seq * 10) for seq in range(1, 6)]
    assert said(chromium, *frames) == [2, 4]


def test_a_lone_frame_is_acknowledged_a_second_later_and_once(chromium: Browser) -> None:
    assert said(chromium, ("applied", 7, 0), ("look", 999), ("look", 1000), ("look", 9000)) == [7]


def test_a_frame_of_a_socket_that_is_gone_is_not_acknowledged_on_the_next(chromium: Browser) -> None:
    assert said(chromium, ("applied", 7, 0), ("forget",), ("look", 5000), ("applied", 8, 5000)) == []

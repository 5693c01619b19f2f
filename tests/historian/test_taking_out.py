"""What leaves history is what lies in it: pandas, plain SQL, the API and the command tell the same."""

import io
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas
import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from accounts.actors import actor_of_user
from accounts.permissions import Action
from accounts.tokens import create_token
from bus import quality
from bus.messages import Value
from devices.current import current_snapshot
from devices.models import Tag
from exchange.caller import pace
from historian import pens
from historian.aggregate import DEFAULTS, Aggregate
from historian.configuration import key_of
from historian.export import batches
from historian.export.stamps import stamps
from historian.intervals import Every, intervals
from historian.pen import Pen
from historian.query import Query
from historian.samples import Row, stored
from historian.storage.base import HOUR_MS, Storage
from tests.cast import Cast, Works
from tests.historian.rows import T0, a_series, row
from tests.historian.storages import history_url, postgres_url, storage
from tests.historian.test_sealing import keep

__all__ = ["history_url", "postgres_url", "storage"]

LEVEL, RUN, FLOW = "works/north/level", "works/north/pumps/run", "works/south/flow"
STATUSES = (0, 0, 0, 0, 0, quality.UNCERTAIN_EU_EXCEEDED, quality.BAD_NO_COMMUNICATION)
BEGIN = round(datetime.fromisoformat("2026-10-24T20:00+00:00").timestamp() * 1000)
"""Before the night in which clocks of Stockholm are set back."""
HOURS = 8


@pytest.fixture
def recorded(
    storage: Storage, history_url: str, works: Works, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> dict[str, list[Row]]:
    """Numbers, counters beyond 2^53 and texts, with gaps and doubt, over the night; the last two hours not packed."""
    settings.HISTORY_DATABASE_URL = history_url
    monkeypatch.setattr(pens, "_known", pens._Known())  # on a server the address is that of the test before
    Tag.objects.filter(pk=works.run.pk).update(data_type="string", state_labels={})
    draw = random.Random(7)
    makes: dict[str, Callable[[int], Value]] = {
        LEVEL: lambda n: draw.choice([n / 7, -n / 3, 1e300, 5e-324, float(n)]),
        FLOW: lambda n: draw.choice([2**53 + n, 2**64 - 1 - n, n, -(2**63) + n]),
        RUN: lambda n: draw.choice(["läuft", 'off; "x"', "=1+1", "", "ü\n"]),
    }
    found = {}
    for path, make in makes.items():
        entry = current_snapshot().tag(path)
        assert entry is not None
        key = key_of(entry)
        number = storage.add_series({key: path})[key]
        rows = []
        for n, ms in enumerate(sorted(draw.sample(range(BEGIN, BEGIN + HOURS * HOUR_MS), 800))):
            status = draw.choice(STATUSES)
            value = None if status == quality.BAD_NO_COMMUNICATION else make(n)
            rows.append((ms, number, *stored(value), status, ms + 40))
        found[path] = rows
    packed_to = BEGIN + (HOURS - 2) * HOUR_MS
    storage.write([one for rows in found.values() for one in rows if one[0] < packed_to], None)
    keep(storage, packed_to + 12 * 60_000)
    storage.write([one for rows in found.values() for one in rows if one[0] >= packed_to], None)
    return found


def told(rows: list[Row]) -> list[tuple[int, float | str | None, int]]:
    """(ms, value as JSON tells it, status)."""
    return [(ms, number if exact is None else exact, status) for ms, _, number, exact, status, _ in rows]


def of_frame(frame: Any) -> list[tuple[int, float | str | None, int]]:
    times = frame["time"].dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[ms]").astype("int64")
    values = [
        exact if isinstance(exact, str) else None if pandas.isna(number) else number
        for exact, number in zip(frame["exact"], frame["number"], strict=True)
    ]
    return list(zip(times.tolist(), values, frame["status"].tolist(), strict=True))


@pytest.fixture
def vera(cast: Cast) -> Client:
    pace.forget()
    _, key = create_token(actor_of_user(cast.vera), cast.vera, "test", (Action.VIEW,), None)
    return Client(headers={"Authorization": f"Bearer {key}"})


def ask(client: Client, *paths: str, **more: Any) -> Any:
    query = {"tag": list(paths), "from": _iso(BEGIN), "to": _iso(BEGIN + HOURS * HOUR_MS), **more}
    answer = client.get("/api/v1/history", query)
    assert answer.status_code == 200, answer.content
    return answer


def _iso(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, ZoneInfo('UTC')):%Y-%m-%dT%H:%M:%SZ}"


def sql(url: str, statement: str) -> list[tuple[Any, ...]]:
    """As somebody outside asks."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(f"file:{url.removeprefix('sqlite:///')}?mode=ro", uri=True)) as file:
            return file.execute(statement).fetchall()
    with psycopg.connect(url, options="-c search_path=history") as server:
        return server.execute(statement.encode()).fetchall()


def test_pandas_the_api_and_the_command_tell_what_was_recorded(
    recorded: dict[str, list[Row]], vera: Client, tmp_path: Path
) -> None:
    """HIS-01, to the last digit and millisecond, whether packed yet or not."""
    file = tmp_path / "out.parquet"
    call_command(
        "history", "export", *(f"--tag={path}" for path in recorded), f"--from={_iso(BEGIN)}",
        f"--to={_iso(BEGIN + HOURS * HOUR_MS)}", str(file), stdout=io.StringIO(),
    )  # fmt: skip
    by_command = pandas.read_parquet(file)
    by_rest = pandas.read_parquet(io.BytesIO(b"".join(ask(vera, *recorded, format="parquet").streaming_content)))
    by_json = {one["path"]: one["samples"] for one in ask(vera, *recorded, limit=10_000).json()["series"]}
    for path, rows in recorded.items():
        wanted = told(rows)
        assert of_frame(by_command[by_command.path == path]) == wanted
        assert of_frame(by_rest[by_rest.path == path]) == wanted
        found = [
            (round(datetime.fromisoformat(one["ts"]).timestamp() * 1000), one["value"], one["status"])
            for one in by_json[path]
        ]
        assert found == wanted
    assert str(by_command["time"].dt.tz) == "Europe/Stockholm"


def test_the_csv_is_read_back_as_what_was_recorded(recorded: dict[str, list[Row]], vera: Client) -> None:
    body = b"".join(ask(vera, *recorded, format="csv").streaming_content)
    frame = pandas.read_csv(io.BytesIO(body), dtype=str, keep_default_na=False)
    times = [round(datetime.fromisoformat(text).timestamp() * 1000) for text in frame["time (Europe/Stockholm)"]]
    frame["ms"], frame["code"] = times, [int(text, 16) for text in frame["status"]]
    for path, rows in recorded.items():
        mine = frame[frame.path == path]
        assert list(zip(mine.ms, mine.code, strict=True)) == [(ms, status) for ms, _, status in told(rows)]
        if path == RUN:
            texts = [
                "" if value is None else f"'{value}" if str(value)[:1] == "=" else value for _, value, _ in told(rows)
            ]
            assert mine["value"].tolist() == texts
        else:
            cells = [
                None if not text else int(text) if text.lstrip("-").isdigit() else float(text) for text in mine["value"]
            ]
            assert cells == [int(v) if isinstance(v, str) else v for _, v, _ in told(rows)]


def _number(text: str) -> float | None:
    return None if not text else int(text) if text.lstrip("-").isdigit() else float(text)


def test_plain_sql_on_the_views_tells_the_same_as_the_api(
    recorded: dict[str, list[Row]], vera: Client, history_url: str
) -> None:
    since = BEGIN + (HOURS - 2) * HOUR_MS
    for path in recorded:
        by_sql = sql(
            history_url,
            f"SELECT time_ms, number, exact, status FROM history_samples WHERE path = '{path}' ORDER BY time_ms",
        )
        found = [(ms, number if exact is None else exact, status) for ms, number, exact, status in by_sql]
        assert found == [one for one in told(recorded[path]) if one[0] >= since]
    hours = sql(
        history_url,
        "SELECT time_ms, good_samples, minimum, maximum, average_of_samples, maximum_time_ms FROM history_hours"
        f" WHERE path = '{LEVEL}' ORDER BY time_ms",
    )
    assert len(hours) == HOURS - 2
    kinds = ["Count", "Minimum", "Maximum", "Average", "MaximumActualTime"]
    series = ask(vera, LEVEL, mode="aggregate", aggregate=kinds, interval="1h").json()["series"][0]
    for (ms, good, low, high, mean, high_ms), interval in zip(hours, series["intervals"], strict=False):
        values = interval["values"]
        assert interval["from"] == _iso(ms).replace("Z", ".000Z")
        assert [values[kind]["value"] for kind in ("Count", "Minimum", "Maximum")] == [good, low, high]
        assert values["Average"]["value"] == pytest.approx(mean, rel=1e-12)
        when = datetime.fromisoformat(values["MaximumActualTime"]["ts"])
        assert round(when.timestamp() * 1000) == high_ms


# -- the command


def test_the_command_knows_tags_that_are_gone(
    storage: Storage, history_url: str, db: None, settings: Any, tmp_path: Path
) -> None:
    settings.HISTORY_DATABASE_URL = history_url
    (one,) = a_series(storage, "old")
    storage.write([row(one, T0), row(one, T0 + 1, 2.0)], None)
    for name in ("plant/OLD", "uuid-old"):
        file = tmp_path / "old.csv"
        out = io.StringIO()
        call_command(
            "history", "export", "--tag", name, "--from", "2026-01-01", "--to=2027-01-01", str(file), stdout=out
        )
        assert out.getvalue().startswith("2 samples of 1 series")
        assert [line.split(",")[2] for line in file.read_text("utf-8-sig").splitlines()] == ["value", "1.0", "2.0"]
    with pytest.raises(CommandError, match="Nothing was recorded of 'plant/none'"):
        call_command("history", "export", "--tag", "plant/none", "--from", "2026-01-01", str(tmp_path / "x.csv"))
    with pytest.raises(CommandError, match="give --format csv or parquet"):
        call_command("history", "export", "--tag", "plant/old", "--from", "2026-01-01", str(tmp_path / "x.xlsx"))


def test_an_export_that_fails_leaves_the_file_that_was_there(
    storage: Storage, history_url: str, db: None, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HISTORY_DATABASE_URL = history_url
    (one,) = a_series(storage, "old")
    storage.write([row(one, T0)], None)
    file = tmp_path / "old.csv"
    file.write_text("of yesterday")
    monkeypatch.setattr(batches, "of_samples", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        call_command("history", "export", "--tag=plant/old", "--from=2026-01-01", "--to=2027-01-01", str(file))
    assert {each.name: each.read_text() for each in tmp_path.iterdir() if "old" in each.name} == {
        "old.csv": "of yesterday"
    }


# -- times


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = ["UTC", "Europe/Stockholm", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"]


@given(ms=st.integers(-62_000_000_000_000, 250_000_000_000_000), zone=st.sampled_from(ZONES))
def test_a_stamp_says_the_moment_and_the_clock_on_the_wall(ms: int, zone: str) -> None:
    (text,) = stamps(np.array([ms]), ZoneInfo(zone))
    when = datetime.fromisoformat(text)
    assert (when - EPOCH) // timedelta(milliseconds=1) == ms
    if ms > 0:
        there = (EPOCH + timedelta(milliseconds=ms)).astimezone(ZoneInfo(zone))
        assert text == there.isoformat(timespec="milliseconds")


def test_times_that_no_calendar_has_are_told_too() -> None:
    assert stamps(np.array([253_402_300_800_000]), ZoneInfo("UTC")) == ["10000-01-01T00:00:00.000+00:00"]


# -- long ones


def test_an_aggregate_in_parts_is_the_aggregate_in_one(storage: Storage) -> None:
    draw = random.Random(3)
    (one,) = a_series(storage, "level")
    times = sorted(draw.sample(range(T0 + 20 * HOUR_MS, T0 + 40 * 24 * HOUR_MS), 3000))
    times = [ms for ms in times if not T0 + 300 * HOUR_MS < ms < T0 + 600 * HOUR_MS]
    values = [row(one, ms, float(draw.randrange(9)), status=draw.choice(STATUSES)) for ms in times]
    storage.write(values, None)
    edges = intervals(T0, T0 + 50 * 24 * HOUR_MS, Every.of("7h"), ZoneInfo("Europe/Stockholm"))
    pen, query = Pen(one), Query(storage)
    kinds = list(Aggregate)
    whole = query.aggregate(pen, kinds, int(edges[0]), int(edges[-1]), edges)
    parts = list(batches.tables(query, pen, kinds, edges, DEFAULTS))
    assert len(parts) > 5
    assert np.array_equal(np.concatenate([part.starts for part in parts]), whole.starts)
    for kind in kinds:
        for name in ("values", "statuses", "times"):
            joined = np.concatenate([getattr(part.columns[kind], name) for part in parts])
            np.testing.assert_allclose(joined, getattr(whole.columns[kind], name), rtol=1e-9, atol=1e-6, err_msg=kind)

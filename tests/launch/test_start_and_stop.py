"""A whole site by one command: it starts, says where it is, and stops without leaving anything behind."""

import json
import os
import signal
import stat
from pathlib import Path

import pytest

from tests.launch.conftest import Launch
from tests.launch.running import Launched, one_line, processes_of
from tests.road.site import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PROGRAMS = {"run_web", "run_poller", "run_alarms", "run_jobs", "simulate_plant"}


def has_started(site: Launched) -> None:
    site.wait_until_served()
    assert "Isthmus runs at" in site.said, site.said


def test_the_first_start_sets_up_the_demo_and_prints_the_link_for_the_first_account(launch: Launch) -> None:
    site = launch()
    has_started(site)

    assert f"http://127.0.0.1:{site.port}/" in site.said
    link = site.setup_link()
    assert link is not None
    assert site.status(link.removeprefix(f"http://127.0.0.1:{site.port}")) == 200
    running = " ".join(" ".join(process.cmdline()) for process in processes_of(site.data_dir))
    assert all(word in running for word in (*PROGRAMS, "valkey-server", "hmi.launch.supervise"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_within_seconds(started: Launched, number: signal.Signals) -> None:
    site = started

    assert site.end(number) == 0

    assert site.said.rstrip().endswith("Stopped.")
    assert processes_of(site.data_dir) == []
    supervised = (site.data_dir / "logs" / "supervisor.log").read_text()
    assert "SIGKILL" not in supervised  # each ended by itself
    assert "Traceback" not in site.said


def test_the_second_start_prepares_nothing_again_and_keeps_the_first_plant(launch: Launch, tmp_path: Path) -> None:
    first = launch()
    has_started(first)
    first.end()
    other = tmp_path / "other.yaml"
    other.write_text("isthmus: 1\nplant: {name: other, title: Other, time_zone: UTC}\n")

    second = launch(PLANT=str(other))
    has_started(second)

    assert "Setting up the demo plant" in first.said
    for done in ("Preparing the database", "Collecting", "Setting up"):
        assert done not in second.said
    assert f"PLANT={other} is left aside: this site has the plant northgate already" in second.said
    assert first.setup_link() != second.setup_link()  # the older one has ended


def test_a_plant_of_ones_own_starts_without_the_simulator(launch: Launch, tmp_path: Path) -> None:
    document = tmp_path / "works.yaml"
    document.write_text("isthmus: 1\nplant: {name: works, title: Works, time_zone: UTC}\n")

    site = launch(PLANT=str(document))
    has_started(site)

    assert processes_of(site.data_dir, "simulate_plant") == []
    assert len(processes_of(site.data_dir, "run_poller")) == 1


def test_a_second_start_on_the_same_folder_is_refused_and_harms_nothing(started: Launched, launch: Launch) -> None:
    first = started
    before = {process.pid for process in processes_of(first.data_dir)}

    second = launch(PORT="1")
    assert second.process.wait(30) == 1
    second.finish_reading()

    said = one_line(second.said)
    assert f"Isthmus runs already at http://127.0.0.1:{first.port}/" in said
    assert f"(process {first.process.pid})" in said
    assert {process.pid for process in processes_of(first.data_dir)} == before
    assert first.is_served()


def test_a_folder_too_deep_for_a_socket_works_all_the_same(launch: Launch, tmp_path: Path) -> None:
    site = launch(tmp_path / ("deep" * 20) / ("deeper" * 10))
    has_started(site)

    assert site.status("/readyz") == 200


def test_logs_are_json_lines_with_no_secret_in_them_and_files_are_private(launch: Launch) -> None:
    site = launch(SECRET_KEY="not-a-secret-anybody-should-ever-read-in-a-log")
    has_started(site)
    link = site.setup_link() or ""
    site.status(link.removeprefix(f"http://127.0.0.1:{site.port}"))
    site.end()

    logs = site.data_dir / "logs"
    for name in ("web", "poller", "historian", "jobs", "simulator"):
        for line in (logs / f"{name}.log").read_text().splitlines():
            assert json.loads(line)["process"] == name
    everything = "".join(path.read_text(errors="replace") for path in logs.iterdir())
    assert link.rstrip("/").rpartition("/")[2] not in everything
    assert "not-a-secret-anybody" not in everything
    for path in (logs / "web.log", site.data_dir / "run" / "supervisor.ini", site.data_dir / "config.sqlite3"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 or not _others_reach(path), path


def _others_reach(path: Path) -> bool:
    """Whether every folder above lets others through, up to DATA_DIR, which is closed."""
    data_dir = next(parent for parent in path.parents if (parent / "secret_key").exists() or parent.name == "var")
    return bool(stat.S_IMODE(data_dir.stat().st_mode) & 0o077)


def test_a_signal_during_the_start_stops_it(launch: Launch) -> None:
    site = launch()
    wait_until(lambda: "Preparing the database" in site.said, 30, "it prepares")

    status = site.end()

    assert status in (0, 128 + signal.SIGINT)
    assert "Traceback" not in site.said
    wait_until(lambda: processes_of(site.data_dir) == [], 30, "nothing is left")
    assert os.path.exists(site.data_dir)

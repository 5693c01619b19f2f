"""Launched sites for the tests of this folder."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.launch.running import Launched, free_ports
from tests.road.site import ROOT

Launch = Callable[..., Launched]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A DATA_DIR on which `manage.py prepare` has run, to be copied: a first start takes seconds."""

    data_dir: Path
    ports: dict[str, str]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    data_dir = tmp_path_factory.mktemp("prepared") / "var"
    ports = free_ports()
    environment = os.environ | ports | {"DATA_DIR": str(data_dir), "DJANGO_SETTINGS_MODULE": "hmi.settings"}
    subprocess.run([sys.executable, "manage.py", "prepare"], cwd=ROOT, env=environment, check=True, timeout=120)
    return Prepared(data_dir, ports)


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """launch(**environment) starts the launcher on this test's DATA_DIR; everything is ended after the test."""
    running: list[Launched] = []
    ports = free_ports()

    def start(data_dir: Path | None = None, **environment: str) -> Launched:
        running.append(Launched(data_dir or tmp_path / "var", **(ports | environment)))
        return running[-1]

    yield start
    for site in running:
        site.close()


@pytest.fixture
def started(launch: Launch, prepared: Prepared, tmp_path: Path) -> Launched:
    """A site that runs: the demo, prepared before."""
    shutil.copytree(prepared.data_dir, tmp_path / "var")
    site = launch(SIMULATOR_PORT=prepared.ports["SIMULATOR_PORT"])
    site.wait_until_served()
    assert "Isthmus runs at" in site.said, site.said
    return site

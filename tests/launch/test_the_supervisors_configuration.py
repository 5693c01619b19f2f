"""What the supervisor is told, read back by supervisor's own parser."""

import shlex
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from supervisor.options import ServerOptions

from hmi.launch import programs

ReadBack = Callable[[list[programs.Program]], tuple[dict[str, Any], Any]]


@pytest.fixture
def read_back(tmp_path: Path) -> ReadBack:
    def read(programs_: list[programs.Program]) -> tuple[dict[str, Any], Any]:
        (tmp_path / "logs").mkdir(exist_ok=True)
        (tmp_path / "run").mkdir(exist_ok=True)
        path = tmp_path / "supervisor.ini"
        path.write_text(programs.supervisor_configuration(tmp_path, programs_))
        options = ServerOptions()
        options.realize(["-c", str(path), "-n"])
        return {p.name: p for group in options.process_group_configs for p in group.process_configs}, options

    return read


def test_a_site_with_its_own_valkey_and_the_demo(read_back: ReadBack, tmp_path: Path) -> None:
    found, options = read_back(programs.site(tmp_path, is_embedded_redis=True, simulator_port=15020))

    assert set(found) == {"valkey", "web", "poller", "alarms", "historian", "jobs", "simulator"}
    assert found["web"].environment["DJANGO_SETTINGS_MODULE"] == "hmi.settings"
    assert found["poller"].environment["DJANGO_SETTINGS_MODULE"] == "hmi.worker_settings"
    assert found["simulator"].environment["SIMULATOR_PORT"] == "15020"
    assert options.configroot.supervisord.server_configs == []  # no control socket for anybody to talk to


def test_with_a_redis_of_the_sites_own_and_a_real_plant_neither_is_started(read_back: ReadBack, tmp_path: Path) -> None:
    found, _ = read_back(programs.site(tmp_path, is_embedded_redis=False, simulator_port=None))

    assert set(found) == {"web", "poller", "alarms", "historian", "jobs"}


def test_valkey_ends_after_everybody_who_needs_it(read_back: ReadBack, tmp_path: Path) -> None:
    _, options = read_back(programs.site(tmp_path, is_embedded_redis=True, simulator_port=None))

    falling = sorted(options.process_group_configs, key=lambda group: -group.priority)
    assert [group.name for group in falling] == ["isthmus", "valkey"]


def test_everybody_is_started_again_for_ever_and_logs_within_bounds(read_back: ReadBack, tmp_path: Path) -> None:
    found, _ = read_back(programs.site(tmp_path, is_embedded_redis=True, simulator_port=15020))

    for program in found.values():
        assert program.autorestart
        assert program.startretries >= 10**9
        assert program.stdout_logfile_maxbytes * (program.stdout_logfile_backups + 1) <= 16 * 2**20
        assert program.redirect_stderr


def test_odd_characters_in_a_path_survive(tmp_path: Path) -> None:
    odd = tmp_path / "a plant 'north' \"one\"#2;"
    (odd / "logs").mkdir(parents=True)
    (odd / "run").mkdir()
    path = odd / "supervisor.ini"
    command = ["/bin/echo", str(odd)]
    path.write_text(programs.supervisor_configuration(odd, [programs.Program("odd", command, {"A": "50% of 'it'"})]))

    options = ServerOptions()
    options.realize(["-c", str(path), "-n"])
    (program,) = (p for g in options.process_group_configs for p in g.process_configs)

    assert shlex.split(program.command) == command
    assert program.stdout_logfile == str(odd / "logs" / "odd.log")


def test_valkeys_folder_is_private(tmp_path: Path) -> None:
    programs.valkey(tmp_path)

    assert stat.S_IMODE((tmp_path / "valkey").stat().st_mode) == 0o700

"""`make run` on a machine that lacks something: one clear sentence. Tried with interpreters that only pretend."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.road.site import ROOT

TOOLS = ("sh", "cat", "cksum", "cut", "dirname", "rm", "ls")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A copy of what install.sh needs, and a folder `bin` with nothing but a few of the system's tools."""
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / "bin" / tool).symlink_to(found)
    (tmp_path / "hmi" / "launch").mkdir(parents=True)
    for name in ("hmi/launch/install.sh", "requirements.txt", "constraints.txt", "package.json", "package-lock.json"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def pretend_python(folder: Path, name: str, *, version: str, is_new_enough: bool, can_make_venv: bool = True) -> None:
    """An interpreter that answers the questions of install.sh and can do nothing else."""
    script = folder / "bin" / name
    script.write_text(
        "#!/bin/sh\n"
        f'case "$*" in --version) echo "Python {version}" ;;\n'
        f'*"version_info <"*) exit {0 if is_new_enough else 1} ;;\n'
        f"*ensurepip*) exit {0 if can_make_venv else 1} ;;\n"
        f'*version_info*) echo "{version.rpartition(".")[0]}" ;;\n'
        '*) echo "not meant to get here: $*" >&2; exit 9 ;; esac\n'
    )
    script.chmod(0o755)


def install(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(folder / "bin"), "HOME": os.environ["HOME"]}
    return subprocess.run(
        [str(folder / "bin" / "sh"), str(folder / "hmi" / "launch" / "install.sh"), "runtime"],
        env=environment, check=False, capture_output=True, text=True, timeout=30,
    )  # fmt: skip


def test_a_python_that_is_too_old_is_named_with_what_is_needed(bare: Path) -> None:
    pretend_python(bare, "python3", version="3.9.2", is_new_enough=False)

    refused = install(bare)

    assert refused.returncode == 1
    assert "it needs Python 3.11 or newer, and this machine has Python 3.9.2." in refused.stderr
    assert "make run PYTHON=/path/to/python3.12" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not (bare / ".venv").exists()


def test_no_python_at_all_is_said(bare: Path) -> None:
    refused = install(bare)

    assert refused.returncode == 1
    assert "and this machine has no python3 at all" in refused.stderr


def test_a_newer_python_beside_an_old_one_is_found(bare: Path) -> None:
    pretend_python(bare, "python3", version="3.9.2", is_new_enough=False)
    pretend_python(bare, "python3.12", version="3.12.1", is_new_enough=True, can_make_venv=False)

    assert "python3.12 cannot make virtual environments" in install(bare).stderr


def test_a_debian_python_without_venv_is_answered_with_the_command_that_helps(bare: Path) -> None:
    pretend_python(bare, "python3", version="3.11.2", is_new_enough=True, can_make_venv=False)

    refused = install(bare)

    assert refused.returncode == 1
    assert "On Debian and Ubuntu: apt-get install python3.11-venv" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_virtual_environment_that_cannot_be_made_is_said(bare: Path) -> None:
    pretend_python(bare, "python3", version="3.11.2", is_new_enough=True)

    refused = install(bare)

    assert refused.returncode == 1
    assert f"{bare}/.venv could not be made. Is the folder writable, and the disk not full?" in refused.stderr


def test_the_lists_of_packages_name_no_address_and_pin_everything() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "constraints.txt"):
        lines = [line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines()]
        wanted = [line for line in lines if line and not line.startswith("-r ")]
        assert [line for line in wanted if "==" not in line] == []
        assert not any("://" in line for line in lines)
    assert "resolved" not in (ROOT / "package-lock.json").read_text()


def test_every_package_that_is_asked_for_is_pinned_among_the_constraints_too() -> None:
    constraints = pins("constraints.txt")

    assert (pins("requirements.txt") | pins("requirements-dev.txt")) - constraints == set()


def pins(name: str) -> set[str]:
    """`name==version`, in one spelling, without extras and markers."""
    lines = [re.split("[#;]", line)[0].strip().lower() for line in (ROOT / name).read_text().splitlines()]
    return {re.sub(r"\[.*\]", "", line).replace("_", "-") for line in lines if "==" in line}

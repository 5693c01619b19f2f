"""Whatever stands in the way of a start is said in one clear sentence, and nothing is left running."""

import contextlib
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hmi.launch import preflight
from hmi.launch.progress import Refused
from hmi.launch.redis_check import redis_answers
from tests.bus.servers import own_valkey
from tests.launch.conftest import Launch
from tests.launch.running import one_line, processes_of
from tests.missing import missing
from tests.ports import free_port
from tests.unprivileged import as_nobody, nobodys_folder


def refusal(launch: Launch, data_dir: Path | None = None, **environment: str) -> str:
    """What the launcher says before it gives up."""
    site = launch(data_dir, **environment)
    assert site.process.wait(30) == 1
    site.finish_reading()
    assert processes_of(site.data_dir) == []
    return one_line(site.said)


def test_a_taken_port_is_named_with_its_holder_and_another_one(launch: Launch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        said = refusal(launch, PORT=str(port))

    assert f"port {port} of 127.0.0.1 is taken" in said
    assert f"(process {os.getpid()})" in said
    assert f"PORT={port + 1} make run" in said


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PORT", "eighty", "PORT='eighty' is not a port. Give a number from 1 to 65535."),
        ("HOST", "plant.example", "HOST='plant.example' is not an address."),
        ("HOST", "0.0.0.0", "HOST=0.0.0.0 would send passwords and plant values over the network as plain text."),
        ("HOST", "192.0.2.1", "HOST=192.0.2.1 would send passwords"),
        ("ISTHMUS_TLS", "yes", "ISTHMUS_TLS='yes': give 1 (yes) or 0 (no)."),
        ("REDIS_URL", "mysql://10.0.0.1", "REDIS_URL must begin with redis://"),
    ],
)
def test_a_wrong_setting_is_named(launch: Launch, name: str, value: str, expected: str) -> None:
    assert expected in refusal(launch, None, **{name: value})


def test_an_unreachable_redis_is_named_without_its_password(launch: Launch) -> None:
    said = refusal(launch, REDIS_URL=f"redis://:sesame-open@127.0.0.1:{free_port()}/0")

    assert "no Redis answers at REDIS_URL (redis://127.0.0.1:" in said
    assert "unset it to use the Valkey that comes with Isthmus" in said
    assert "sesame" not in said


def test_a_redis_that_refuses_the_password_is_named(tmp_path: Path) -> None:
    port = free_port()
    with own_valkey(tmp_path, port=port, password="tulip-field") as server:
        with pytest.raises(Refused, match="refuses the user or password"):
            redis_answers(f"redis://:rose@127.0.0.1:{port}/0")
        redis_answers(server.url)


def test_a_folder_that_cannot_be_made_is_named(launch: Launch, tmp_path: Path) -> None:
    """A file stands where the folder should be: refused for root, too, who may write everywhere."""
    (tmp_path / "file").write_text("")

    said = refusal(launch, tmp_path / "file" / "var")

    assert f"DATA_DIR {tmp_path / 'file' / 'var'} cannot be made" in said
    assert "Set DATA_DIR to a folder that can be written" in said


def test_a_read_only_folder_is_named() -> None:
    with nobodys_folder() as folder:
        with as_nobody():
            preflight.data_dir_is_usable(folder)
        folder.chmod(0o500)

        with as_nobody(), pytest.raises(Refused, match=r"cannot be written \(Permission denied\)"):
            preflight.data_dir_is_usable(folder)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """small_disk(options) mounts a small disk."""
    mounted: list[Path] = []

    def mount(options: str) -> Path:
        folder = tmp_path / "disk"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if os.getuid() != 0 or subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode != 0:
            missing("only root may mount a small disk, and in a container only with the right to (CAP_SYS_ADMIN)")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_read_only_disk_is_named(small_disk: Callable[[str], Path]) -> None:
    folder = small_disk("ro,size=1m")

    with pytest.raises(Refused, match=r"DATA_DIR .* cannot be written \(Read-only file system\)"):
        preflight.data_dir_is_usable(folder)


def test_a_full_disk_is_named_at_the_start(small_disk: Callable[[str], Path], launch: Launch) -> None:
    folder = small_disk("size=1m")
    filled = folder / "filled"
    with contextlib.suppress(OSError), filled.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)

    said = refusal(launch, folder)

    assert f"the disk of DATA_DIR {folder} is full" in said
    assert "Make room, or set DATA_DIR to another disk" in said


def test_a_nearly_full_disk_is_named_with_what_is_wanted(small_disk: Callable[[str], Path]) -> None:
    folder = small_disk("size=20m")

    with pytest.raises(Refused, match=r"has only \d+ MB left, and Isthmus wants 200 MB"):
        preflight.data_dir_is_usable(folder)


def test_a_path_that_the_supervisor_cannot_write_down_is_refused(tmp_path: Path) -> None:
    for odd in ("100%", "a ;b", "a #b", "a\nb"):
        with pytest.raises(Refused, match="Use a plainer path"):
            preflight.path_is_plain(tmp_path / odd, "DATA_DIR")


def test_a_plant_document_with_mistakes_is_refused_with_its_lines(launch: Launch, tmp_path: Path) -> None:
    document = tmp_path / "plant.yaml"
    document.write_text("isthmus: 1\nplant: {name: works, title: Works, time_zone: Mars/North}\n")

    site = launch(PLANT=str(document))
    assert site.process.wait(60) == 1
    site.finish_reading()

    assert "line 2" in site.said
    assert "Mars/North" in site.said
    assert "nothing of it was kept" in site.said
    assert "Traceback" not in site.said

"""The file: a zip with `manifest.json` and one member of JSON lines a table. Nothing here knows Django.

The manifest names the format, the version of Isthmus, the revision of the configuration, and of each member its size,
number of lines and SHA-256, so that a damaged file is found before it is used.
"""

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"


class Unusable(Exception):
    """The file is no backup that can be restored here; the text says why. Another file may do."""


@dataclass(frozen=True, slots=True)
class Member:
    """`size` in bytes of the plain text, `lines`: rows."""

    sha256: str
    size: int
    lines: int


@dataclass(frozen=True, slots=True)
class Manifest:
    version: str
    revision: int
    made_at: str
    members: dict[str, Member] = field(default_factory=dict)


def write(path: Path, manifest: Manifest, members: Iterable[tuple[str, Iterable[dict[str, Any]]]]) -> str:
    """Write the file beside its place, then put it there in one step. Returns its SHA-256. Raises OSError.

    Readable by its owner only: hashes of passwords and tokens are in it.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                written = {name: _write_member(archive, name, rows) for name, rows in members}
                whole = {"format": FORMAT, **asdict(manifest), "members": {n: asdict(m) for n, m in written.items()}}
                archive.writestr(MANIFEST, json.dumps(whole, indent=1))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return sha256_of(path)


def _write_member(archive: zipfile.ZipFile, name: str, rows: Iterable[dict[str, Any]]) -> Member:
    digest, size, lines = hashlib.sha256(), 0, 0
    with archive.open(name, "w", force_zip64=True) as member:
        for row in rows:
            line = json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"
            member.write(line)
            digest.update(line)
            size += len(line)
            lines += 1
    return Member(digest.hexdigest(), size, lines)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Reader:
    """An opened backup whose every member has been checked. Raises Unusable."""

    def __init__(self, path: Path) -> None:
        try:
            self._archive = zipfile.ZipFile(path)
            self.manifest = self._read_manifest()
            for name in self.manifest.members:
                self._check(name)
        except FileNotFoundError as error:
            raise Unusable(f"There is no file {path}.") from error
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError) as error:
            raise Unusable(f"{path} is damaged or no backup ({error}). Nothing has been changed.") from error

    def close(self) -> None:
        self._archive.close()

    def rows(self, name: str) -> Iterator[dict[str, Any]]:
        with self._archive.open(name) as member:
            for line in member:
                yield json.loads(line)

    def _read_manifest(self) -> Manifest:
        try:
            raw = json.loads(self._archive.read(MANIFEST))
            if raw["format"] != FORMAT:
                raise Unusable(f"This backup has format {raw['format']}; this version reads format {FORMAT}.")
            members = {str(name): Member(**member) for name, member in raw["members"].items()}
            return Manifest(str(raw["version"]), int(raw["revision"]), str(raw["made_at"]), members)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Unusable(f"The file has no manifest that can be read ({error!r}): damaged, or no backup.") from error

    def _check(self, name: str) -> None:
        expected = self.manifest.members[name]
        digest, size = hashlib.sha256(), 0
        try:
            with self._archive.open(name) as member:
                while piece := member.read(1 << 20):
                    digest.update(piece)
                    size += len(piece)
                    if size > expected.size:
                        break
        except KeyError as error:
            raise Unusable(f"The member {name} is missing: the file is damaged. Nothing has been changed.") from error
        if digest.hexdigest() != expected.sha256:
            raise Unusable(f"The member {name} is not what was backed up: it is damaged. Nothing has been changed.")

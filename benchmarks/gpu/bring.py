"""Bring packages to a machine without a registry, in parts: ``download`` here, ``join`` there.

``download`` fetches the wheels of ``requirements.txt`` for the Python of that machine, among them onnxruntime-gpu, and
splits one archive of them into ``parts/`` (ignored by git). Carry the parts one after the other. ``join`` installs what
was carried into a folder for PYTHONPATH.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).parent
PARTS = HERE / "parts"
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
MIB = 2**20


def download(python: str, size: int, folder: Path = PARTS) -> list[Path]:
    """Fetch the wheels and split them; gives the parts."""
    wheels = folder / "wheels"
    platforms = [option for platform in PLATFORMS for option in ("--platform", platform)]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--python-version", python]
    subprocess.run([*command, *platforms, "-r", str(HERE / "requirements.txt"), "-d", str(wheels)], check=True)
    archive = folder / "wheels.tar"
    with tarfile.open(archive, "w") as tar:  # wheels are compressed already
        for wheel in sorted(wheels.glob("*.whl")):
            tar.add(wheel, wheel.name)
    parts = split(archive, size)
    archive.unlink()
    return parts


def split(archive: Path, size: int) -> list[Path]:
    """Cut a file into parts of at most `size` bytes, with the checksum of the whole beside them."""
    digest, parts = hashlib.sha256(), []
    with archive.open("rb") as file:
        while data := file.read(size):
            digest.update(data)
            parts.append(archive.with_name(f"part-{len(parts):02d}"))
            parts[-1].write_bytes(data)
    archive.with_name("sha256").write_text(digest.hexdigest())
    return parts


def joined(folder: Path) -> Path:
    """Put the parts together again.

    Raises
    ------
    SystemExit
        If a part is missing or damaged.
    """
    archive, digest = folder / "wheels.tar", hashlib.sha256()
    with archive.open("wb") as file:
        for part in sorted(folder.glob("part-*")):
            data = part.read_bytes()
            digest.update(data)
            file.write(data)
    if digest.hexdigest() != (folder / "sha256").read_text().strip():
        raise SystemExit(f"the parts in {folder} are not all there, or damaged: carry them again")
    return archive


def join(target: Path, folder: Path = PARTS) -> None:
    """Install the wheels of all parts into a folder."""
    archive = joined(folder)
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "wheels", filter="data")
    archive.unlink()
    wheels = [str(wheel) for wheel in sorted((folder / "wheels").glob("*.whl"))]
    options = ["--no-index", "--no-deps", "--no-compile", "--upgrade", "--quiet", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, *wheels], check=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["download", "join"])
    parser.add_argument("--python", default="3.12", help="Python of the other machine")
    parser.add_argument("--part", type=int, default=40, help="MiB in a part, under 60")
    parser.add_argument("--target", type=Path, default=Path("/tmp/site"))
    options = parser.parse_args()
    if options.what == "join":
        join(options.target)
        return
    for part in download(options.python, options.part * MIB):
        print(f"{part} {part.stat().st_size / MIB:.0f} MiB")


if __name__ == "__main__":
    main()

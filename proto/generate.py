# SPDX-License-Identifier: Apache-2.0
"""Regenerate the Python beside the .proto files, in an environment of its own.

``python proto/generate.py`` writes; ``--check`` only compares, and exits with 1 on a difference.
The generator is pinned with hashes in requirements.txt and never enters the project's own
environment: what it generates refuses older runtimes, so it has to be the oldest supported one.
"""

from __future__ import annotations

import argparse
import filecmp
import pathlib
import shutil
import subprocess
import sys
import tempfile
import venv

ROOT = pathlib.Path(__file__).resolve().parent
LICENCE = "# SPDX-License-Identifier: Apache-2.0\n"
SUFFIXES = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py")
# Services of others, which are called and served without stubs.
FOREIGN = (
    "kvs_proto/etcd/",
    "kvs_proto/networkservice/",
    "kvs_proto/registry/",
    "kvs_proto/spiffe/",
)


def sources() -> list[str]:
    """Return the .proto files, relative to this folder."""
    return sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*.proto"))


def services() -> list[str]:
    """Return those of the .proto files that define services of ours."""
    return [
        name
        for name in sources()
        if not name.startswith(FOREIGN) and "\nservice " in (ROOT / name).read_text()
    ]


def generator(folder: pathlib.Path) -> pathlib.Path:
    """Make an environment that holds nothing but the pinned generator; return its Python."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    requirements = ["--require-hashes", "--requirement", str(ROOT / "requirements.txt")]
    subprocess.run([*pip, *requirements], check=True)
    return python


def generate(python: pathlib.Path, out: pathlib.Path) -> list[pathlib.Path]:
    """Generate into a folder; return the files, relative to it."""
    protoc = [str(python), "-m", "grpc_tools.protoc", f"--proto_path={ROOT}"]
    subprocess.run([*protoc, f"--python_out={out}", f"--pyi_out={out}", *sources()], check=True)
    subprocess.run([*protoc, f"--grpc_python_out={out}", *services()], check=True)
    made = sorted(path for path in out.rglob("*_pb2*.py*") if path.name.endswith(SUFFIXES))
    for path in made:
        path.write_text(LICENCE + path.read_text())
    return [path.relative_to(out) for path in made]


def stale(made: list[pathlib.Path], out: pathlib.Path) -> list[str]:
    """Return the files that differ from what has just been generated, or should not be there."""
    _, differing, missing = filecmp.cmpfiles(ROOT, out, [str(path) for path in made], False)
    there = {path.relative_to(ROOT) for path in ROOT.rglob("*_pb2*.py*") if path.is_file()}
    extra = {path for path in there - set(made) if path.name.endswith(SUFFIXES)}
    return sorted({*differing, *missing, *map(str, extra)})


def main() -> int:
    """Write the generated files, or compare them with ``--check``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out"
        out.mkdir()
        made = generate(generator(pathlib.Path(folder) / "env"), out)
        wrong = stale(made, out)
        if check:
            for name in wrong:
                print(f"proto/{name} is not what its .proto generates; run proto/generate.py")
            return 1 if wrong else 0
        for path in made:
            shutil.copyfile(out / path, ROOT / path)
    print(f"{len(made)} files, {len(wrong)} of them changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())

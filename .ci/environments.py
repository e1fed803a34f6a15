"""Fill the environments from their locks; write the locks anew.

Called by `.ci/bootstrap` with the interpreter to build on. An environment is rebuilt only when its
lock or that interpreter changed; the stamp inside it says from what it was made. The locks name
hashes and no place: where packages come from is the machine's own configuration.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / ".ci" / "locks"
UV = ROOT / ".venv-uv" / "bin" / "uv"


@dataclass(frozen=True, slots=True)
class Addition:
    """Packages that are built here, against a library that this machine may not have."""

    lock: Path
    arguments: tuple[str, ...]
    build: Path  # the lock of what builds them
    builders: str
    libraries: tuple[str, ...]  # any one of them, by the name that pkg-config knows

    def possible(self) -> bool:
        asked = (("pkg-config", "--exists", library) for library in self.libraries)
        return shutil.which("pkg-config") is not None and any(
            subprocess.run(question, check=False).returncode == 0 for question in asked
        )


@dataclass(frozen=True, slots=True)
class Environment:
    directory: Path
    lock: Path
    arguments: tuple[str, ...]  # what `uv pip compile` is asked to resolve
    addition: Addition | None = None
    proof: str = "django"  # what it can import if it works


# Its tests are named as not run where it is missing (tests/harness.py).
MARIADB = Addition(
    LOCKS / "mariadb.txt",
    ("--group", "mariadb"),
    LOCKS / "mariadb-build.txt",
    "setuptools\n",
    ("mysqlclient", "mariadb", "libmariadb"),
)


ENVIRONMENTS = {
    # The demo runs on PostgreSQL by one environment variable: its driver is there from the start.
    "runtime": Environment(
        ROOT / ".venv-demo",
        LOCKS / "runtime.txt",
        ("pyproject.toml", "--extra", "postgres"),
    ),
    "dev": Environment(
        ROOT / ".venv",
        LOCKS / "dev.txt",
        ("pyproject.toml", "--group", "dev"),
        MARIADB,
    ),
    # Django's long-term support release on interpreters where a newer one would be taken.
    "dev-lts": Environment(
        ROOT / ".venv-lts",
        LOCKS / "dev-lts.txt",
        ("pyproject.toml", "--group", "dev", "--constraint", ".ci/locks/lts.in"),
    ),
    "types": Environment(
        ROOT / ".venv-types",
        LOCKS / "types.txt",
        ("pyproject.toml", "--group", "types"),
    ),
    # What is fuzzed needs nothing but Python. Wheels only: to build it takes a compiler of its own.
    "fuzz": Environment(
        ROOT / ".venv-fuzz",
        LOCKS / "fuzz.txt",
        ("--group", "fuzz", "--only-binary", ":all:", "--emit-build-options"),
        proof="atheris",
    ),
}


def main(python: str, *wanted: str) -> int:
    # Interpreters are the machine's affair: uv must not fetch one.
    os.environ["UV_PYTHON_DOWNLOADS"] = "never"
    os.chdir(ROOT)
    if wanted == ("--lock",):
        return lock()
    unknown = set(wanted) - set(ENVIRONMENTS)
    if unknown or not wanted:
        print(f"usage: .ci/bootstrap {'|'.join(ENVIRONMENTS)} ... or --lock", file=sys.stderr)
        return 2
    for name in wanted:
        make(ENVIRONMENTS[name], python)
    return 0


def make(environment: Environment, python: str) -> None:
    stamp = environment.directory / "made-from"
    addition = environment.addition
    if addition is not None and not addition.possible():
        addition = None
    made_from = stamped(python, environment.lock, *([addition.lock] if addition else []))
    inside = environment.directory / "bin" / "python"
    stands = works(inside, environment.proof)
    if stamp.exists() and stamp.read_text() == made_from and stands:
        return
    if not stands or not stamp.exists() or not stamp.read_text().endswith(f" {python}\n"):
        shutil.rmtree(environment.directory, ignore_errors=True)
    print(f"Making {environment.directory.name} from {environment.lock.relative_to(ROOT)}")
    stamp.unlink(missing_ok=True)
    run(UV, "venv", "-q", "--allow-existing", "--python", python, environment.directory)
    sync = (UV, "pip", "sync", "-q", "--python", inside, "--require-hashes", environment.lock)
    tried = subprocess.run(sync, check=False, capture_output=True, text=True)
    if tried.returncode != 0:
        # A machine may have told pip alone where packages are, or which certificates to trust.
        pip = (sys.executable, "-m", "pip", "--python", inside, "install", "-qq", "--no-deps")
        print("uv could not install the lock; trying pip.", file=sys.stderr)
        if (
            subprocess.run(
                (*pip, "--require-hashes", "-r", environment.lock), check=False
            ).returncode
            != 0
        ):
            print(f"uv had said:\n{tried.stderr}", file=sys.stderr)
            raise subprocess.CalledProcessError(tried.returncode, sync)
    put_on_path(environment)
    if addition is not None and not build(addition, inside):
        made_from = stamped(python, environment.lock)  # so it is tried again next time
    stamp.write_text(made_from)


def stamped(python: str, *locks: Path) -> str:
    digests = (hashlib.sha256(lock.read_bytes()).hexdigest() for lock in locks)
    return f"{' '.join(digests)} {python}\n"


def build(addition: Addition, inside: Path) -> bool:
    """Build an addition; that it cannot be built is said, and stops nothing."""
    checked = ("--no-deps", "--require-hashes", "-r")
    uv = (UV, "pip", "install", "-q", "--python", inside, "--build-constraints", addition.build)
    tried = subprocess.run(
        (*uv, *checked, addition.lock), check=False, capture_output=True, text=True
    )
    if tried.returncode == 0:
        return True
    pip = (sys.executable, "-m", "pip", "--python", inside, "install", "-qq")
    for command in (
        (*pip, *checked, addition.build),
        (*pip, "--no-build-isolation", *checked, addition.lock),
    ):
        if subprocess.run(command, check=False, capture_output=True).returncode != 0:
            print(f"{addition.lock.name} could not be built:\n{tried.stderr}", file=sys.stderr)
            return False
    return True


def works(python: Path, proof: str) -> bool:
    if not python.exists():
        return False
    probe = subprocess.run((python, "-c", f"import {proof}"), check=False, capture_output=True)
    return probe.returncode == 0


def put_on_path(environment: Environment) -> None:
    """Let the environment import this tree, whatever directory a tool is started from."""
    (packages,) = environment.directory.glob("lib/python3.*/site-packages")
    (packages / "this-tree.pth").write_text(f"{ROOT}\n")


def lock() -> int:
    for environment in ENVIRONMENTS.values():
        compile_lock(environment.lock, *environment.arguments)
        if environment.addition is not None:
            compile_lock(environment.addition.lock, *environment.addition.arguments)
            compile_lock(environment.addition.build, "-", given=environment.addition.builders)
    compile_lock(LOCKS / "uv.txt", "-", given="uv\n")
    named = [path.name for path in sorted(LOCKS.glob("*.txt")) if "://" in path.read_text()]
    if named:
        print(f"These locks name a place, which none may: {', '.join(named)}", file=sys.stderr)
        return 1
    return 0


def compile_lock(target: Path, *arguments: str, given: str | None = None) -> None:
    print(f"Locking {target.relative_to(ROOT)}")
    options = ("--universal", "--generate-hashes", "--no-header", "--no-annotate", "--upgrade")
    command = (UV, "pip", "compile", "-q", *options, "--python-version", "3.11", *arguments)
    subprocess.run((*command, "-o", target), input=given, text=True, check=True)


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except subprocess.CalledProcessError as failed:
        print(f"Failed: {' '.join(map(str, failed.cmd))}", file=sys.stderr)
        sys.exit(failed.returncode or 1)

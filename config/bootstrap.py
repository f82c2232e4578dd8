"""Set the project up with nothing but Python and pip: `python3 config/bootstrap.py [dev]`.

Runs before anything is installed, on any Python, so it uses the standard library alone. What was set up is
remembered by the hash of the lock files; the next call has nothing to do.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from typing import NoReturn

OLDEST, NEWEST = (3, 11), (3, 13)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
STAMP = os.path.join(VENV, "set-up")
LOCKS = {"": "requirements.txt", "dev": "requirements-dev.txt"}
BROWSER_LOCK = os.path.join("static", "package-lock.json")
NPM_CONFIG = os.path.join("static", ".npmrc")


def refuse(sentence: str) -> NoReturn:
    sys.exit("Can't set up: " + sentence)


def check_python() -> None:
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        refuse(
            "Python {}.{} to {}.{} is needed and this is {}.{}; say make PYTHON=python3.11.".format(
                *OLDEST, *NEWEST, *sys.version_info[:2]
            )
        )


def check_folder() -> None:
    """Written to, not asked: root may write where the mode says no, and nobody may on a read-only disk."""
    probe = os.path.join(ROOT, ".write-probe")
    try:
        with open(probe, "w"):
            pass
        os.remove(probe)
    except OSError:
        refuse("the folder %s is read-only." % ROOT)


def fingerprint(kind: str) -> str:
    state = hashlib.sha256("{} {} {}.{} ".format(kind, ROOT, *sys.version_info[:2]).encode())
    for name in (LOCKS[kind], BROWSER_LOCK, NPM_CONFIG):
        path = os.path.join(ROOT, name)
        if os.path.exists(path):
            with open(path, "rb") as lock:
                state.update(lock.read())
    return state.hexdigest()


def is_set_up(kind: str) -> bool:
    """With the development packages everything of the plain set is there too."""
    try:
        with open(STAMP) as stamp:
            done = stamp.read().split()
    except OSError:
        return False
    return fingerprint("dev") in done or fingerprint(kind) in done


def run(command: list, complaint: str) -> None:
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.stderr.write(done.stdout.decode(errors="replace")[-4000:])
        refuse(complaint)


def make_venv() -> None:
    if (
        os.path.exists(PYTHON)
        and subprocess.call([PYTHON, "-c", "import pip"], stderr=subprocess.DEVNULL) == 0
    ):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    run(
        [sys.executable, "-m", "venv", VENV],
        "Python's venv module does not work; on Debian install python3-venv.",
    )


def install_uv(kind: str) -> None:
    """The installer itself, held to the same lock."""
    with open(os.path.join(ROOT, LOCKS[kind])) as lock:
        pinned = "".join(re.findall(r"^uv==.*?(?=^[a-z0-9]|\Z)", lock.read(), re.M | re.S))
    wanted = os.path.join(VENV, "uv.txt")
    with open(wanted, "w") as only_uv:
        only_uv.write(pinned)
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    run([*pip, "--require-hashes", "-r", wanted], "pip could not fetch the installer; is the network there?")


def install_packages(kind: str) -> None:
    """Wheels alone, so no compiler is ever called for."""
    uv = [os.path.join(VENV, "bin", "uv"), "pip", "sync", "--quiet", "--require-hashes", "--no-build"]
    run(
        [*uv, "--python", PYTHON, LOCKS[kind]],
        "a package is out of reach, or has no build for this machine (it would take a compiler).",
    )


def install_browser_packages(kind: str) -> None:
    if os.path.exists(os.path.join(ROOT, BROWSER_LOCK)):
        npm = [
            PYTHON,
            os.path.join(VENV, "bin", "npm"),
            "--prefix",
            "static",
            "ci",
            "--no-audit",
            "--no-fund",
        ]
        scope = [] if kind == "dev" else ["--omit=dev"]
        run([*npm, *scope], "npm could not fetch the browser's packages; is the network there?")


def main(kind: str) -> None:
    check_python()
    if is_set_up(kind):
        return
    check_folder()
    print("Setting up in .venv; this takes a minute the first time.", flush=True)
    make_venv()
    if os.path.exists(STAMP):
        os.remove(STAMP)
    install_uv(kind)
    install_packages(kind)
    install_browser_packages(kind)
    with open(STAMP, "w") as stamp:
        stamp.write(fingerprint(kind) + "\n")


if __name__ == "__main__":
    main("dev" if "dev" in sys.argv[1:] else "")

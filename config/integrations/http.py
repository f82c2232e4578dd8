"""The one function that speaks HTTP with the outside world.

Only a partner's base URL, which is a setting, can be called: no address from data, no redirect. Every call
has a deadline, a largest answer, a breaker, and a log line without address, headers or contents.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import prometheus_client
import pybreaker
import stamina
import structlog

from config.integrations.breaker import PartnerDown, PartnerRefuses, breaker
from config.integrations.deadline import Deadline

log = structlog.get_logger(__name__)

LARGEST_ANSWER = 8 * 1024 * 1024
SAFE_TO_REPEAT = {"GET", "HEAD", "PUT", "DELETE"}
seconds_of_calls = prometheus_client.Histogram(
    "partner_call_seconds", "Calls to partners, by how they ended.", ["partner", "outcome"]
)


@dataclass(frozen=True)
class Partner:
    """Whom we call and how patient we are. `deadline` is for the whole answer, in seconds."""

    name: str
    base_url: str
    deadline: float = 10.0
    attempts: int = 3


def call(
    partner: Partner,
    method: str,
    path: str,
    *,
    operation: str,
    headers: Mapping[str, str] | None = None,
    repeatable: bool = False,
    **body: Any,
) -> httpx.Response:
    """The partner's answer, read whole.

    Repeated after a failure only where that does no harm: by its method, or where the caller says that the
    partner knows the call again (`repeatable`). Raises PartnerDown (try later) or PartnerRefuses (don't).
    """
    url = _url(partner, path)
    attempts = partner.attempts if repeatable or method in SAFE_TO_REPEAT else 1
    for attempt in stamina.retry_context(
        on=_Failed, attempts=attempts, timeout=2 * partner.deadline, wait_max=1.0
    ):
        with attempt, _told(partner, operation, attempt.num) as told:
            answer = _guarded(partner, method, url, headers, body)
            told.outcome = str(answer.status_code)
    return answer


class _Failed(PartnerDown):
    """One try failed; another may work."""


class _told:  # noqa: N801 - reads as a word in the `with` line
    """Logs and counts one try."""

    def __init__(self, partner: Partner, operation: str, attempt: int) -> None:
        self.partner, self.operation, self.attempt = partner.name, operation, attempt
        self.outcome = "failed"

    def __enter__(self) -> "_told":
        self.began = time.monotonic()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PartnerRefuses):
            self.outcome = str(error.status)
        took = time.monotonic() - self.began
        seconds_of_calls.labels(self.partner, self.outcome).observe(took)
        log.info(
            "A partner was called.",
            partner=self.partner,
            operation=self.operation,
            attempt=self.attempt,
            outcome=self.outcome,
            milliseconds=round(took * 1000),
        )


def _url(partner: Partner, path: str) -> str:
    base = httpx.URL(partner.base_url)
    url = httpx.URL(partner.base_url.rstrip("/") + path)
    below = not path or path.startswith(("/", "?"))
    if not below or (url.host, url.port) != (base.host, base.port):
        raise ValueError(f"{partner.name}: a path below its base URL is wanted.")
    return str(url)


def _guarded(
    partner: Partner, method: str, url: str, headers: Mapping[str, str] | None, body: dict[str, Any]
) -> httpx.Response:
    try:
        answer: httpx.Response = breaker(partner.name).call(_send, partner, method, url, headers, body)
    except pybreaker.CircuitBreakerError:
        raise PartnerDown(f"{partner.name} was down a moment ago") from None
    except httpx.HTTPError as error:
        raise _Failed(f"{partner.name} does not answer ({type(error).__name__})") from None
    return answer


def _send(
    partner: Partner, method: str, url: str, headers: Mapping[str, str] | None, body: dict[str, Any]
) -> httpx.Response:
    """One try. Raises httpx.HTTPError where it failed, PartnerRefuses on a no."""
    with (
        Deadline(partner.deadline) as deadline,
        httpx.Client(timeout=partner.deadline, follow_redirects=False, trust_env=False) as client,
        client.stream(
            method, url, headers=dict(headers or {}), extensions={"trace": _noticing(deadline)}, **body
        ) as answer,
    ):
        contents = _read(answer, deadline)
        if answer.status_code >= 500 or answer.status_code == 429:
            raise httpx.HTTPStatusError("failed", request=answer.request, response=answer)
        if answer.status_code >= 300:
            raise PartnerRefuses(partner.name, answer.status_code)
        answer.headers.pop("content-encoding", None)
        return httpx.Response(answer.status_code, headers=answer.headers, content=contents)


def _noticing(deadline: Deadline) -> Callable[[str, dict[str, Any]], None]:
    """httpx tells each step: the line is made, and made anew for TLS."""

    def notice(event: str, told: dict[str, Any]) -> None:
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            deadline.watch(told["return_value"].get_extra_info("socket"))

    return notice


def _read(answer: httpx.Response, deadline: Deadline) -> bytes:
    contents = bytearray()
    for piece in answer.iter_bytes():
        contents += piece
        if len(contents) > LARGEST_ANSWER:
            raise httpx.DecodingError("answer too large", request=answer.request)
    if deadline.over:  # an answer that ends with its line looks whole
        raise httpx.ReadTimeout("answer too slow", request=answer.request)
    return bytes(contents)

"""Mail that strangers wrote: read, or refused at once."""

import contextlib
import time
from email.message import EmailMessage

import pytest

from cases.channels import email

HEAD = b"From: a@b.example\r\nTo: reply+abc@bayside.example\r\nMessage-ID: <x@y>\r\n"


def test_own_words_without_what_they_quote() -> None:
    raw = HEAD + b"Content-Type: text/html\r\n\r\n<p>It is <b>on</b> its way.</p>\n\n> Where is it?\n"
    found = email.parse(raw)
    assert found.text == "It is on its way."
    assert (found.sender, found.to) == ("a@b.example", ("reply+abc@bayside.example",))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe no mail at all",
        HEAD + b"\r\n\r\n",
        b"Message-ID: <x@y>\r\nContent-Type: text/plain; charset=of-nowhere\r\n\r\nHello",
        # the library's parser stumbles over these
        b"Message-ID: <x@y>\r\nContent-Type: text/plain; charset=\0utf-8\r\n\r\nHello",
        b"Message-ID:< <x>\r\n\r\nHello",
        b"From: a@[b.c\r\nTo:\r\n  reply+abc@bay\r\n sid<e\r\nMessage-ID: <x@y>\r\n\r\nHello",
        b'To: G: x@y, z@w; "q" <reply+abc@bayside.example>\r\nMessage-ID: <x@y>\r\n\r\nHello',
    ],
)
def test_what_cannot_be_read_is_refused_and_breaks_nothing(raw: bytes) -> None:
    with pytest.raises(email.Unreadable):
        email.parse(raw)


@pytest.mark.parametrize("kind", [b"html", b"plain"])
@pytest.mark.parametrize("piece", [b"<", b"-", b"_", b">", b"On ", b"\n \n", b"-- "])
def test_no_text_keeps_a_process_busy(kind: bytes, piece: bytes) -> None:
    """Anybody may write to us: a mail of nothing but opened tags once took a quarter of a minute per 100 kB."""
    started = time.process_time()
    email.parse(HEAD + b"Content-Type: text/" + kind + b"\r\n\r\nHello " + piece * (100_000 // len(piece)))
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "name",
    [b"To", b"References", b"Message-ID", b"Subject", b"From", b"Content-Type", b"Content-Disposition"],
)
def test_no_header_keeps_a_process_busy(name: bytes) -> None:
    longest = 900 if name.startswith(b"Content") else 3800 if name in (b"To", b"From") else 15_000
    for piece in (b"a@b.example, ", b"(", b"<", b'"', b"=?utf-8?q?a?= ", b"\xc3\xa9"):
        raw = HEAD + name + b": " + piece * (longest // len(piece)) + b"\r\n\r\nHello"
        started = time.process_time()
        with contextlib.suppress(email.Unreadable):
            email.parse(raw)
        assert time.process_time() - started < 2, piece


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One</p><p>Two &amp; three</p>", "One\n\nTwo & three"),
        ("<style>p{color:red}</style><script>alert(1)</script>Hello<br>you", "Hello\nyou"),
        ("<div>Hello</div><blockquote>What we wrote</blockquote>", "Hello"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", "<script>alert(1)</script>"),
        ("Where is <b>it</b>?<div>On Mon, Kim &lt;a@b.example&gt;\n wrote:</div>Old", "Where is it?"),
        ("Only &#0;words &#xD800;", "Only �words �"),
    ],
)
def test_markup_becomes_words(markup: str, text: str) -> None:
    message = EmailMessage()
    message["Message-ID"] = "<1@kim>"
    message.set_content(markup, subtype="html")
    assert email.parse(message.as_bytes()).text == text


def test_plain_words_go_before_markup_and_answers_below_are_read() -> None:
    message = EmailMessage()
    message["Message-ID"] = "<1@kim>"
    message.set_content("> What we asked\n\nMy answer")
    message.add_alternative("<p>Another</p>", subtype="html")
    assert email.parse(message.as_bytes()).text == "My answer"


def test_what_is_very_long_is_cut_and_that_is_said() -> None:
    text = email.parse(HEAD + b"\r\n" + b"word " * 20_000).text
    assert len(text) < 10_000
    assert "too long" in text[-80:]


def test_a_bounce_is_a_machines() -> None:
    report = (
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nNot delivered\r\n--b--\r\n"
    )
    assert email.parse(HEAD + report).automatic
    assert not email.parse(HEAD + b"\r\nHello").automatic

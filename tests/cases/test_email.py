"""Mail that strangers wrote: read, or refused at once."""

import time

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

"""What the outside world shows to a browser."""

from collections.abc import Iterable
from html import escape

from config.sandbox.post import Mail, Text
from config.sandbox.telephone import Call

FRAME = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}}
table{{border-collapse:collapse;width:100%}}td,th{{text-align:left;padding:.4rem;border-bottom:1px solid #ccc;
vertical-align:top}}pre{{white-space:pre-wrap}}</style><h1>{title}</h1>{body}</html>"""


def page(title: str, body: str) -> str:
    return FRAME.format(title=escape(title), body=body)


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Cells are HTML already."""
    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def index(mails: Iterable[Mail], texts: Iterable[Text], portal: str) -> str:
    letters = [
        (escape(m.at), escape(m.to), f'<a href="/mail/{m.number}">{escape(m.subject)}</a>') for m in mails
    ]
    notes = [(escape(t.at), escape(t.to), escape(t.text)) for t in texts]
    return page(
        "The outside world",
        f'<p>Nothing leaves this machine. <a href="{escape(portal)}/">The portal</a>, '
        '<a href="/foreign-site">a web site with the chat on it</a>, <a href="/calls">calls</a>, '
        '<a href="/write">write to us</a>.</p>'
        f"<h2>Mail</h2>{table(('When', 'To', 'Subject'), letters)}"
        f"<h2>Texts</h2>{table(('When', 'To', 'Text'), notes)}",
    )


def mail(message: Mail) -> str:
    heads = [("From", escape(message.sender)), ("To", escape(message.to)), ("When", escape(message.at))]
    return page(message.subject, f"{table((), heads)}<pre>{escape(message.text)}</pre>")


def tracking(carrier: str, number: str) -> str:
    steps = [("Label made", "Austin, TX"), ("Picked up", "Austin, TX"), ("On its way", "San Antonio, TX")]
    where = table(("Step", "Place"), [(escape(step), escape(place)) for step, place in steps])
    return page(f"{carrier.upper()} tracking", f"<p>Number {escape(number)}</p>{where}")


def foreign_site(portal: str) -> str:
    """A page of another origin that holds the chat by one script tag."""
    return page(
        "Bayside Home Medical",
        "<p>Wheelchairs, oxygen and sleep therapy, brought to your door. Questions? Use the chat.</p>"
        f'<script src="{escape(portal)}/chat/widget.js" async></script>',
    )


def calls(calls: Iterable[Call]) -> str:
    rows = [
        (
            escape(call.at),
            escape(call.to),
            escape(call.status),
            "<br>".join(map(escape, call.heard)),
            _hand(call),
        )
        for call in calls
    ]
    return page("Calls", table(("When", "To", "State", "Heard", ""), rows))


def _hand(call: Call) -> str:
    """What whoever is called can do."""
    if call.status != "ringing":
        return ""
    acts = (
        ("answer", "Pick up and press 1", "1"),
        ("answer", "Pick up and hang up", ""),
        ("no-answer", "Let it ring", ""),
    )
    return "".join(
        f'<form method="post" action="/calls/{escape(call.sid)}/{act}"><input type="hidden" name="digits" '
        f'value="{digits}"><button>{words}</button></form>'
        for act, words, digits in acts
    )


def write() -> str:
    """Where a customer writes from."""
    return page(
        "Write to us",
        '<h2>A text message</h2><form method="post" action="/write/text">'
        '<p><label>From <input name="From" value="+15125550143" required></label></p>'
        '<p><label>Text <textarea name="Body" required></textarea></label></p><button>Send</button></form>'
        '<h2>An e-mail</h2><form method="post" action="/write/mail">'
        '<p><label>From <input name="From" value="kim@example.org" required></label></p>'
        '<p><label>To <input name="To" value="reply@bayside.example" required></label></p>'
        '<p><label>Subject <input name="Subject"></label></p>'
        '<p><label>Text <textarea name="Body" required></textarea></label></p><button>Send</button></form>',
    )


def written(status: int, words: str) -> str:
    told = f"<p>Answered with {status}.</p>" + (f"<p>{escape(words)}</p>" if words else "")
    return page("Written", f'{told}<p><a href="/write">Again</a>, <a href="/">all that came</a>.</p>')

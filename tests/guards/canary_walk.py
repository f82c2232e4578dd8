"""Every way in, walked by browsers that send canaries, with errors provoked on the way."""

import asyncio
import html
import json
import re
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import websockets

from tests.factories import PASSWORD
from tests.guards.canaries import BIRTH_DATE, MEMBER_ID, PHONE, SSN, address, word
from tests.guards.canary_rig import Installation, broken

Told = dict[str, Any]
TITLE = re.compile(r"<title>(.*?)</title>", re.S)
ADDRESS = re.compile(r'(?:href|src|action|hx-get|hx-post|hx-put|data-dialog)="([^"]*)"')
SENT_ON = ("Location", "HX-Redirect", "HX-Push-Url", "HX-Location", "HX-Trigger")
BODY = {"Content-Type": "application/json"}


class Browser:
    """Somebody's browser, which writes down every address and title it is shown."""

    def __init__(self, url: str, csrf_name: str, cookies: dict[str, str] | None = None) -> None:
        self.client = httpx.Client(base_url=url, cookies=cookies, timeout=20)
        self.csrf_name = csrf_name
        self.titles: list[str] = []
        self.addresses: list[str] = []
        self.statuses: list[tuple[str, int]] = []

    def get(self, path: str, *, ours: bool = True, **more: Any) -> httpx.Response:
        return self._note(self.client.get(path, **more), ours)

    def post(self, path: str, data: Any = None, *, ours: bool = True, **more: Any) -> httpx.Response:
        headers = {
            "X-CSRFToken": self.client.cookies.get(self.csrf_name, ""),
            "Origin": str(self.client.base_url),
        }
        headers |= more.pop("headers", {})
        return self._note(self.client.post(path, data=data, headers=headers, **more), ours)

    def put(self, path: str, content: bytes) -> httpx.Response:
        headers = {"X-CSRFToken": self.client.cookies.get(self.csrf_name, "")}
        headers["Content-Type"] = "application/octet-stream"
        return self._note(self.client.put(path, content=content, headers=headers))

    def _note(self, response: httpx.Response, ours: bool = True) -> httpx.Response:
        self.statuses.append((f"{response.request.method} {response.request.url.path}", response.status_code))
        if ours:
            self.addresses.append(str(response.request.url))
        self.addresses += [response.headers[name] for name in SENT_ON if name in response.headers]
        if "html" in response.headers.get("Content-Type", ""):
            self.titles += TITLE.findall(response.text)
            found = map(html.unescape, ADDRESS.findall(response.text))
            self.addresses += [it for it in found if not it.startswith(("mailto:", "tel:"))]
        return response


class Walk:
    """One run through everything. ``told`` is what canary_people said."""

    def __init__(self, installed: Installation, url: str, told: Told) -> None:
        self.installed, self.url, self.told = installed, url, told
        self.browsers: list[Browser] = []
        self.uploads: list[str] = []

    def browser(self, name: str = "") -> Browser:
        cookies = {self.told["cookie_name"]: self.told["cookies"][name]} if name else None
        browser = Browser(self.url, self.told["csrf_name"], cookies)
        browser.get("/sign-in" if not name else "/security")
        self.browsers.append(browser)
        return browser

    def everything(self) -> None:
        self.sign_in()
        self.register()
        self.portal(self.browser("patient"))
        asyncio.run(Chat(self).both())
        self.console(self.browser("agent"))
        self.workshop(self.browser("supervisor"))
        self.records()
        self.errors()

    # --- accounts -----------------------------------------------------------------------------------
    def sign_in(self) -> None:
        visitor = self.browser()
        wrong = {"email": address("sign in"), "password": word("password")}
        visitor.post("/sign-in", wrong)
        visitor.post("/staff/sign-in", {"email": address("staff"), "password": word("staff password")})
        visitor.post("/sign-in", {"email": word("no address"), "password": ""})
        visitor.get(f"/sign-in?next=/{word('next')}&{word('key')}={word('value')}", ours=False)
        visitor.post("/password/forgot", {"email": address("sign in")})
        visitor.post("/password/forgot", {"email": address("unknown")})
        done = visitor.post("/sign-in", {"email": address("sign in"), "password": PASSWORD})
        assert done.status_code == 302, done.text[:500]

    def register(self) -> None:
        visitor = self.browser()
        proofs = {
            "number": self.told["stranger"],
            "last_name": word("stranger last name"),
            "birth_date": BIRTH_DATE,
        }
        visitor.post("/register", proofs | {"last_name": word("wrong last name")})
        visitor.post("/register", proofs | {"number": word("number")[:24], "birth_date": word("date")})
        visitor.post("/register", proofs)
        code = self.installed.until(self._code, "The letter with the code")
        done = visitor.post("/register/code", {"code": code, "password": "a long password of nobody's"})
        assert done.status_code == 302, done.text[:2000]
        visitor.get("/")

    def _code(self) -> str | None:
        found = (re.search(r"\b\d{8}\b", mail["text"]) for mail in self.installed.posted()["mail"])
        return next((match.group() for match in found if match), None)

    # --- the patient's pages -------------------------------------------------------------------------
    def portal(self, patient: Browser) -> None:
        for page in (
            "/",
            "/orders/",
            f"/orders/{self.told['order']}/",
            "/devices/",
            "/documents/",
            "/profile/",
        ):
            patient.get(page)
        for page in ("/insurance/", "/messages/", "/caregivers/", "/who-saw-my-record/", "/my-data/"):
            patient.get(page)
        self.profile(patient)
        self.messages(patient)
        self.files(patient)
        assert patient.post("/my-data/ask").status_code == 302
        patient.post("/security/email", {"email": address("new sign in")})

    def profile(self, patient: Browser) -> None:
        street = {"address_line1": word("new street"), "address_line2": "", "city": word("new city")}
        for field, data in {
            "email": {"email": address("new contact")},
            "phone": {"phone": "512 555 0187"},
            "address": street | {"state": "TX", "postal_code": "78701"},
        }.items():
            patient.post(f"/profile/propose/{field}", data)
        patient.post("/profile/propose/phone", {"phone": word("no phone")})
        patient.post("/profile/choices", {"language": word("language"), "time_zone": word("zone")})
        invited = {"name": word("caregiver"), "email": address("caregiver"), "relation": word("relation")}
        done = patient.post("/caregivers/", invited | {"scopes": ["billing"], "expires_at": "90"})
        assert done.status_code == 302, done.text

    def messages(self, patient: Browser) -> None:
        new = {"client_id": str(uuid.uuid4()), "topic": self.told["reason"], "subject": word("subject")}
        new |= {"body": f"{word('message body')} {SSN} {PHONE}"}
        patient.post("/messages/new/draft", new | {"topic": word("draft topic")})
        patient.get("/messages/new/")
        sent = patient.post("/messages/new/", new)
        assert sent.status_code == 302, sent.text
        patient.get("/")
        thread = sent.headers["Location"]
        patient.get(thread)
        again = new | {"body": word("another body")}
        patient.post("/messages/new/", again)
        patient.post(thread, {"client_id": str(uuid.uuid4()), "body": word("answer")})
        patient.post(f"{thread}draft", {"client_id": str(uuid.uuid4()), "body": word("answer draft")})
        patient.post("/messages/new/", {"topic": word("no topic"), "body": word("nul\0body")})
        patient.get("/messages/")

    def files(self, patient: Browser) -> None:
        for name, content in contents().items():
            ref = self._upload(patient, "/uploads/", name, content)
            self.uploads.append(ref)
        files = {
            "file": (f"{word('form file')}.png", b"no picture " + word("form content").encode(), word("type"))
        }
        patient.post("/documents/send", {"kind": "other"}, files=files)
        patient.post("/uploads/", content=f'{{"{word("bad json")}'.encode(), headers=BODY)
        patient.get("/uploads/")
        self.installed.until(lambda: self._checked(patient), "Checking the files")
        for page in ("/documents/", *self._links(patient)):
            patient.get(page)

    def _upload(self, browser: Browser, path: str, name: str, content: bytes, **headers: str) -> str:
        told = {"kind": "other", "filename": name, "size": len(content), "type": f"image/{word('declared')}"}
        told |= {"purpose": word("purpose")} if path == "/uploads/" else {}
        begun = browser.post(path, content=json.dumps(told), headers=BODY | headers)
        assert begun.status_code == 201, begun.text
        ref = begun.json()["upload"]
        browser.put(f"{path}{ref}/?offset=0", content)
        browser.post(f"{path}{ref}/finish/", content="{}", headers=BODY | headers)
        return str(ref)

    def _checked(self, patient: Browser) -> bool:
        answers = [patient.get(f"/uploads/{ref}/").json() for ref in self.uploads]
        return all(
            (it["document"] or {}).get("state") not in (None, "received", "scanning") for it in answers
        )

    def _links(self, patient: Browser) -> list[str]:
        answers = [patient.get(f"/uploads/{ref}/").json()["document"] for ref in self.uploads]
        return [it[name] for it in answers for name in ("url", "thumbnail") if it and it[name]]

    # --- the desk ------------------------------------------------------------------------------------
    def console(self, agent: Browser) -> None:
        agent.get("/console/")
        for words in (
            word("chart last name"),
            address("chart"),
            PHONE,
            SSN,
            self.told["order_number"],
            MEMBER_ID,
        ):
            agent.post("/console/search/", {"words": words})
        person = f"/console/people/{self.told['patient']}/"
        agent.get(person)
        new = {"channel": "phone", "reason": self.told["reason"], "subject": word("case subject")}
        made = agent.post(f"{person}new-case/", new | {"note": f"{word('call note')} {SSN}"})
        assert made.status_code == 302, made.text
        case = made.headers["Location"]
        for part in ("", "head/", "earlier/", "new/", "beside/", "more/", "canned/"):
            agent.get(f"{case}{part}")
        agent.post(f"{case}unmask/")
        agent.post(f"{case}draft/", {"kind": "reply", "body": word("agent draft"), "seen": "0"})
        for kind in ("note", "reply"):
            said = {"kind": kind, "body": f"{word(f'agent {kind}')} {SSN}", "client_id": str(uuid.uuid4())}
            done = agent.post(f"{case}say/", said)
            if kind == "reply":
                done = self._past_its_while(agent, done)
            assert done.status_code in {201, 204}, done.text
        agent.post(f"{case}say/", {"kind": word("kind"), "body": word("bad say"), "client_id": word("id")})
        self._hand_on(agent, case)
        agent.get("/console/")

    def _past_its_while(self, agent: Browser, held: Any) -> Any:
        """A reply that could still be taken back leaves at once."""
        now = re.search(r'data-send-now="([^"]+)"', held.text)
        assert now, held.text
        return agent.post(now[1])

    def _hand_on(self, agent: Browser, case: str) -> None:
        version = self._version(agent, f"{case}close/")
        ending = {"disposition": "resolved", "reason": self.told["reason"], "next_step": word("next step")}
        agent.post(f"{case}close/", ending | {"version": "999"})
        agent.post(f"{case}close/", ending | {"version": version, "disposition": word("disposition")})
        agent.post(f"{case}transfer/", {"version": version, "note": word("transfer note"), "to": word("to")})
        agent.post(f"{case}close/", ending | {"version": version})

    def _version(self, agent: Browser, path: str) -> str:
        found = re.search(r'name="version" value="(\d+)"', agent.get(path).text)
        return found.group(1) if found else "0"

    # --- the workshop --------------------------------------------------------------------------------
    def workshop(self, supervisor: Browser) -> None:
        for words in (word("chart last name"), address("chart"), PHONE):
            supervisor.post("/admin/portal/patient/find/", {"words": words})
        for kind, pk in (("patient", self.told["pk"]), ("order", self.told["order_pk"])):
            here = f"/admin/portal/{kind}/{pk}"
            supervisor.get(f"{here}/change/")
            reason = {"reason": f"{word(f'{kind} reason')} {SSN}"}
            assert supervisor.post(f"{here}/unmask/", reason).status_code == 302
            assert (
                word("chart" if kind == "patient" else "order notes")
                in supervisor.get(f"{here}/change/").text
            )
        invited = {"email": address("staff invited"), "name": word("staff name"), "roles": ["agent"]}
        assert supervisor.post("/admin/portal/user/invite/", invited).status_code == 302
        supervisor.get("/admin/portal/accessentry/")
        self.browser("auditor").get("/admin/portal/accessentry/export/")

    # --- records from elsewhere ----------------------------------------------------------------------
    def records(self) -> None:
        folder = self.installed.rig.var.parent / f"{self.installed.rig.var.name}-records"
        folder.mkdir()
        for number, resource in enumerate(resources()):
            (folder / f"{number}.json").write_text(json.dumps(resource))
        (folder / "broken.json").write_text(f'{{"resourceType": "{word("broken json")}"')
        self.installed.run("import", "manage.py", "import_fhir", str(folder))
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()

    # --- what goes wrong -----------------------------------------------------------------------------
    def errors(self) -> None:
        patient, visitor = self.browser("patient"), self.browser()
        query = f"?{word('query key')}={word('query value')}"
        for path in ("/nowhere/", "/messages/", "/healthz", f"/files/{uuid.uuid4()}/"):
            patient.get(path + query, ours=False)
        visitor.post("/chat/start", content=f"[{word('bad start')}", headers=BODY)
        visitor.post("/sign-in", {"email": address("csrf")}, headers={"X-CSRFToken": word("token")})
        with self._refusing("portal_contactchange", "false"):
            answer = patient.post("/profile/propose/email", {"email": address("refused contact")})
            assert answer.status_code == 500, answer.text
        with self._refusing("cases_message", "false"):
            new = {
                "client_id": str(uuid.uuid4()),
                "topic": self.told["reason"],
                "subject": word("refused subject"),
            }
            patient.post("/messages/new/", new | {"body": f"{word('refused body')} {SSN}"})
        with self._refusing("portal_document", "state <> 'ready'"):
            self._upload(patient, "/uploads/", f"{word('refused file')}.png", pixel())
            self.installed.until(lambda: b"CheckViolation" in self._worker(), "The worker's failure")

    def _worker(self) -> bytes:
        log: bytes = (self.installed.logs / "worker.log").read_bytes()
        return log.replace(b"IntegrityError", b"CheckViolation")

    def _refusing(self, table: str, unless: str) -> Any:
        harm = f"ALTER TABLE {table} ADD CONSTRAINT refusing CHECK ({unless}) NOT VALID"
        return broken(self.installed.rig.database(), harm, f"ALTER TABLE {table} DROP CONSTRAINT refusing")


class Chat:
    """A guest and a patient at the chat, by socket and over HTTP."""

    def __init__(self, walk: Walk) -> None:
        self.walk, self.url = walk, walk.url

    async def both(self) -> None:
        guest, patient = self.walk.browser(), self.walk.browser("patient")
        await self.visit(guest, "guest")
        await self.visit(patient, "patient")

    async def visit(self, browser: Browser, who: str) -> None:
        asked = {
            "notice_accepted": True,
            "topic": word(who),
            "name": word(f"{who} name"),
            "order_number": word(who),
        }
        began = browser.post("/chat/start", content=json.dumps(asked), headers=BODY)
        assert began.status_code == 201, began.text
        chat = began.json()
        proof: Any = [f"ticket.{chat['ticket']}"] if chat["ticket"] else None
        cookies = "; ".join(f"{name}={value}" for name, value in browser.client.cookies.items())
        known = {"Cookie": cookies, "Origin": self.url}
        url = self.url.replace("http", "ws") + chat["socket"]
        async with websockets.connect(url, subprotocols=proof, additional_headers=known) as socket:
            await self.say(socket, chat["conversation"], who)
        self.over_http(browser, chat, who)

    async def say(self, socket: Any, conversation: str, who: str) -> None:
        said = {"type": "message.send", "conversation": conversation, "client_id": str(uuid.uuid4())}
        said |= {
            "body": f"{word(f'{who} chat')} SSN {SSN}, born {BIRTH_DATE}, {PHONE}",
            "choice": "person",
        }
        identify = {"type": "form.submit", "conversation": conversation, "client_id": str(uuid.uuid4())}
        identify |= {"form": "identify", "values": {"order_number": self.walk.told["order_number"]}}
        frames: list[Any] = [
            said,
            said | {"choice": word("choice"), "client_id": str(uuid.uuid4())},
            said | {"body": word("conflict")},
            said | {"type": word("frame type")},
        ]
        frames += [
            said | {"client_id": str(uuid.uuid4()), "body": word("nul") + "\0"},
            said | {"kind": word("kind")},
        ]
        frames += [
            identify | {"values": identify["values"] | {"birth_date": BIRTH_DATE, "last4": word("last4")}}
        ]
        frames += [identify | {"form": word("form")}, said | {"client_id": word("client id")}]
        for frame in [*map(json.dumps, frames), f"{{{word('bad frame')}", json.dumps({"type": "ping"})]:
            await socket.send(frame)
        await self._until(socket, "message.ack", "pong")

    async def _until(self, socket: Any, *kinds: str) -> None:
        awaited = set(kinds)
        while awaited:
            awaited.discard(json.loads(await asyncio.wait_for(socket.recv(), 10))["type"])

    def over_http(self, browser: Browser, chat: Told, who: str) -> None:
        here = f"/chat/{chat['conversation']}"
        bearer = {"Authorization": f"Bearer {chat['ticket']}"} if chat["ticket"] else {}
        post: Callable[[Any], Any] = lambda content: browser.post(  # noqa: E731
            f"{here}/messages", content=content, headers=BODY | bearer
        )
        said = {"client_id": str(uuid.uuid4()), "body": f"{word(f'{who} http')} {SSN}"}
        assert post(json.dumps(said)).status_code == 201
        post(json.dumps(said | {"body": word("other body")}))
        post(f"{{{word('bad http')}")
        with self.walk._refusing("cases_message", "false"):
            assert post(json.dumps(said | {"client_id": str(uuid.uuid4())})).status_code == 400
        told = {"kind": "other", "filename": f"{word(f'{who} chat file')}.png", "size": len(pixel())}
        told |= {"type": word("chat type")}
        begun = browser.post(f"{here}/uploads", content=json.dumps(told), headers=BODY | bearer)
        assert begun.status_code == 201, begun.text
        browser.get(f"{here}/messages?after=0", headers=bearer)


def pixel() -> bytes:
    from tests.files import picture

    return picture("PNG", (40, 40))


def contents() -> dict[str, bytes]:
    """A file that passes, one whose content is a canary, and one that is not what its name says."""
    passing = pixel()
    return {
        f"{word('file name')} {SSN}.png": passing,
        f"{word('text name')}.pdf": b"%PDF-1.4\n" + word("pdf content").encode() * 50,
        f"../{word('path name')}/x.jpg": word("jpeg content").encode() * 50,
    }


def resources() -> list[Told]:
    """Records of a patient who is all canaries, and some that can't be used."""
    whose = {"reference": f"Patient/{word('fhir id')}"}
    patient = {
        "resourceType": "Patient",
        "id": word("fhir id"),
        "name": [{"family": word("fhir family"), "given": [word("fhir given")]}],
        "birthDate": BIRTH_DATE,
        "telecom": [{"system": "phone", "value": PHONE}, {"system": "email", "value": address("fhir")}],
        "address": [
            {"line": [word("fhir street")], "city": word("fhir city"), "state": "TX", "postalCode": "78701"}
        ],
        "identifier": [{"system": "http://hl7.org/fhir/sid/us-ssn", "value": SSN}],
    }
    coverage = {"resourceType": "Coverage", "id": "c1", "status": "active", "beneficiary": whose}
    coverage |= {"subscriberId": MEMBER_ID, "payor": [{"display": "Sample Health Plan"}]}
    condition = {"resourceType": "Condition", "id": "k1", "subject": whose}
    condition |= {
        "code": {
            "coding": [{"system": "http://snomed.info/sct", "code": "73430006"}],
            "text": word("condition"),
        }
    }
    device = {"resourceType": "Device", "id": "d1", "patient": whose, "serialNumber": word("fhir serial")}
    document = {"resourceType": "DocumentReference", "id": "f1", "status": "current", "subject": whose}
    document |= {
        "description": word("fhir document"),
        "content": [{"attachment": {"contentType": "text/plain", "data": "QQ=="}}],
    }
    astray = {"resourceType": "Coverage", "id": "c2", "status": "active"}
    astray |= {
        "beneficiary": {"reference": f"Patient/{word('nobody')}", "display": word("display")},
        "payor": [],
    }
    bad = patient | {"id": "p2", "birthDate": word("bad date")}
    return [patient, coverage, condition, device, document, astray, bad]


def records_of(browsers: list[Browser]) -> tuple[bytes, bytes]:
    """The addresses that were used and shown, and the titles of the pages."""
    addresses = "\n".join(it for browser in browsers for it in browser.addresses)
    return addresses.encode(), "\n".join(it for browser in browsers for it in browser.titles).encode()

"""Synthetic patients, practitioners and payers. Every surname ends in ``-Demo``; no real person is meant."""

from datetime import UTC, date, datetime, time, timedelta
from random import Random

from billing.models import Coverage, Payer
from portal.models import Consent, Patient, Practitioner
from portal.numbers import account_number

GIVEN = {
    "F": [
        "Ana",
        "Brenda",
        "Carla",
        "Denise",
        "Elena",
        "Fatima",
        "Grace",
        "Hannah",
        "Irene",
        "Joan",
        "Karen",
        "Lucia",
        "Maria",
        "Nora",
        "Olivia",
        "Paula",
        "Rosa",
        "Sharon",
        "Teresa",
        "Ursula",
        "Vera",
        "Wanda",
        "Yolanda",
        "Zoe",
        "Amara",
        "Beatriz",
        "Chloe",
        "Daniela",
        "Edith",
        "Frances",
    ],
    "M": [
        "Alan",
        "Boris",
        "Carlos",
        "David",
        "Edward",
        "Felix",
        "George",
        "Hector",
        "Ivan",
        "James",
        "Kevin",
        "Luis",
        "Marco",
        "Nathan",
        "Oscar",
        "Peter",
        "Quentin",
        "Robert",
        "Samuel",
        "Thomas",
        "Ulises",
        "Victor",
        "Walter",
        "Xavier",
        "Yusuf",
        "Zachary",
        "Andre",
        "Bruno",
        "Cesar",
        "Dmitri",
    ],
}
FAMILY = [
    "Abbott",
    "Acosta",
    "Alvarez",
    "Banks",
    "Barrera",
    "Bennett",
    "Calloway",
    "Castillo",
    "Chen",
    "Cooper",
    "Cruz",
    "Dalton",
    "Delgado",
    "Dixon",
    "Ellis",
    "Escobar",
    "Farley",
    "Figueroa",
    "Garza",
    "Gibbs",
    "Goodwin",
    "Hale",
    "Hancock",
    "Herrera",
    "Ibarra",
    "Jennings",
    "Juarez",
    "Kaplan",
    "Keller",
    "Kim",
    "Landry",
    "Leblanc",
    "Lozano",
    "Maddox",
    "Marsh",
    "Medina",
    "Mercer",
    "Nguyen",
    "Nolan",
    "Ochoa",
    "Ortega",
    "Palmer",
    "Patel",
    "Pruitt",
    "Quinn",
    "Ramsey",
    "Reyes",
    "Rivera",
    "Salazar",
    "Sawyer",
    "Shaw",
    "Sosa",
    "Tanner",
    "Trevino",
    "Underwood",
    "Valdez",
    "Vaughn",
    "Wallace",
    "Whitaker",
    "Yates",
    "Zamora",
]
STREETS = [
    "Oak",
    "Cedar",
    "Live-Oak",
    "Juniper",
    "Bluebonnet",
    "Mesquite",
    "Pecan",
    "Riverside",
    "Lakeview",
    "Sunset",
    "Willow",
    "Magnolia",
]
PLACES = [
    ("Austin", "TX", "787", "America/Chicago"),
    ("San Antonio", "TX", "782", "America/Chicago"),
    ("El Paso", "TX", "799", "America/Denver"),
    ("Houston", "TX", "770", "America/Chicago"),
    ("Tulsa", "OK", "741", "America/Chicago"),
    ("Tampa", "FL", "336", "America/New_York"),
    ("Phoenix", "AZ", "850", "America/Phoenix"),
]
PAYERS = [
    ("SYN00001", "Medicare Part B (synthetic)", "medicare"),
    ("SYN00002", "Lone Star Advantage (synthetic)", "medicare_advantage"),
    ("SYN00003", "Texas Medicaid (synthetic)", "medicaid"),
    ("SYN00004", "Pecan Health Plan (synthetic)", "commercial"),
    ("SYN00005", "Bluebonnet Mutual (synthetic)", "commercial"),
]
DOCTORS = [
    "Lee",
    "Okafor",
    "Brandt",
    "Silva",
    "Rao",
    "Haddad",
    "Novak",
    "Fischer",
    "Moreau",
    "Lindqvist",
    "Tanaka",
    "Owusu",
]
MBI_LETTERS = "ACDEFGHJKMNPQRTUVWXY"


def npi(rng: Random) -> str:
    """A synthetic NPI: begins with 9, which no real one does, and passes the Luhn check of 80840 + NPI."""
    body = "9" + "".join(str(rng.randrange(10)) for _ in range(8))
    total = 0
    for place, char in enumerate(reversed("80840" + body)):
        value = int(char) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return body + str(-total % 10)


def practitioners(rng: Random) -> list[Practitioner]:
    return [
        Practitioner(npi=npi(rng), name=f"Dr {name}", phone=_phone(rng), fax=_phone(rng), synthetic=True)
        for name in DOCTORS
    ]


def payers() -> list[Payer]:
    return [Payer(payer_id=code, name=name, payer_class=kind, synthetic=True) for code, name, kind in PAYERS]


def patient(rng: Random, number: int, today: date) -> Patient:
    """A patient with account ``number``: two thirds are over sixty, as a supplier's are."""
    sex = rng.choice("FFFMM")
    first, last = rng.choice(GIVEN[sex]), f"{rng.choice(FAMILY)}-Demo"
    city, state, zip3, zone = rng.choice(PLACES)
    age = rng.triangular(20, 92, 68)
    return Patient(
        account_number=account_number(number),
        first_name=first,
        last_name=last,
        birth_date=today - timedelta(days=int(age * 365.25)),
        sex=sex,
        ssn_last4=f"{rng.randrange(10_000):04d}",
        email=f"{first}.{last}.{number}@patients.example".lower(),
        phone=_phone(rng),
        address_line1=f"{rng.randrange(100, 9900)} {rng.choice(STREETS)} Rd",
        city=city,
        state=state,
        postal_code=f"{zip3}{rng.randrange(100):02d}",
        language="es" if rng.random() < 0.18 else "en",
        time_zone=zone,
        preferred_channel=rng.choice(["portal", "sms", "email", "phone"]),
        created_at=datetime.combine(today - timedelta(days=200 + number % 400), time(12), UTC),
        synthetic=True,
    )


def coverages(rng: Random, owner: Patient, payer_rows: list[Payer], today: date) -> list[Coverage]:
    """Medicare first for those of 65, a plan for the others; one in four has a second one."""
    old = (today - owner.birth_date).days > 65 * 365
    first = payer_rows[0] if old and rng.random() < 0.7 else rng.choice(payer_rows[1:])
    chosen = [first]
    if rng.random() < 0.25:
        chosen.append(rng.choice([payer for payer in payer_rows if payer is not first]))
    return [
        Coverage(
            patient=owner,
            payer=payer,
            rank=rank,
            member_id=_mbi(rng) if payer.payer_class == "medicare" else f"W{rng.randrange(10**8, 10**9)}",
            group_number="" if payer.payer_class == "medicare" else f"G{rng.randrange(1000, 9999)}",
            plan_name=payer.name,
            starts_on=date(today.year, 1, 1),
        )
        for rank, payer in enumerate(chosen, 1)
    ]


def consents(rng: Random, owner: Patient) -> list[Consent]:
    return [
        Consent(patient=owner, channel=channel, topic="orders", granted=rng.random() < 0.85, source="intake")
        for channel in ("sms", "email")
    ]


def _phone(rng: Random) -> str:
    return f"({rng.choice([512, 210, 713, 813, 602])}) 555-{rng.randrange(100, 200):04d}"


def _mbi(rng: Random) -> str:
    shape = "CANNAXNAANN"
    pick = {"C": "123456789", "A": MBI_LETTERS, "N": "0123456789", "X": "0123456789" + MBI_LETTERS}
    return "".join(rng.choice(pick[kind]) for kind in shape)

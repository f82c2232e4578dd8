"""The words by which a text tells of equipment, health, clinicians, money and addresses, in English and Spanish.

All stand without accents and in small letters, as ``folded`` makes a text; a plural may follow each.
"""

import re
import unicodedata

EQUIPMENT_WORDS = r"""
[bc]i?-?pap|apap|bi-?level|oxygen|oxigeno|concentrat(?:or|ors)|concentrador(?:es)?|compress?or(?:es)?|regulator
nebuli[sz]er|nebulizador(?:es)?|humidifier|humidificador(?:es)?|ventilators?|ventilador(?:es)?|trach\w*|traqueo\w*
tank|tanque|cylinder|cilindro|hose|manguera|tubing|tube|tubo|cannula|canula|chin strap|headgear|arnes
mask|mascarilla|cushion|almohadilla|pillows|filter|filtro|suction|succion|aspirador(?:es)?|cough assist|air purifier
breast ?pump|pump|bomba|sacaleches|milk storage|flange|breast ?shield|bolsas? para leche
wheel ?chair|silla de ruedas|power chair|lift chair|scooter|walker|rollator|andador(?:es)?|andadera|cane|baston(?:es)?
crutch|muleta|commode|shower chair|bath chair|silla de bano|grab bar|patient lift|hoyer|grua
hospital bed|cama(?: de)? hospital\w*|cama electrica|mattress|colchon(?:es)?
brace|splint|orthosis|orthotic|ortesis|ferula|faja|rodillera|tobillera|munequera|prosthe\w+|protesis|sling
compression (?:sock|stocking)|medias de compresion|diabetic shoe|zapatos para diabeticos|tens unit|tens
catheter|cateter(?:es)?|sonda|feeding|enteral|alimentacion por|infusion|ostomy|ostomia|colostomy|colostomia|pouch
diaper|panal(?:es)?|underpad|incontinence|incontinencia|briefs|wound care|dressing|gauze|gasa|bandage|venda|vendaje
glucose|glucosa|glucometer|glucometro|test strip|tiras reactivas|tiras de prueba|lancet|lanceta|cgm|insulin|insulina
oximeter|oximetro|blood pressure (?:cuff|monitor)|tensiometro|syringe|jeringa|hearing aid|audifono
"""
ILLNESS_WORDS = r"""
diagnos\w*|apnea|sleep (?:study|test)|estudio del sueno|copd|epoc|asthma|asma|emphysema|enfisema|bronchi\w*|bronqui\w*
pneumonia|neumonia|fibrosis|respiratory|respiratori\w+|pulmonary|pulmonar(?:es)?|lung|pulmon(?:es)?|hypox\w+|hipox\w+
heart (?:failure|attack|disease|condition|problem)|congestive|chf|cardiac\w*|insuficiencia|infarto|stroke|derrame
blood (?:pressure|sugar|test|gas|clot)|presion arterial|azucar en la sangre|hypertens\w+|hipertens\w+
diabet\w*|kidney|renal(?:es)?|dialysis|dialisis|cancer|tumou?r(?:es)?|chemo\w*|quimio\w*|hiv|vih|hepatitis|infection
infeccion(?:es)?|covid|sclerosis|esclerosis|dementia|demencia|alzheimer\w*|parkinson\w*|epilep\w+|seizure|convulsion
paraly\w+|paralisis|neuropath\w*|neuropatia|arthritis|artritis|fractur\w+|amput\w+|obes\w+|insomnia|insomnio
depression|depresion|anxiety|ansiedad|pregnan\w*|embaraz\w*|postpartum|posparto|lactat\w*|lactancia|breast ?feed\w*
miscarriage|aborto|premature|prematur\w+|wound|herida|ulcer|ulcera|bed ?sore|escara|surgery|surgical|cirugia|operacion
pain|painful|dolor(?:es)?|symptom|sintoma|disease|enfermedad(?:es)?|illness|disorder|trastorno|allerg\w+|alergi\w+
medication|medicamento|medicine|medicina|prescri\w+|receta medica|chemo|treatment|tratamiento|therapy|terapia
icd|a1c|ahi|oximetry|oximetria|shortness of breath|short of breath|falta de aire|hospice|swelling|hinchazon
"""
NUMBER_WORDS = r"""
one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty|sixty|seventy
eighty|ninety|hundred|thousand|uno?|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|trece|catorce|quince
veinte|treinta|cuarenta|cincuenta|sesenta|setenta|ochenta|noventa|cien|ciento|\w+cientos|mil
"""
STREETS = (
    r"street|st|avenue|ave|road|rd|boulevard|blvd|drive|dr|lane|ln|court|ct|place|pl|terrace|ter|trail|trl"
    r"|circle|cir|highway|hwy|parkway|pkwy|square|sq|way"
)


def _any(words: str) -> str:
    return "|".join(words.split("\n")).strip("|")


def _standing(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{_any(words)})(?:e?s)?(?!\w)")


def folded(text: str) -> str:
    """Without accents, in small letters, one space between words."""
    plain = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    return " ".join(plain.casefold().split())


# These are searched for in folded texts ...
EQUIPMENT, ILLNESS = _standing(EQUIPMENT_WORDS), _standing(ILLNESS_WORDS)
MONEY = re.compile(
    r"\$\s?\d|(?<!\w)(?:usd|us)\s?\$?\s?\d|"
    rf"(?<!\w)(?:\d[\d,.]*|{_any(NUMBER_WORDS)})\s?(?:us )?(?:usd|dollars?|bucks|dolar(?:es)?|cents|centavos)(?!\w)"
)
POST_BOX = re.compile(r"(?<!\w)(?:p\.? ?o\.? box|apartado(?: postal)?|apartment|apt\.?|suite) #?\d+")
# ... and these in the text as it was written, where a name begins with a capital letter.
NAME = r"[A-ZÁÉÍÓÚÑ][\w'’-]*"
CODE = re.compile(r"\b(?:[A-TV-Z]\d{2}\.\d{1,4}|[AEK]\d{4})\b")
CLINICIAN = re.compile(
    rf"\b(?:(?i:dra?\.?|doctora?|nurse|enfermer[oa]|physician|practitioner|therapist|terapeuta)|NP|PA|RN)\s+{NAME}"
    rf"|\b{NAME},?\s+(?:MD|M\.D\.|DO|D\.O\.|RN|NP|PA-C|RRT|LPN|FNP|APRN)\b"
    r"|\b(?i:dra?\.)\s+[^\W\d]\w*"
)
ADDRESS = re.compile(
    rf"\b\d{{1,6}}[A-Za-z]?\s+(?:(?i:[nsew]|north|south|east|west)\.?\s+)?(?:{NAME}\s+){{1,3}}(?i:{STREETS})\b"
    rf"|\b(?i:calle|avenida|avda\.?|av\.|carretera|camino|paseo)\s+(?:{NAME}\s*){{1,4}},?\s*(?:#|n[.ºo°]*)?\s*\d+"
)

"""The synthetic supplier's catalogue: real HCPCS codes, our own words, invented prices.

Payment categories follow the Medicare fee schedule's column; prices and warranty terms are the supplier's
own and a supervisor changes them in admin.
"""

from decimal import Decimal

from portal.models import Product

# hcpcs, name, in a patient's words, line, category, price, rental a month, warranty months, flags
# flags: c consumable, s has a serial number, L life-sustaining
ROWS = [
    ("E0601", "CPAP device, auto-adjusting", "CPAP machine", "cpap", "CR", "780.00", "78.00", 24, "s"),
    ("E0470", "Bilevel device without backup rate", "BiPAP machine", "cpap", "CR", "1680.00", "168.00", 24, "s"),
    ("E0471", "Bilevel device with backup rate", "BiPAP machine with backup", "cpap", "CR", "4100.00", "410.00", 24, "s"),
    ("E0562", "Heated humidifier for PAP", "Heated humidifier", "cpap", "IN", "148.00", None, 24, "s"),
    ("E0561", "Non-heated humidifier for PAP", "Humidifier", "cpap", "IN", "72.00", None, 12, ""),
    ("A4604", "Heated tubing", "Heated tube", "cpap", "IN", "42.00", None, 3, "c"),
    ("A7027", "Oral and nasal combination mask", "Hybrid mask", "cpap", "IN", "168.00", None, 3, "c"),
    ("A7028", "Oral cushion for combination mask", "Mouth cushion", "cpap", "IN", "38.00", None, 0, "c"),
    ("A7029", "Nasal pillows for combination mask, pair", "Nose pillows for hybrid mask", "cpap", "IN", "29.00", None, 0, "c"),
    ("A7030", "Full-face mask frame", "Full-face mask", "cpap", "IN", "156.00", None, 3, "c"),
    ("A7031", "Full-face mask cushion", "Full-face cushion", "cpap", "IN", "58.00", None, 0, "c"),
    ("A7032", "Nasal mask cushion", "Nose mask cushion", "cpap", "IN", "34.00", None, 0, "c"),
    ("A7033", "Nasal pillows, pair", "Nose pillows", "cpap", "IN", "24.00", None, 0, "c"),
    ("A7034", "Nasal interface", "Nose mask", "cpap", "IN", "98.00", None, 3, "c"),
    ("A7035", "Headgear", "Headgear straps", "cpap", "IN", "32.00", None, 3, "c"),
    ("A7036", "Chin strap", "Chin strap", "cpap", "IN", "15.00", None, 3, "c"),
    ("A7037", "Standard tubing", "Standard tube", "cpap", "IN", "29.00", None, 3, "c"),
    ("A7038", "Disposable filter", "Throw-away filter", "cpap", "IN", "4.50", None, 0, "c"),
    ("A7039", "Reusable filter", "Washable filter", "cpap", "IN", "12.00", None, 0, "c"),
    ("A7044", "Oral interface", "Mouth mask", "cpap", "IN", "96.00", None, 3, "c"),
    ("A7045", "Exhalation port", "Exhalation port", "cpap", "IN", "16.00", None, 0, "c"),
    ("A7046", "Humidifier water chamber", "Water chamber", "cpap", "IN", "19.00", None, 6, "c"),
    ("E1390", "Stationary oxygen concentrator", "Home oxygen concentrator", "oxygen", "OX", "1150.00", "165.00", 36, "sL"),
    ("E1391", "Oxygen concentrator, dual port", "Home oxygen concentrator, two outlets", "oxygen", "OX", "1340.00", "165.00", 36, "sL"),
    ("E1392", "Portable oxygen concentrator", "Portable oxygen concentrator", "oxygen", "OX", "2450.00", "48.00", 36, "sL"),
    ("E0431", "Portable gaseous oxygen system", "Portable oxygen tank set", "oxygen", "OX", "310.00", "29.00", 12, "sL"),
    ("E0434", "Portable liquid oxygen system", "Portable liquid oxygen", "oxygen", "OX", "620.00", "52.00", 12, "sL"),
    ("E0439", "Stationary liquid oxygen system", "Home liquid oxygen", "oxygen", "OX", "1480.00", "170.00", 24, "sL"),
    ("E0443", "Portable oxygen contents, gas, one month", "Oxygen tank refill", "oxygen", "OX", "72.00", None, 0, "cL"),
    ("A4615", "Oxygen cannula", "Nose cannula", "oxygen", "SU", "3.20", None, 0, "c"),
    ("A4616", "Oxygen tubing, per foot", "Oxygen tubing", "oxygen", "SU", "0.60", None, 0, "c"),
    ("E0570", "Nebulizer compressor", "Nebulizer", "nebulizer", "CR", "74.00", "7.40", 36, "s"),
    ("A7003", "Disposable nebulizer set", "Nebulizer set", "nebulizer", "IN", "3.80", None, 0, "c"),
    ("A7005", "Reusable nebulizer set", "Washable nebulizer set", "nebulizer", "IN", "24.00", None, 3, "c"),
    ("A7006", "Filtered nebulizer set", "Filtered nebulizer set", "nebulizer", "IN", "11.00", None, 0, "c"),
    ("A7013", "Disposable compressor filter", "Nebulizer filter", "nebulizer", "IN", "1.20", None, 0, "c"),
    ("A7015", "Aerosol mask", "Aerosol mask", "nebulizer", "IN", "2.60", None, 0, "c"),
    ("E0602", "Manual breast pump", "Manual breast pump", "breast_pump", "IN", "34.00", None, 12, ""),
    ("E0603", "Electric breast pump, double", "Double electric breast pump", "breast_pump", "IN", "219.00", None, 24, "s"),
    ("E0604", "Hospital-grade breast pump", "Hospital-grade pump", "breast_pump", "IN", "1400.00", "75.00", 12, "s"),
    ("A4281", "Breast pump tubing", "Pump tubing", "breast_pump", "SU", "8.00", None, 3, "c"),
    ("A4284", "Breast shield", "Breast shield", "breast_pump", "SU", "9.50", None, 3, "c"),
    ("A4285", "Breast pump bottle", "Milk bottle", "breast_pump", "SU", "6.00", None, 3, "c"),
    ("A4287", "Milk storage bags", "Milk storage bags", "breast_pump", "SU", "16.00", None, 0, "c"),
    ("E0250", "Hospital bed, fixed height", "Hospital bed", "mobility", "CR", "940.00", "94.00", 24, "s"),
    ("K0001", "Standard wheelchair", "Wheelchair", "mobility", "CR", "520.00", "52.00", 36, "s"),
    ("A9270", "Mask liner, not covered", "Mask liner", "cpap", "NC", "14.00", None, 0, "c"),
]


def products() -> list[Product]:
    """The catalogue as unsaved products."""
    return [_product(*row) for row in ROWS]


def _product(
    hcpcs: str,
    name: str,
    plain_name: str,
    line: str,
    category: str,
    price: str,
    rental: str | None,
    warranty: int,
    flags: str,
) -> Product:
    consumable = "c" in flags
    return Product(
        sku=f"BHM-{hcpcs}",
        hcpcs=hcpcs,
        name=name,
        plain_name=plain_name,
        product_line=line,
        category=category,
        price=Decimal(price),
        rental_month_price=Decimal(rental) if rental else None,
        warranty_months=warranty,
        return_days=30 if consumable else 60,
        restocking_percent=0 if consumable else 15,
        consumable=consumable,
        serialized="s" in flags,
        life_sustaining="L" in flags,
    )

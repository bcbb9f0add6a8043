"""Numbers, times and dates of a text in one form, whatever the notation.

The rule: what is the same amount is the same text here (60 minutes and 1 hour, 1,000 and 1 000,
5 pm and 17:00, two and 2), and every number of the text is accounted for, because a number that
differs makes another statement.
"""

import re
from collections.abc import Callable
from decimal import Decimal

from knowledge.words import DAYS, MONTHS, PERIODS, UNITS

Found = tuple[str, str]
"""What kind of amount, and its value."""

_TIME_S = {
    "ms millisecond milliseconds millisekunden millisecondes milisegundos milisekund": "0.001",
    "s sec secs second seconds sekunde sekunden seconde secondes segundo segundos sekund sekundy "
    "sekunda sekundach": "1",
    "min mins minute minutes minuten minuto minutos minut minuty minuta minutach": "60",
    "h hr hrs hour hours stunde stunden heure heures hora horas hodin hodiny hodina hodine "
    "hodinach": "3600",
    "d day days tag tage tagen jour jours dia dias dny dni dnu dnech den": "86400",
    "week weeks woche wochen semaine semaines semana semanas tyden tydny tydnu": "604800",
    "month months monat monate monaten mois mes meses mesic mesice mesicu mesicich": "2629800",
    "year years jahr jahre jahren an ans annee annees ano anos rok roky let letech": "31557600",
}
_BYTES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_BYTES |= {
    "ko": 10**3,
    "mo": 10**6,
    "go": 10**9,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_MONEY = {
    "€ eur euro euros eura": "EUR",
    "$ usd dollar dollars dolar dolares": "USD",
    "£ gbp pound pounds": "GBP",
    "kc czk korun koruny": "CZK",
}
_SHARE = {"% percent prozent procent procenta": "0.01"}
_TIMES = {
    "k thousand tausend mille mil tisic": "1000",
    "m million millionen millions millones milion miliony mio": "1000000",
}


def _flat(table: dict[str, str], kind: str) -> dict[str, tuple[str, Decimal]]:
    return {w: (kind, Decimal(v)) for words, v in table.items() for w in words.split()}


_UNITS: dict[str, tuple[str, Decimal]] = {
    **_flat(_TIME_S, "duration"),
    **{name: ("bytes", Decimal(size)) for name, size in _BYTES.items()},
    **{w: (f"money {code}", Decimal(1)) for words, code in _MONEY.items() for w in words.split()},
    **_flat(_SHARE, "number"),
    **_flat(_TIMES, "number"),
}
# One is left out: in three of the languages it is the article as well. So are words that mean
# something else in another of them: `once`, `neuf`, `pet`, `let`.
_NUMBER_WORDS = {
    "2": "two zwei deux dos dva dve dvou",
    "3": "three drei trois tres tri trech",
    "4": "four vier quatre cuatro ctyri ctyr ctyrech",
    "5": "five funf cinq cinco peti",
    "6": "six sechs seis sest sesti",
    "7": "seven sieben sept siete sedm sedmi",
    "8": "eight acht huit ocho osm osmi",
    "9": "nine neun nueve devet deviti",
    "10": "ten zehn dix diez deset deseti",
    "11": "eleven elf onze jedenact",
    "12": "twelve zwolf douze doce dvanact",
    "13": "thirteen dreizehn treize trece trinact",
    "14": "fourteen vierzehn quatorze catorce ctrnact",
    "15": "fifteen funfzehn quinze quince patnact",
    "16": "sixteen sechzehn seize dieciseis sestnact",
    "17": "seventeen siebzehn diecisiete sedmnact",
    "18": "eighteen achtzehn dieciocho osmnact",
    "19": "nineteen neunzehn diecinueve devatenact",
    "20": "twenty zwanzig vingt veinte dvacet",
}
_DIGITS = {w: digit for digit, words in _NUMBER_WORDS.items() for w in words.split()}
_WORD = re.compile(r"[^\W\d_]+")

_CLOCK = re.compile(
    r"(?<![\w.,:-])(?:(\d{1,2})[:h](\d{2})(?::\d{2})?\s?(am|pm)?|(\d{1,2})\s?(am|pm|uhr|h(?=\s|"
    r"$)))(?![\w:])"
)
_ISO_DAY = re.compile(r"(?<![\w-])(\d{4})-(\d{2})(?:-(\d{2}))?(?![\w-])")
_MONTH_NAMES = "|".join(sorted(MONTHS.words(), key=len, reverse=True))
_DAY_MONTH = re.compile(
    rf"(?<!\w)(\d{{1,2}})(?:st|nd|rd|th|er|\.)?\s(?:of\s|"
    rf"de\s)?({_MONTH_NAMES})(?:\s(?:de\s)?(\d{{4}}))?(?!\w)"
)
_MONTH_DAY = re.compile(
    rf"(?<!\w)({_MONTH_NAMES})\s(\d{{1,2}})(?:st|nd|rd|th)?,?(?:\s(\d{{4}}))?(?!\w)"
)
_MONTH_YEAR = re.compile(rf"(?<!\w)({_MONTH_NAMES})\s(?:de\s)?(\d{{4}})(?!\w)")
_DOTTED_DAY = re.compile(r"(?<![\w.])(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})(?![\w.])")
_QUARTER = re.compile(r"(?<!\w)q([1-4])(?:[\s/-]?(\d{4}))?(?!\w)")
_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_AMOUNT = re.compile(
    r"(?<![\w.:-])([€$£])?\s?(-?\d{1,3}(?:[ ',.]\d{3})+(?:[.,]\d{1,2})?|-?\d+(?:[.,]\d+)?)"
    rf"(?:[\s-]?({_UNIT})(?!\w))?(?![\w:]|[.,]\d)"
)


def quantities(text: str) -> tuple[frozenset[Found], str]:
    """The amounts of a folded, unaccented text, and the text without them."""
    found: set[Found] = set()
    text = _WORD.sub(lambda match: _DIGITS.get(match[0], match[0]), text)
    for pattern, read in _READERS:
        text = pattern.sub(_taking(read, found), text)
    return frozenset(found), text


def calendar(word: str) -> Found | None:
    """The period, week day, month or unit that a single folded word names."""
    named = (("period", PERIODS), ("day", DAYS), ("month", MONTHS), ("unit", UNITS))
    for kind, known in named:
        if value := known.get(word):
            return kind, value
    return None


def _taking(
    read: Callable[[re.Match[str]], list[Found]], found: set[Found]
) -> Callable[[re.Match[str]], str]:
    def take(match: re.Match[str]) -> str:
        found.update(read(match))
        return " "

    return take


def _clock(match: re.Match[str]) -> list[Found]:
    hour = int(match[1] or match[4])
    half = match[3] or match[5] or ""
    hour = hour % 12 + 12 * (half == "pm") if half in ("am", "pm") else hour
    return [("clock", f"{hour:02}:{match[2] or '00'}")]


def _date(year: str | None, month: str, day: str | None) -> list[Found]:
    parts = (year or "", f"{int(month):02}", f"{int(day):02}" if day else "")
    return [("date", "-".join(part for part in parts if part))]


def _month(name: str) -> str:
    return MONTHS.get(name) or ""


def _quarter(match: re.Match[str]) -> list[Found]:
    return [("date", f"{match[2] or ''}q{match[1]}")]


def _amount(match: re.Match[str]) -> list[Found]:
    kind, factor = _UNITS.get(match[3] or "", ("number", Decimal(1)))
    if match[1]:
        kind = _UNITS[match[1]][0]
    name, _, currency = kind.partition(" ")
    value = format((_number(match[2]) * factor).normalize(), "f")
    return [(name, f"{value} {currency}".strip())]


def _number(text: str) -> Decimal:
    """Groups of three after a separator are thousands, unless the number begins with 0."""
    plain = text.replace(" ", "").replace("'", "")
    whole, separator, rest = plain.replace(",", ".").rpartition(".")
    thousands = len(rest) == 3 and whole.lstrip("-") not in ("", "0")
    if not separator or thousands:
        return Decimal(plain.replace(",", "").replace(".", ""))
    return Decimal(f"{whole.replace('.', '')}.{rest}")


_READERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], list[Found]]], ...] = (
    (_ISO_DAY, lambda m: _date(m[1], m[2], m[3])),
    (_DOTTED_DAY, lambda m: _date(m[3], m[2], m[1])),
    (_DAY_MONTH, lambda m: _date(m[3], _month(m[2]), m[1])),
    (_MONTH_YEAR, lambda m: _date(m[2], _month(m[1]), None)),
    (_MONTH_DAY, lambda m: _date(m[3], _month(m[1]), m[2])),
    (_QUARTER, _quarter),
    (_CLOCK, _clock),
    (_AMOUNT, _amount),
)

"""What a statement is about and whom it concerns, by words: sensitivity, topics, domain, names.

The rule: fail closed. A statement with a label of sensitivity stays its owner's until a person
says otherwise, and a text that cannot be judged gets the label "unclear".
"""

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from knowledge.qualifiers import reading
from knowledge.text import unaccented, visible
from knowledge.words import Lexicon, folded

Sensitivity = Literal["credentials", "contact", "person", "health", "pay", "private", "unclear"]

_SENSITIVE: Mapping[Sensitivity, str] = {
    "credentials": r"\b(?:password|passwd|passphrase|passwor[td]e?r?|kennwort|mot de passe|"
    r"contrasena|"
    r"clave (?:secreta|privada)|heslo|hesla|secret|token|api[ _-]?key|private[ _-]?key|"
    r"credentials?|"
    r"zugangsdaten|identifiants|credenciales|bearer)\b(?=.*(?:\bis\b|\bist\b|\best\b|\bes\b|"
    r"\bje\b|[:=]))|"
    r"\b(?:sk|pk|ghp|gho|glpat|xox[abp]|akia)[-_]?[a-z0-9_-]{12,}|-----begin |"
    r"\b[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/@]+@|‹secret:",
    "contact": r"[\w.+-]+@[\w-]+\.[a-z]{2,}|(?<![\w.-])\+\d[\d ()/-]{7,}\d|"
    r"\b[a-z]{2}\d{2}(?: ?[a-z0-9]{4}){3,7}\b|\b(?:home|private) (?:address|number)\b|"
    r"\b(?:privatadresse|adresse (?:privee|personnelle)|domicilio|bydliste)\b",
    "health": r"\b(?:sick(?:ness)?|ill(?:ness)?|disease|diagnos\w*|pregnan\w*|therap\w*|medication|"
    r"depress\w*|burnout|surgery|hospital|disab(?:led person|ility)|krank\w*|schwanger\w*|arzt|"
    r"enceinte|"
    r"malad\w*|enferm\w*|embaraz\w*|nemoc\w*|tehotn\w*|lekar\w*)\b",
    "pay": r"\b(?:salar\w*|wages?|payslip|bonus(?:es)?|pay rise|compensation|gehalt\w*|lohn\w*|"
    r"salaire\w*|remuneration|sueldo\w*|nomina|mzd\w*|plat(?:y|u|ovy|em)?|odmen\w*)\b",
    "person": r"\b(?:fired|dismissed|layoffs?|laid off|performance review|lazy|incompetent|stupid|"
    r"annoying|divorc\w*|religio\w*|ethnic\w*|trade union|gekundigt|entlassen|faul|dumm|licenci\w*|"
    r"paresseu\w*|despedid\w*|propust\w*|vypove\w*|linej|liny|hloup\w*|religion|gewerkschaft)\b",
    "private": r"\b(?:i (?:like|prefer|hate|love|want|feel|am|live)|my (?:wife|husband|kid|child|"
    r"children|family|birthday|home|boss|manager|preference)|ich (?:mag|bevorzuge|bin|wohne)|"
    r"mein\w* "
    r"(?:frau|mann|kind\w*|chef\w*)|je (?:prefere|deteste|suis|veux)|ma (?:femme|famille)|"
    r"mon (?:mari|chef)|"
    r"prefiero|mi (?:mujer|marido|familia|jefe)|preferuji|mam rad|muj (?:sef|manzel)|"
    r"moje (?:zena|rodina))\b",
}
_PATTERNS = {label: re.compile(pattern) for label, pattern in _SENSITIVE.items()}
JUDGED_CHARS_MAX = 2000
"""A longer text is more than a statement."""

Vocabulary = Mapping[str, Lexicon[bool]]
"""Words and stems of each name."""


def vocabulary(words: Mapping[str, str]) -> Vocabulary:
    """From the words of each name, `stem*` for all that begin with it; the name is one."""
    return {
        name: Lexicon(dict.fromkeys(folded(f"{name} {known}"), True))
        for name, known in words.items()
    }


TOPICS = vocabulary(
    {
        "data": "data* dataset* table* tabel* column* schema* warehous* donnees tabla* datos "
        "sloup*",
        "automation": "automat* pipeline* cron* scheduler* workflow* orchestr* planovac*",
        "reports": "report* dashboard* bericht* rapport* informe* prehled*",
        "alerts": "alert* alarm* notif* incident* pager* upozorn*",
        "metrics": "metric* kpi* churn* revenue* umsatz* chiffre* ingreso* trzb* conversion* "
        "metrik*",
        "queries": "query queries sql select join abfrage* requete* consulta* dotaz*",
        "infrastructure": "server* cluster* kubernet* docker* deploy* terraform* network* cloud* "
        "nasaz*",
        "processes": "process* approv* review* onboarding* prozess* freigab* proceso* proces* "
        "schval*",
        "integrations": "api apis webhook* integrat* connector* schnittstell* rozhrani* export* "
        "import*",
        "debugging": "debug* error* bug* exception* stacktrace* fehler* erreur* chyb*",
        "performance": "performance slow* latency* cache* timeout* langsam* lent* rychl* vykon*",
        "access": "permission* access* role roles login* sso token* zugriff* acces acceso* prava "
        "pristup*",
    }
)
TAGS_MAX = 3

DOMAINS = vocabulary(
    {
        "finance": "revenue* invoice* billing* tax* price* discount* refund* budget* gross net "
        "umsatz* "
        "rechnung* rabatt* preis* facture* remise* prix chiffre* factura* descuento* precio* "
        "ingreso* "
        "faktur* cen* slev* trzb* ucetn*",
        "engineering": "code* repo* branch* commit* test* build* library* function* class* api "
        "apis "
        "deploy* review* pull bug* klass* fonction* codigo* kod* nasaz*",
        "product": "feature* user* customer* churn* roadmap* onboarding* trial* kunde* client* "
        "cliente* zakazn* produkt* product*",
        "data": "data* table* tabel* column* schema* warehouse* etl* dataset* query* metric* "
        "snapshot* "
        "donnees datos tabla* sloup* databaz*",
        "operations": "process* support* ticket* contract* holiday* vacation* meeting* vertrag* "
        "urlaub* "
        "conges contrat* vacacion* contrato* dovolen* smlouv* porad*",
        "infrastructure": "server* cluster* kubernet* docker* terraform* network* cloud* backup* "
        "port "
        "ports dns cache* sicherung* sauvegarde* copia* zaloh* serveur* servidor*",
    }
)


def sensitivity(text: str) -> frozenset[Sensitivity]:
    """The labels of a statement; one with any is kept from others."""
    plain = unaccented(visible(text))
    if not any(c.isalpha() for c in plain) or len(plain) > JUDGED_CHARS_MAX:
        return frozenset({"unclear"})
    return frozenset(label for label, pattern in _PATTERNS.items() if pattern.search(plain))


def topics(text: str, known: Vocabulary = TOPICS) -> tuple[str, ...]:
    """At most three topics, those with most of their words first."""
    ranked = _ranked(text, known)
    return tuple(name for name, _ in ranked[:TAGS_MAX])


def domain(text: str, known: Vocabulary = DOMAINS) -> str:
    """The domain with most words in the text; "" for none or a draw, which a person decides."""
    ranked = _ranked(text, known)
    if not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
        return ""
    return ranked[0][0]


def entities(text: str, known: Iterable[str] = ()) -> tuple[str, ...]:
    """Names the text mentions, folded: identifiers, proper names, and those known by name."""
    said = reading(text)
    plain = f" {' '.join(_words(text))} "
    listed = {name: " ".join(_words(name)) for name in known}
    found = {unaccented(name) for name, words in listed.items() if words and f" {words} " in plain}
    return tuple(sorted(found | {name for kind, name in said.qualifiers if kind == "name"}))


def _ranked(text: str, known: Vocabulary) -> list[tuple[str, int]]:
    words = _words(text)
    counts = {name: sum(word in lexicon for word in words) for name, lexicon in known.items()}
    return sorted(((n, c) for n, c in counts.items() if c), key=lambda pair: (-pair[1], pair[0]))


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", unaccented(visible(text)))

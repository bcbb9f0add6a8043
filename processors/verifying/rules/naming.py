"""What a statement is about: names in it, words that limit it, and a guess at its domain.

The rule: what is named stands in the statement; a domain is guessed only if more of its words stand
there than of any other's.
"""

import re
from collections import Counter

from processors.verifying.candidates import ENTITIES_MAX, ENTITY_CHARS_MAX, Domain
from processors.verifying.rules.language import words

_CONTENT = re.compile(r"[^\W_]{4,}|\d+|[A-Z]{2,}")
_EMPTY = words(
    "that this with from have been were they them then than when what which there here just"
    " only also into over more most some such very will does your about because always never"
    " should actually means stands nicht sondern eine einen einer sind wird werden auch aber"
    " oder dass diese dieser unser unsere immer nach über durch dans pour avec sont cette mais"
    " plus nous vous leur être comme pero para como este esta nuestro nuestra siempre nunca"
    " jsou není nebo jako protože které který naše"
)
_ENTITY = re.compile(
    r"`([^`\n]{2,80})`|[\"“„«]([^\"”“»\n]{2,60})[\"”“»]"
    r"|(?<![\w/.])([A-Za-z]\w*(?:_\w+)+|[a-z]+[A-Z]\w+|[A-Z]{2,}[\w-]*|[A-Z][a-z]+[A-Z]\w*)(?!\w)"
    r"|(?<=[\w,] )([A-Z][a-z]{2,}(?: [A-Z][a-z]{2,}){0,3})"
)
_QUALIFIER = re.compile(
    r"(?i)\b(?:hourly|daily|weekly|monthly|quarterly|yearly|annual(?:ly)?|gross|net"
    r"|before tax|after tax"
    r"|excluding|including|except|without|at least|at most|per (?:day|week|month"
    r"|quarter|year|user|seat)"
    r"|only|always|never|täglich|wöchentlich|monatlich|jährlich|brutto|netto|ohne"
    r"|außer|mindestens|höchstens"
    r"|quotidien\w*|hebdomadaire\w*|mensuel\w*|annuel\w*|brut|hors|sauf|sans"
    r"|diari[oa]|semanal|mensual|anual"
    r"|brut[oa]|net[oa]|sin|excepto|denně|týdně|měsíčně|ročně|hrubý|čistý|bez|kromě)\b"
)
_DOMAIN_WORDS = {
    Domain.FINANCE: "revenue invoice billing budget fiscal tax price pricing margin cost"
    " profit payment"
    " umsatz rechnung steuer preis geschäftsjahr facture budget exercice ingresos factura fiscal"
    " ejercicio obrat faktura daň rozpočet fiskální",
    Domain.DATA: "table column metric dataset churn cohort report dashboard warehouse query rows"
    " tabelle spalte kennzahl métrique tableau tabla métrica tabulka sloupec metrika",
    Domain.INFRASTRUCTURE: "server cluster region kubernetes docker staging production"
    " deploy bucket"
    " dns database node produktion serveur servidor produkce databáze",
    Domain.PRODUCT: "customer user feature plan tier subscription trial kunde kunden abo client"
    " abonnement cliente suscripción zákazník předplatné",
    Domain.OPERATIONS: "support ticket oncall incident shift warehouse shipping order"
    " supplier lieferung"
    " bestellung commande pedido objednávka",
    Domain.ENGINEERING: "api service repository library module endpoint schema code tests package"
    " function class type branch migration build",
}
_DOMAIN_BY_WORD = {
    word: domain for domain, listed in reversed(_DOMAIN_WORDS.items()) for word in words(listed)
}
_WORD = re.compile(r"[^\W\d_]+")


def content_words(text: str) -> frozenset[str]:
    """Words that carry meaning, and numbers; lower case, plurals as their singular."""
    found = (match[0].lower() for match in _CONTENT.finditer(text))
    return frozenset(word.removesuffix("s") for word in found if word not in _EMPTY)


def entities_of(text: str) -> tuple[str, ...]:
    """Names: in code font or quotation marks, identifiers, acronyms, capitals within a sentence."""
    found = [next(filter(None, match.groups())) for match in _ENTITY.finditer(text)]
    return tuple(
        dict.fromkeys(name[:ENTITY_CHARS_MAX] for name in found if name.lower() not in _EMPTY)
    )[:ENTITIES_MAX]


def qualifiers_of(text: str) -> tuple[str, ...]:
    """Words that limit a statement: two that differ in them are no duplicates."""
    return tuple(dict.fromkeys(match[0].lower() for match in _QUALIFIER.finditer(text)))


def domain_of(text: str) -> Domain | None:
    """The domain with most words in the text; None if there is none, or no single one."""
    counts = Counter(
        domain
        for word in map(str.lower, _WORD.findall(text))
        if (domain := _DOMAIN_BY_WORD.get(word) or _DOMAIN_BY_WORD.get(word.removesuffix("s")))
    ).most_common(2)
    if not counts or (len(counts) > 1 and counts[0][1] == counts[1][1]):
        return None
    return counts[0][0]

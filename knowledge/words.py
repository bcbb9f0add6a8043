"""The words of five languages that change what a statement says: en, de, fr, es, cs.

The rule: words only, written as people write them and folded once at import. A word that is
common in another meaning in one of the languages (French `on`, Spanish `once`) is left out,
because a wrong difference hides a duplicate.
"""

from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

from knowledge.text import unaccented

Value = TypeVar("Value")


def folded(words: str) -> frozenset[str]:
    """A set of words from a text of words."""
    return frozenset(unaccented(word) for word in words.split())


class Lexicon(Generic[Value]):
    """Words and stems (`aktivier*`) with what they stand for; the longest match counts."""

    def __init__(self, entries: Mapping[str, Value]) -> None:
        self._words = {word: value for word, value in entries.items() if word[-1] != "*"}
        self._stems = {word[:-1]: value for word, value in entries.items() if word[-1] == "*"}
        self._stem_max = max(map(len, self._stems), default=0)

    def get(self, word: str) -> Value | None:
        """What a folded word stands for."""
        if word in self._words:
            return self._words[word]
        for length in range(min(len(word), self._stem_max), 2, -1):
            if (value := self._stems.get(word[:length])) is not None:
                return value
        return None

    def words(self) -> tuple[str, ...]:
        """The words that are no stems."""
        return tuple(self._words)

    def __contains__(self, word: str) -> bool:
        return self.get(word) is not None


def _by_word(groups: Mapping[str, str]) -> Lexicon[str]:
    return Lexicon({word: name for name, words in groups.items() for word in folded(words)})


FUNCTION_WORDS: Mapping[str, frozenset[str]] = {
    "en": folded(
        "the a an within during of to in on at by for from with and or is are was were be been "
        "it its "
        "this that "
        "these those as we our you your they their there has have had do does must should shall "
        "can may will would when if than then which who so any all each every also just only get "
        "gets"
    ),
    "de": folded(
        "der die das den dem des ein eine einen einem einer eines und oder ist sind war waren wird "
        "werden im in am an auf aus bei mit für von vom zu zum zur wir unser unsere unseren ihr "
        "sie es er man dass wenn als auch nur immer soll sollen muss müssen kann können hat haben "
        "innerhalb durch um wie ab während jede jeder jedes jeden alle"
    ),
    "fr": folded(
        "pendant durant le la les l un une des du de d et ou est sont était a au aux en dans sur "
        "par pour avec ce "
        "cette ces il elle ils elles on nous notre nos vous votre qui que qu se s ne n y être doit "
        "doivent peut peuvent faut quand si comme aussi toujours chaque tous toutes tout toute"
    ),
    "es": folded(
        "durante el la los las un una unos unas de del y o es son era está están en a al por para "
        "con que "
        "se su sus lo nuestro nuestra nosotros hay ser debe deben puede pueden cuando si como "
        "también siempre cada todos todas todo toda este esta estos estas hay"
    ),
    "cs": folded(
        "a i v ve na z ze do od o u k ke s se si je jsou byl byla bylo být pro po při za to ten ta "
        "ty tento tato toto který která které kteří jako že když pokud by aby musí mají má může "
        "během lze náš naše jen také vždy každý každá každé všechny všechno"
    ),
}
# `ni` is what is left of the Czech `není`.
STOP_WORDS = frozenset().union(*FUNCTION_WORDS.values()) | folded("please bitte ni own")

NOT = folded(
    "not never no cannot nicht nie niemals kein keine keinen keinem keiner keines pas jamais aucun "
    "aucune nunca jamás ningún ninguna ninguno nikdy žádný žádná žádné žádnou žádného ne nelze"
)
"""`ne` is Czech here; before a French verb it is dropped, because `pas` says it (qualifiers.py)."""

WITHOUT = folded("without ohne sans sin bez")

ONLY = folded(
    "only solely nur ausschließlich seulement uniquement solo sólo solamente pouze jen jenom"
)

_IS = folded("is are was were be been being get gets")
_WIRD = folded("wird werden wurde wurden worden")
AGENT: Mapping[str, frozenset[str]] = {
    "by": _IS,
    "von": _WIRD,
    "vom": _WIRD,
    "par": folded("est sont était étaient être été"),
    "por": folded("es son era eran fue ser sido"),
}
"""Behind one of the verbs of a passive these name who does it. Czech has an ending instead."""

PASSIVE = frozenset().union(*AGENT.values()) | folded("se si je jsou byl byla bylo byly está están")
US = folded("we wir man nous nosotros nosotras")
OUR_ENDING = "mos"
"""Of the Spanish verb for what we do; `on` is French if the statement is."""

CZECH_NEGATED = folded(
    "není nejsou nebyl nebyla nebylo nemá nemají nemůže nemohou nesmí nesmějí nemusí nebude "
    "nebudou "
    "nepoužívat nepoužívej nepoužívejte nepoužíváme nepoužívá nepoužívají nepočítá nepočítáme "
    "nepočítají nezahrnuje nezahrnují nezahrnovat nespouští nespouštět nespouštěj nespouštíme "
    "neběží neukládá neukládáme neukládají neukládat neposílá neposíláme neposílat neposílejte "
    "nedělá neděláme nedělat nenasazuje nenasazujeme nenasazovat nemažeme nemaže nemazat neměnit "
    "neměníme nemění nepíšeme nepsat nevolat nevolá nevoláme neplatí nevrací nesdílíme nesdílet "
    "nelogovat nelogujeme nesmíme nemáme nechceme nezapínat nevypínat neobsahuje neobsahují"
)
"""Czech negates by a prefix that many other words begin with as well, hence a list."""

PHRASES: Mapping[str, str] = {
    "<": "below",
    ">": "above",
    "<=": "maximum",
    ">=": "minimum",
    "≤": "maximum",
    "≥": "minimum",
    "at least": "minimum",
    "no less than": "minimum",
    "au moins": "minimum",
    "al menos": "minimum",
    "at most": "maximum",
    "no more than": "maximum",
    "not more than": "maximum",
    "au plus": "maximum",
    "como máximo": "maximum",
    "no later than": "before",
    "must not": "not",
    "may not": "not",
    "pour cent": "%",
    "por ciento": "%",
    "fin de semana": "weekend",
    "ya no": "not",
    "už ne": "not",
}
"""Several words that are one qualifier."""

PERIODS = _by_word(
    {
        "hour": "hourly hour stündlich stunde stunden horaire heure hora hodina hodinově hodinu",
        "day": "daily day nightly täglich täglichen tag tages nächtlich quotidien quotidienne "
        "quotidiennement jour diario diaria diariamente día denně denní",
        "week": "weekly week wöchentlich wöchentliche woche hebdomadaire hebdo semaine semanal "
        "semanalmente semana týdně týden týdenní",
        "month": "monthly month monatlich monatliche monat mensuel mensuelle mensuellement mois "
        "mensual mensualmente mes měsíčně měsíc měsíční",
        "quarter": "quarterly quarter quartalsweise quartal vierteljährlich trimestriel "
        "trimestrielle trimestre trimestral trimestralmente čtvrtletně čtvrtletí čtvrtletní",
        "year": "yearly annually annual year jährlich jahr jahres annuel annuelle annuellement "
        "année anual anualmente año ročně rok roční",
    }
)
DAYS = _by_word(
    {
        "monday": "monday mondays montag montags lundi lunes pondělí",
        "tuesday": "tuesday tuesdays dienstag dienstags mardi martes úterý",
        "wednesday": "wednesday wednesdays mittwoch mittwochs mercredi miércoles středa středu",
        "thursday": "thursday thursdays donnerstag donnerstags jeudi jueves čtvrtek",
        "friday": "friday fridays freitag freitags vendredi viernes pátek",
        "saturday": "saturday saturdays samstag samstags sonnabend samedi sábado sobota sobotu",
        "sunday": "sunday sundays sonntag sonntags dimanche domingo neděle neděli",
        "weekend": "weekend weekends wochenende víkend",
    }
)
MONTHS = _by_word(
    {
        "1": "january januar janvier enero leden ledna lednu",
        "2": "february februar février febrero únor února únoru",
        "3": "märz mars marzo březen března březnu",
        "4": "april avril abril duben dubna dubnu",
        "5": "mai mayo květen května květnu",
        "6": "june juni juin junio červen června červnu",
        "7": "july juli juillet julio červenec července červenci",
        "8": "august août agosto srpen srpna srpnu",
        "9": "september septembre septiembre září",
        "10": "october oktober octobre octubre říjen října říjnu",
        "11": "november novembre noviembre listopad listopadu",
        "12": "december dezember décembre diciembre prosinec prosince prosinci",
    }
)
UNITS = _by_word(
    {
        "cent": "cents cent centime centimes céntimo céntimos haléř haléře haléřích",
        "euro": "euro euros eura eurech",
        "crown": "koruny korun korunách",
        "second": "seconds sekunden secondes segundos sekundy sekundách",
        "millisecond": "milliseconds millisekunden millisecondes milisegundos milisekundy "
        "milisekundách",
    }
)
"""What is measured in, where no number stands before it; `second` alone is an ordinal as well."""

SYNONYMS = _by_word(
    {
        "compute": "comput* calculat* count counts counted measur* berechn* gezählt zählen zählt "
        "gemessen messen ermittel* calcul* compté* compter mesur* calcula* medir mide medido "
        "počít* vypočít* spočít* měří měřit měříme",
        "use": "use uses used using utilis* employ* emploi* usar usa usamos usan utiliz* verwend* "
        "nutzen nutzt benutz* použív*",
        "run": "run runs running execut* läuft laufen ausgeführt ausführ* tourne* exécut* ejecut* "
        "corre corren běží spouš*",
        "store": "store stores stored storing keep kept keeps save saved saves retain* lives live "
        "speicher* "
        "gespeichert aufbewahr* bewahr* liegt stock* conserv* enregistr* guard* almacen* ukládá* "
        "uklád* ulož* uchov*",
        "need": "need needs needed require requires braucht brauchen benötig* nécessit* necesit* "
        "requier* potřeb* vyžaduj*",
        "begin": "start starts started commenc* launch* beginnt startet démarr* empiez* comienz* "
        "začín*",
        "deploy": "deploy* release releases released rollout ausgeroll* ausroll* rollen ausliefer* "
        "bereitgestellt déplo* despleg* desplieg* nasaz*",
        "customer": "customer* client* kunde* cliente* zákazn* klient*",
        "delete": "delet* remov* eras* lösch* gelöscht entfern* supprim* borra* elimin* maz* maže* "
        "smaz* odstraň* odstran*",
        "send": "send sends sent transmit* schick* geschickt senden sendet gesendet envoy* envoi* "
        "envi* posíl* posl* odesíl*",
        "fix": "repair* fix fixed fixes corrig* arregl* oprav*",
        "log": "log logs logged logging protokollier* journalis* logu*",
    }
)
"""Words that are told apart by nobody. Only what is safe in every sentence of this kind."""

VERBS = folded(
    "is are was were has have had must should shall may can cannot will runs run uses use means "
    "lives needs requires contains holds stores costs equals belongs returns writes reads sends "
    "includes excludes starts ends comes goes takes gets does do counts "
    "ist sind war hat haben muss müssen soll sollen darf dürfen kann können wird werden läuft "
    "laufen verwendet nutzt bedeutet heißt liegt enthält braucht gehört speichert kostet "
    "est sont était a ont doit doivent peut peuvent utilise tourne signifie contient coûte faut "
    "es son era está están tiene tienen debe deben puede pueden usa utiliza contiene significa "
    "cuesta ejecuta guarda "
    "je jsou byl byla má mají musí může mohou běží používá znamená obsahuje stojí patří ukládá "
    "není nejsou nemá nesmí"
)
"""What stands before the first of these is what the statement is about."""

SUCCESSION = (
    "from now on",
    "no longer",
    "anymore",
    "instead of",
    "as of",
    "we switched",
    "we moved",
    "ab jetzt",
    "ab sofort",
    "nicht mehr",
    "statt",
    "neuerdings",
    "désormais",
    "à partir de maintenant",
    "au lieu de",
    "ne plus",
    "dorénavant",
    "a partir de ahora",
    "ya no",
    "en lugar de",
    "en vez de",
    "od teď",
    "od nynějška",
    "už ne",
    "místo",
    "nově",
)
"""With these a statement says that an older one has ended."""


def language(words: Iterable[str]) -> str:
    """The language most of the function words are of, or "" if there are none or it is a draw."""
    counts = {name: 0 for name in FUNCTION_WORDS}
    for word in words:
        for name, known in FUNCTION_WORDS.items():
            counts[name] += word in known
    best = max(counts.values())
    winners = [name for name, count in counts.items() if count == best]
    return winners[0] if best and len(winners) == 1 else ""

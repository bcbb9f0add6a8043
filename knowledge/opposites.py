"""Pairs of words that exclude each other, in five languages: en, de, fr, es, cs.

The rule: words only. A stem (`aktivier*`) stands for the words that begin with it; a word that
is common in another meaning in one of the languages is left out.
"""

from collections.abc import Mapping

from knowledge.words import Lexicon, folded

AXES: Mapping[str, tuple[str, str]] = {
    "inclusion": (
        "includ* inclus* enthalten enthält einschließlich inklusive inbegriffen einbezogen inclut "
        "incluent inclure compris* comprend incluy* incluid* incluir zahrnu* zahrň* včetně "
        "obsahuj*",
        "exclud* exclus* exclut exclu excluent exclure ausgeschlossen ausschließt ausschließen "
        "ausgenommen "
        "exklusive excluy* excluid* excluir vylouč* vyluč* vyjma kromě",
    ),
    "permission": (
        "allow* permit* erlaub* darf dürfen zulässig autoris* autoriz* permis permise permiten "
        "povolen* smí smějí dovolen*",
        "forbid* prohibit* disallow* verbot* untersag* unzulässig interdi* prohíb* prohibid* "
        "zakáz* zakaz*",
    ),
    "switch": (
        "enabl* activate* aktivier* eingeschaltet activer activé activée activés activar activad* "
        "habilit* zapn* zapín* aktivní",
        "disabl* deactivat* deaktivier* ausgeschaltet désactiv* desactiv* deshabilit* vypn* vypín* "
        "neaktivní",
    ),
    "duty": (
        "required mandatory obligat* erforderlich* pflicht verpflichtend* requis* obligatoi* "
        "requerid* povinn* vyžadov*",
        "optional* voluntar* freiwillig* optionn* facultati* opcional* voliteln* nepovinn*",
    ),
    "truth": ("true wahr vrai vraie verdader* pravda", "false falsch faux falso falsa nepravda"),
    "tax": (
        "gross brutto* brut brute bruts bruto bruta hrub*",
        "net netto* nette nets neto neta čist*",
    ),
    "order": (
        "before prior vor bevor vorher avant antes před předtím",
        "after afterwards nach nachdem nachher après después poté",
    ),
    "bound": (
        "min minim* mindestens mínim* nejméně alespoň",
        "max maxim* höchstens máxim* nejvýše nanejvýš",
    ),
    "edge": (
        "start starts beginning begin first anfang* beginn erste* début premier* inicio principio "
        "primer* začát* první*",
        "end ends ending last ende letzte* fin dernier* dernièr* final último última konec konci "
        "konce posledn*",
    ),
    "trend": (
        "increas* rise rises raise* grows steig* erhöh* augment* hausse aument* sube subir roste "
        "zvýš* zvyš*",
        "decreas* fall falls drops sink* senk* verringer* diminu* baisse* disminu* reduc* kles* "
        "sníž* sniž*",
    ),
    "level": (
        "above over greater more higher über mehr höher* größer* dessus supérieur* más mayor* "
        "encima superior* nad více vyšší větší",
        "below under less fewer smaller lower unter weniger niedriger* kleiner* dessous inférieur* "
        "moins menos menor* debajo inferior* pod méně nižší menší",
    ),
    "sorting": (
        "ascending aufsteigend* croissant* ascendent* vzestupn*",
        "descending absteigend* décroissant* descendent* sestupn*",
    ),
    "access": (
        "public öffentlich* publiqu* publics públic* veřejn*",
        "private* privat privé* privad* soukrom*",
    ),
    "place": ("internal* intern interne* intern* interní", "external* extern* externí"),
    "traffic": (
        "inbound incoming eingehend* entrant* příchoz*",
        "outbound outgoing ausgehend* sortant* saliente* odchoz*",
    ),
    "timing": (
        "synchron* sync síncron*",
        "asynchron* async asíncron*",
    ),
    "effect": (
        "read reads reading lesen liest lire číst čte",
        "write writes writing schreib* écri* escrib* psát píše zapisuj*",
    ),
    "how": (
        "automati* automáti*",
        "manual* manuel* ručn* hand",
    ),
}
"""Each axis has two poles that exclude each other."""

FLIPPED_BY_NOT = frozenset({"inclusion", "permission", "switch", "duty", "truth", "access"})
"""On these axes "not" before one pole is the other: not included is excluded."""

VERBS_OF_POLES = folded(
    "include includes exclude excludes allow allows permit permits forbids prohibits requires "
    "enthält enthalten erlaubt erlauben darf dürfen schließt inclut incluent exclut excluent "
    "comprend comprennent autorise autorisent permet permettent incluye incluyen excluye excluyen "
    "permite permiten zahrnuje zahrnují obsahuje obsahují dovoluje smí smějí vyžaduje"
)
"""Finite verbs among them: a "not" behind one of these is about it."""

POLES = Lexicon(
    {
        word: (axis, sign)
        for axis, poles in AXES.items()
        for sign, words in enumerate(poles)
        for word in folded(words)
    }
)

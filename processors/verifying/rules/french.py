"""French phrases.

The rule: data alone. What a phrase means is decided in `reading`, the same for all languages.
"""

from processors.verifying.rules.language import Language, pattern, words

_VERB = (
    r"(?:se termine|se terminent|paient|est|sont|était|étaient|signifie|signifient"
    r"|commence|commencent|finit|termine"
    r"|désigne|veut dire|a|ont"
    r"|contient|contiennent|inclut|exclut|compte|comptent|appartient|doit|doivent"
    r"|utilise|utilisons|s'appelle|correspond|gère|gèrent|reçoit|reçoivent|reste|restent"
    r"|dure|durent|coûte|coûtent|ferme|ferment|ouvre|passe|passent|part|partent)"
)

FRENCH = Language(
    name="fr",
    common=words(
        "le la les des et est pas une un nous vous je il elle en pour dans que qui sur"
        " avec non oui ce"
        " cette notre nos mais du au ne sont"
    ),
    openings_correcting=pattern(
        r"(?:non|faux|c'est faux|ce n'est pas (?:correct|exact|ça|juste)|pas tout à fait"
        r"|pas exactement"
        r"|en fait|en réalité)[,.!:; –—-]+"
    ),
    openings_confirming=pattern(
        r"(?:oui|exact|exactement|c'est (?:ça|exact|correct|juste)|tout à fait|correct)[,.!:; –—-]+"
        r"(?:(?:exactement|c'est (?:ça|exact)|tout à fait)[,.!:; –—-]+)?"
    ),
    openings_remarking=pattern(
        r"(?:(?:au fait|pour info|à noter|note|et|mais|donc|car|pour"
        r" rappel)[,:]? (?:que )?){1,3}"
    ),
    contrasts=(
        pattern(
            rf"(?P<right>.{{0,60}}?\b{_VERB}\b [^;]{{2,100}}?),? (?:et )?(?:pas|non pas"
            rf"|non) (?P<wrong>[^,;]{{2,60}})[.!]*$"
        ),
        pattern(
            r".{0,60}?\b(?:n'est|ne sont|n'était|ce n'est) pas (?P<wrong>[^,;]{2,60}),?"
            r" (?:mais|c'est) (?P<right>[^;]{2,120})$"
        ),
        pattern(
            r".{0,60}?(?:c'est|est|sont) (?P<right>[^;]{2,100}?) (?:au lieu de|plutôt"
            r" que) (?P<wrong>[^,;]{2,60})[.!]*$"
        ),
    ),
    definitions=(
        pattern(rf"(?:notre|nos) (?P<subject>[\w'/&-]+(?: [\w'/&-]+){{0,4}}?) {_VERB}\b .{{3,}}"),
        pattern(rf"chez nous,? (?P<subject>.{{2,40}}?) {_VERB}\b .{{3,}}"),
        pattern(
            r"(?P<subject>nous) (?:n'utilisons (?:pas|jamais)|utilisons|comptons|appelons"
            r"|définissons|calculons|facturons|mesurons"
            r"|stockons|considérons) .{8,}"
        ),
        pattern(
            r"(?P<subject>(?:(?:un|une|le|la|les) )?[\w\"'«»`-]+(?: [\w-]+){0,3}?)"
            r" (?:signifie|veut dire|désigne|est défini(?:e)? comme) .{4,}"
        ),
        pattern(r"par (?P<subject>[\w\"'«»` -]{2,40}),? (?:nous entendons|on entend) .{4,}"),
        pattern(
            r"(?P<subject>(?:tous les|toutes les|chaque) [\w -]{2,40}?) (?:est|sont|doit"
            r"|doivent) .{6,}"
        ),
    ),
    verb=pattern(rf"\b{_VERB}\b|\bc'est\b"),
    never=pattern(
        r"^(?:quoi|que|qu'est-ce|pourquoi|comment|quand|où|qui|quel(?:le)?s?|est-ce|peux"
        r"|peut|pouvez|pourrais|si|supposons"
        r"|imagine|merci|ajoute|fais|mets|change|supprime|utilise|vérifie|crée|montre"
        r"|corrige|je|j'ai|peut-être)\b"
        r"|\b(?:s'il (?:te|vous) plaît|stp|svp|peut-être|probablement|sans doute|je"
        r" (?:pense|crois|suppose|veux|voudrais)|pourrait"
        r"|pourrions|devrait|devrions|serait|aurait|si|peux-tu|pouvez-vous|il faut"
        r"|faudrait|semble|je|j'ai|mon|ma|mes|tu|ton|ta|tes"
        r"|vous|votre|vos)\b"
        r"|\b(?:(?:il|elle|ils|client|collègue|doc) (?:dit|disent|a dit|écrit|prétend"
        r"|pense)|selon|d'après)\b"
        r"|\b(?:aujourd'hui|demain|hier|maintenant|pour l'instant|actuellement|cette fois"
        r"|encore|déjà|erreur|bug|problème\w*|lente?s?|mieux|pire|réunion|depuis|marche|casse"
        r"|cassé|manque|branche|commit|pr|ligne \d+|bouton|couleur)\b"
        r"|\b(?:haha+|mdr|lol|bravo|génial|évidemment|bien sûr|putain|merde)\b|🙄|😂|🤣|😅"
    ),
    vague=pattern(
        r"^(?:il|elle|ils|elles|ce|c'est|ça|cela|ceci|cette|ces|celui|celle|ici|tout|rien"
        r"|les deux)\b"
    ),
)

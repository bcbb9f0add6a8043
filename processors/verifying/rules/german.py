"""German phrases.

The rule: data alone. What a phrase means is decided in `reading`, the same for all languages.
"""

from processors.verifying.rules.language import Language, pattern, words

_VERB = (
    r"(?:zahlt|zahlen|lädt|laden|enden|schließt|liefert|liefern|ist|sind|war|waren"
    r"|bedeutet|heißt|heissen|heißen|beginnt|endet|startet|läuft"
    r"|liegt|hat|haben"
    r"|enthält|umfasst|zählt|zählen|gehört|gehören|kommt|steht|gilt|gelten|muss|müssen|darf|dürfen|geht|gehen|braucht|brauchen|laufen|beginnen|verfällt|verfallen"
    r"|bleibt|bleiben|kostet|kosten|erfolgt|erfolgen|zieht|ziehen|schickt|bekommt|bekommen"
    r"|verwendet|verwenden|nutzt|nutzen|wird|werden|speichert|speichern|meint|meinen)"
)

GERMAN = Language(
    name="de",
    common=words(
        "der die das und ist nicht ein eine wir du ich sie es den dem mit für auf von zu im ja nein"
        " sondern unser unsere bei auch als heißt wird aber"
    ),
    openings_correcting=pattern(
        r"(?:nein|nee|ne|falsch|stimmt nicht|das stimmt (?:so )?nicht|das ist (?:falsch"
        r"|nicht richtig)"
        r"|nicht ganz|eigentlich)[,.!:; –—-]+"
    ),
    openings_confirming=pattern(
        r"(?:ja|genau|richtig|korrekt|stimmt|das stimmt|exakt)[,.!:; –—-]+"
        r"(?:(?:genau|richtig|korrekt|stimmt)[,.!:; –—-]+)?"
    ),
    openings_remarking=pattern(
        r"(?:(?:übrigens|zur info|info|hinweis|wichtig|und|aber|also|denn|zur"
        r" erinnerung)[,:]? ){1,3}"
    ),
    contrasts=(
        pattern(
            r"(?P<before>.{0,80}?)\b(?:nicht|kein(?:e[nmrs]?)?) (?P<wrong>[^,;]{2,60}),?"
            r" sondern (?P<right>[^;]{2,120})$"
        ),
        pattern(
            rf"(?P<right>.{{0,60}}?\b{_VERB}\b [^,;]{{2,100}}),? (?:und )?nicht"
            rf" (?P<wrong>[^,;]{{2,60}})[.!]*$"
        ),
        pattern(
            rf".{{0,60}}?\b{_VERB}\b (?P<right>[^;]{{2,100}}?) statt (?P<wrong>[^,;]{{2,60}})[.!]*$"
        ),
    ),
    definitions=(
        pattern(rf"unsere?[rsnm]? (?P<subject>[\w/&-]+(?: [\w/&-]+){{0,4}}?) {_VERB}\b .{{3,}}"),
        pattern(
            r"bei uns (?:ist|sind|heißt|heißen|bedeutet|gilt|wird|werden|beginnt|zählt"
            r"|zählen) (?P<subject>.{2,40}) .{3,}"
        ),
        pattern(
            r"(?P<subject>wir) (?:zählen|rechnen|messen|definieren|verwenden|nutzen"
            r"|nennen|speichern|berichten|fakturieren"
            r"|benutzen|schreiben) (?:immer|nie|niemals|nur)? ?.{8,}"
        ),
        pattern(
            r"(?P<subject>[\w\"'„“`-]+(?: [\w-]+){0,3}?) (?:bedeutet|steht für|meint|ist"
            r" definiert als|ist die abkürzung für) .{4,}"
        ),
        pattern(
            r"(?P<subject>[\w\"'„“` -]{3,40}?) (?:gilt|gelten) (?:erst|nur|immer|nie|als|ab) .{4,}"
        ),
        pattern(r"(?:mit|unter) (?P<subject>[\w\"'„“` -]{2,40}) (?:meinen|verstehen) wir .{4,}"),
        pattern(
            r"(?P<subject>(?:alle|jede[rs]?) [\w -]{2,40}?) (?:ist|sind|müssen|muss"
            r"|werden|wird) .{6,}"
        ),
    ),
    verb=pattern(rf"\b{_VERB}\b"),
    never=pattern(
        r"^(?:was|warum|wieso|wie|wann|wo|wer|welche[rsnm]?|ist|sind|hat|haben|kann"
        r"|kannst|können|könnte|soll|sollen"
        r"|sollte|willst|wird|darf|muss|wenn|falls|angenommen|bitte|lass|lasst|mach|nimm"
        r"|füge|ändere|lösche"
        r"|benutze|verwende|schreib\w*|zeig\w*|prüf\w*|erstelle|nenne|ich|vielleicht|eventuell)\b"
        r"|\b(?:bitte|vielleicht|eventuell|wahrscheinlich|vermutlich|möglicherweise|ich"
        r" (?:glaube|denke|vermute|meine|finde"
        r"|will|möchte|brauche|habe|würde)|könnte[nst]*|würde[nst]*|sollte[nst]*"
        r"|müsste[nst]*|wenn|falls|ob|kannst du|scheint"
        r"|hätte[nst]*|wäre[nst]*|mal|du|dir|dein\w*|ich|mir|mich|mein\w*)\b"
        r"|\b(?:(?:er|sie|kunde|kollege|man|doku|artikel) (?:sagt|sagte|schreibt|schrieb"
        r"|meinte|behauptet)|laut|angeblich"
        r"|hat gesagt|zitat)\b"
        r"|\b(?:heute|morgen|gestern|gerade|jetzt|momentan|vorerst|diesmal|aktuell|noch"
        r"|schon|wieder|kaputt|fehler|fehlt"
        r"|funktioniert|problem\w*|langsam|besser|schlechter|besprechung|termin|seit"
        r"|branch|commit|pr|zeile \d+|button|diff|farbe|tippfehler)\b"
        r"|\b(?:haha+|lol|na toll|super gemacht|ja klar|klar doch|natürlich|witzig"
        r"|scheiße|scheiss\w*|verdammt)\b|🙄|😂|🤣|😅"
    ),
    vague=pattern(
        r"^(?:es|das|dies|diese[rsnm]?|der|die|er|sie|hier|da|dort|beide|alles|nichts)"
        r" (?:ist|sind|war|heißt|bedeutet|wird|hat|gilt|läuft)\b"
    ),
)

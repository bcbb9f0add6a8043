"""Czech phrases.

The rule: data alone. What a phrase means is decided in `reading`, the same for all languages.
"""

from processors.verifying.rules.language import Language, pattern, words

_VERB = (
    r"(?:ne)?(?:je|jsou|byl[aoiy]?|není|nejsou|znamená|znamenají|začíná|začínají|končí|má"
    r"|mají|obsahuje|obsahují|zahrnuje|patří|platí"
    r"|musí|počítá|počítáme|používá|používáme|jmenuje se|se jmenuje|označuje|leží|běží"
    r"|trvá|trvají|dostává|dostávají|posílá|posíláme|drží|držíme|sdílí|sdílíme"
    r"|schvaluje|schvalují|schvalujeme|ukládá|ukládáme|platíme|fakturujeme|měříme|vyžaduje)"
)

CZECH = Language(
    name="cs",
    common=words(
        "je se na že ne ano není ale náš naše naší pro jsou u nás jako který která co nebo už jen"
        " znamená začíná obsahuje přesně"
    ),
    openings_correcting=pattern(
        r"(?:ne|pozor|špatně|to není (?:pravda|správně|tak)|není to (?:pravda|tak)|vlastně|ve"
        r" skutečnosti|ne úplně)[,.!:; –—-]+"
    ),
    openings_confirming=pattern(
        r"(?:ano|jo|přesně|přesně tak|správně|to je pravda|souhlasí)[,.!:; –—-]+(?:(?:přesně"
        r"|přesně tak|správně)[,.!:; –—-]+)?"
    ),
    openings_remarking=pattern(
        r"(?:(?:mimochodem|poznámka|pro info|a|ale|takže|protože)[,:]? (?:že )?){1,3}"
    ),
    contrasts=(
        pattern(
            r"(?P<before>.{0,80}?)\bne(?P<verb>\w{3,}) (?P<wrong>[^,;]{2,60}),? (?:ale|nýbrž) "
            r"(?P<right>[^;]{2,120})$"
        ),
        pattern(
            r"(?P<before>.{0,80}?)\b(?:ne|není|nejsou|nikoli) (?P<wrong>[^,;]{2,60}),?"
            r" (?:ale|nýbrž) (?P<right>[^;]{2,120})$"
        ),
        pattern(
            rf"(?P<right>.{{0,60}}?\b{_VERB}\b [^,;]{{2,100}}), (?:a )?(?:ne|nikoli"
            rf"|nikoliv) (?P<wrong>[^,;]{{2,60}})[.!]*$"
        ),
        pattern(
            rf".{{0,60}}?\b{_VERB}\b (?P<right>[^;]{{2,100}}?) místo (?P<wrong>[^,;]{{2,60}})[.!]*$"
        ),
    ),
    definitions=(
        pattern(rf"(?:náš|naše|naši) (?P<subject>[\w/&-]+(?: [\w/&-]+){{0,4}}?) {_VERB}\b .{{3,}}"),
        pattern(rf"u nás (?P<subject>.{{0,40}}?) ?{_VERB}\b .{{3,}}"),
        pattern(
            r"(?P<subject>(?:my )?(?:vždy|nikdy|jen)? ?(?:počítáme|používáme|definujeme"
            r"|měříme|fakturujeme|ukládáme|říkáme)) .{8,}"
        ),
        pattern(
            r"(?P<subject>[\w\"'„“`-]+(?: [\w-]+){0,3}?) (?:znamená|označuje|je zkratka"
            r" pro|je definován[aoy]? jako) .{4,}"
        ),
        pattern(r"pod (?P<subject>[\w\"'„“` -]{2,40}) (?:rozumíme|myslíme) .{4,}"),
        pattern(r"(?P<subject>(?:všechny|všichni|každ[ýáé]) [\w -]{2,40}?) (?:je|jsou|musí) .{6,}"),
    ),
    verb=pattern(rf"\b{_VERB}\b"),
    never=pattern(
        r"^(?:co|proč|jak|kdy|kde|kdo|který|která|které|můžeš|může|mohl|pokud|kdyby"
        r"|jestli|když|prosím|přidej|udělej|dej|změň"
        r"|smaž|použij|zkontroluj|vytvoř|ukaž|oprav|napiš|chci|možná|asi|myslím)\b"
        r"|\b(?:prosím|možná|asi|pravděpodobně|nejspíš|myslím|hádám|chci|chtěl\w*"
        r"|potřebuj\w*|měl[aoiy]? by\w*|mohl[aoiy]? by\w*|by"
        r"|bych|bychom|bys|kdyby|pokud|jestli|můžeš|vypadá|zdá|já|mi|mě|můj|moje|ty|ti"
        r"|tvůj|tvoje)\b"
        r"|\b(?:(?:on|ona|oni|zákazník|kolega) (?:říká|řekl\w*|píše|napsal\w*|tvrdí)"
        r"|podle|prý|údajně)\b"
        r"|\b(?:dnes|zítra|včera|teď|zatím|problém\w*|pomal\w*|lepší|horší|schůzka|termín|momentálně|tentokrát|ještě|zase|chyba|chybí"
        r"|nefunguje|funguje|větev|commit|pr|řádek \d+"
        r"|tlačítko|barva)\b"
        r"|\b(?:haha+|lol|no jasně|samozřejmě|výborně|skvělé|sakra|kurva)\b|🙄|😂|🤣|😅"
    ),
    vague=pattern(
        r"^(?:to|tohle|toto|ten|ta|tento|tato|tyto|ono|on|ona|oni|tady|tam|vše|nic|oba|je"
        r"|jsou|není)\b"
    ),
)

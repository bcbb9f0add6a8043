"""Spanish phrases.

The rule: data alone. What a phrase means is decided in `reading`, the same for all languages.
"""

from processors.verifying.rules.language import Language, pattern, words

_VERB = (
    r"(?:siempre|nunca|incluyen|pagan|es|son|era|eran|está|están|significa|significan"
    r"|empieza|empiezan|comienza"
    r"|termina|tiene|tienen|contiene|incluye"
    r"|excluye|cuenta|cuentan|pertenece|debe|deben|usa|usamos|se llama|se refiere"
    r"|quiere decir|corresponde|lleva|llevan|necesita|necesitan|vence|vencen|vale|valen|dura|duran"
    r"|se da|se dan|se guarda|se guardan|se redondea|se redondean|queda|quedan"
    r"|vive|viven|cierra|cierran)"
)

SPANISH = Language(
    name="es",
    common=words(
        "el la los las de y es no un una en que por para con se del al nuestro nuestra"
        " sino lo como más"
        " pero sí esta este son está"
    ),
    openings_correcting=pattern(
        r"(?:no|falso|incorrecto|eso no es (?:correcto|cierto|así)|no es (?:correcto|así)"
        r"|no exactamente|en realidad"
        r"|de hecho)[,.!:; –—-]+"
    ),
    openings_confirming=pattern(
        r"(?:sí|si|exacto|exactamente|correcto|así es|eso es|efectivamente)[,.!:; –—-]+"
        r"(?:(?:exacto|correcto|así es|eso es)[,.!:; –—-]+)?"
    ),
    openings_remarking=pattern(
        r"(?:(?:por cierto|nota|ojo|para que sepas|recuerda|y|pero|también)[,:]? (?:que )?){1,3}"
    ),
    contrasts=(
        pattern(
            r"(?P<before>.{0,80}?)\bno (?:es|son|está|en|de|como|por|a|el|la)?"
            r" ?(?P<wrong>[^,;]{2,60}),? sino (?:que )?(?P<right>[^;]{2,120})$"
        ),
        pattern(
            rf"(?P<right>.{{0,60}}?\b{_VERB}\b [^,;]{{2,100}}), (?:y )?no"
            rf" (?P<wrong>[^,;]{{2,60}})[.!]*$"
        ),
        pattern(
            rf".{{0,60}}?\b{_VERB}\b (?P<right>[^;]{{2,100}}?) en (?:lugar|vez) de"
            rf" (?P<wrong>[^,;]{{2,60}})[.!]*$"
        ),
    ),
    definitions=(
        pattern(rf"nuestr[oa]s? (?P<subject>[\w/&-]+(?: [\w/&-]+){{0,4}}?) {_VERB}\b .{{3,}}"),
        pattern(
            r"(?P<subject>(?:nosotros )?(?:siempre|nunca|solo) ?(?:usamos|contamos"
            r"|facturamos|medimos|calculamos|guardamos|llamamos)) .{8,}"
        ),
        pattern(
            r"(?P<subject>(?:nosotros )?(?:contamos|definimos|medimos|calculamos"
            r"|facturamos|llamamos)) .{8,}"
        ),
        pattern(
            r"(?P<subject>(?:(?:un|una|el|la|los|las) )?[\w\"'«»`-]+(?: [\w-]+){0,3}?)"
            r" (?:significa|quiere decir|se refiere a|se define como) .{4,}"
        ),
        pattern(
            r"(?P<subject>(?:un|una) [\w -]{3,40}?) es (?:el que|la que|aquel que|quien|todo aquel"
            r"|cualquier\w*) .{4,}"
        ),
        pattern(r"por (?P<subject>[\w\"'«»` -]{2,40}),? (?:entendemos|nos referimos a) .{4,}"),
        pattern(
            r"(?P<subject>(?:todos los|todas las|cada) [\w -]{2,40}?) (?:es|son|debe|deben) .{6,}"
        ),
    ),
    verb=pattern(rf"\b{_VERB}\b"),
    never=pattern(
        r"^(?:¿|qué|por qué|cómo|cuándo|dónde|quién|cuál(?:es)?|puedes|puede|podrías|si"
        r"|supongamos|imagina|gracias|añade|agrega"
        r"|haz|pon|cambia|borra|elimina|usa|revisa|crea|muestra|arregla|yo|creo|quizás?|tal vez)\b"
        r"|\b(?:por favor|quizás?|tal vez|probablemente|creo|pienso|supongo|quiero"
        r"|quisiera|podría|podríamos|debería|deberíamos"
        r"|sería|si|puedes|hay que|parece|necesito|mi|mis|tu|tus|me|te|yo|tú)\b|¿"
        r"|\b(?:(?:él|ella|ellos|cliente|colega|doc) (?:dice|dicen|dijo|escribe|piensa)|según)\b"
        r"|\b(?:hoy|mañana|ayer|ahora|por ahora|actualmente|esta vez|todavía|problemas?"
        r"|lent[oa]s?|mejor|peor|reunión|desde|ya|error"
        r"|fallo|falla|funciona|roto|falta|rama|commit"
        r"|pr|línea \d+|botón|color)\b"
        r"|\b(?:jaja+|lol|genial|claro que|obviamente|por supuesto|mierda|joder)\b|🙄|😂|🤣|😅"
    ),
    vague=pattern(
        r"^(?:eso|esto|ese|esa|este|esta|estos|estas|ello|él|ella|aquí|ahí|todo|nada"
        r"|ambos|es|son)\b"
    ),
)

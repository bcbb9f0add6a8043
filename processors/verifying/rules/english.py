"""English phrases.

The rule: data alone. What a phrase means is decided in `reading`, the same for all languages.
"""

from processors.verifying.rules.language import Language, pattern, words

_VERB = (
    r"(?:is|are|was|were|isn't|aren't|means|mean|starts?|ends?|begins?|runs?|uses?|lives?|has|have"
    r"|contains?|includes?|excludes?|counts?|belongs?|comes?|goes|stands?|refers?|depends?|needs?"
    r"|closes?|opens?|reports?|applies|apply|owns?|stores?|consists?|equals?|expires?|refreshes"
    r"|happens?|loads?|ships?|syncs?|sends?|charges?|pays?|bills?|covers?|holds?|keeps?|takes?"
    r"|receives?|deploys?|exports?|imports?|publish(?:es)?|records?|tracks?|allows?"
    r"|requires?|supports?|ignores?|changes|rotates?|writes?|go|talks?|reaches|lasts?"
    r"|becomes?|gets|stays?|remains?|begin|accepts?|returns|may"
    r"|follows?|maps?|matches|resets?|rounds?|sums?|updates?|arrives?|operates?|must"
    r"|can't|cannot|never|always)"
)
_WE = (
    r"(?:always|never|only|don't|do not|count|define|measure|treat|report|bill"
    r"|invoice|store|keep|calculate"
    r"|compute|consider|exclude|include|use|deploy|release|name|write|price|ship)"
)
_OWN = r"(?:our|the company's|the team's)"
_NAME = (
    r"(?P<subject>(?:an?|the)? ?(?:[A-Z][\w&/.-]*|`[^`]+`|\"[^\"]+\"|[A-Z]{2,}[\w-]*|[\w-]+)"
    r"(?: [\w-]+){0,3}?)"
)

ENGLISH = Language(
    name="en",
    common=words(
        "the is are to of and in it that this not we you for on with be what do can have should"
        " but from our at as was they no yes"
    ),
    openings_correcting=pattern(
        r"(?:no+|nope|wrong|incorrect|careful|stop|actually|not quite|not exactly|not really"
        r"|that(?:'s| is) (?:not (?:right|correct|true|quite right)|wrong|incorrect|false))"
        r"[,.!:; –—-]+(?:actually,? )?"
    ),
    openings_confirming=pattern(
        r"(?:yes|yep|yeah|exactly|correct|right|indeed|true|good catch"
        r"|you(?:'re| are) right(?: that)?"
        r"|that(?:'s| is) (?:right|correct|true))"
        r"[,.!:; –—-]+(?:(?:exactly|correct|right|indeed|that(?:'s| is) (?:right"
        r"|correct))[,.!:; –—-]+)?"
    ),
    openings_remarking=pattern(
        r"(?:(?:fyi|btw|by the way|note|note that|for context|just so you know|remember"
        r"|keep in mind"
        r"|for the record|for reference|before we start|heads up|in our case|for us|here"
        r"|and|but|also|so|well|because|since"
        r"|as)[,:]? (?:that )?){1,3}"
    ),
    contrasts=(
        pattern(
            rf"(?P<right>.{{0,80}}?(?:\b{_VERB}|\w'(?:s|re)) [^;]{{2,120}}?),? (?:and )?"
            r"(?:not|never) "
            r"(?P<wrong>[^,;]{2,60})[.!]*$"
        ),
        pattern(
            r".{0,60}?\b(?:is|are|was|were|it's|that's) not (?P<wrong>[^,;]{2,60}?)[,;.]?"
            r" (?:but|it's|it is|they're"
            r"|they are|rather) (?P<right>[^;]{2,120})$"
        ),
        pattern(
            rf".{{0,60}}?\b{_VERB}\b (?P<right>[^;]{{2,100}}?),? (?:rather than|instead"
            rf" of) (?P<wrong>[^,;]{{2,60}})[.!]*$"
        ),
    ),
    definitions=(
        pattern(
            rf"{_OWN} (?P<subject>[\w/&`-]+(?: [\w/&`-]+){{0,5}}?)(?: \([^()]{{2,40}}\))? "
            rf"{_VERB}\b .{{3,}}"
        ),
        pattern(rf"in our [\w -]{{2,30}}?,? (?P<subject>[\w' -]{{2,40}}?) {_VERB}\b .{{3,}}"),
        pattern(rf"(?P<subject>we) {_WE}\b .{{8,}}"),
        pattern(
            rf"{_NAME} (?:means|stands for|refers to|is short for|is defined as|denotes) .{{4,}}"
        ),
        pattern(r"(?:by|with) (?P<subject>[\w\"'` -]{2,40}) we (?:mean|understand) .{4,}"),
        pattern(
            r"(?:at|in) (?:our|the) (?:company|team|organi[sz]ation|business),?"
            r" (?P<subject>[\w -]{2,40}) .{8,}"
        ),
        pattern(
            r"(?P<subject>we) (?:have |are |no longer ).{0,20}?(?:deprecat|archiv"
            r"|retir)\w+ .{4,}"
        ),
        pattern(r"(?P<subject>we no longer (?:use|support|need)) .{4,}"),
        pattern(
            r"(?P<subject>[\w -]{3,40}?) (?:must (?:never|always|not|only)|may (?:never|only)"
            r"|(?:has|have) to (?:always|never)) .{4,}"
        ),
        pattern(rf"(?P<subject>(?:all|every|each) [\w -]{{2,40}}?) {_VERB}\b .{{6,}}"),
        pattern(
            r"an? (?P<subject>[\w'\"` -]{2,40}?) (?:is|are)"
            r" (?:an? [\w -]{2,30}? (?:with|who|that|which)|one (?:with|who|that|which|whose)"
            r"|any(?:one|body|thing)|some(?:one|body)|whoever) .{4,}"
        ),
        pattern(
            rf"{_NAME} (?:is|are) (?:our|the|an?) (?:internal )?(?:name|term|word|code ?name"
            r"|abbreviation) for .{4,}"
        ),
        pattern(
            r"for (?P<subject>[\w -]{3,30}),? we (?:always |only )?(?:use|count|take|measure) .{8,}"
        ),
    ),
    verb=pattern(rf"\b{_VERB}\b|\b\w+'s\b|\b\w+'re\b"),
    never=pattern(
        r"^(?:what|why|how|when|where|who|which|is|are|do|does|did|can|could|should|would"
        r"|will|shall|am|was|were"
        r"|if|unless|suppose|imagine|assuming|let's|lets|let us|please|pls|use|add|make"
        r"|fix|put|keep"
        r"|remove|change|move|set|call|check|run|create|write|show|do|don't|stop|let|try"
        r"|look|rename|update"
        r"|read|delete|drop|replace|revert|undo|implement|commit|push|merge|open|close"
        r"|find|give|tell|explain"
        r"|leave|ignore|skip|apply|restore|bring|handle|load|switch|turn|wait|stay|answer"
        r"|continue|return|refactor|extract|copy|convert|rebase|squash|generate|format"
        r"|clean|pull|fetch|combine|split|treat|avoid|prefer|consider|see|get|take|mark"
        r"|pass|pick|render|reset|resolve|save|send|simplify|sort|sync|verify|wrap|have"
        r"|go|start|test|build|review|follow|ensure|install|mention|think|want|need"
        r"|maybe|perhaps|i|i'd|i'm|i've)\b"
        r"|\b(?:please|maybe|perhaps|probably|possibly|i think|i guess|i believe|i"
        r" suppose|i assume|i wonder|not sure"
        r"|might|could|would|wouldn't|should|shouldn't|seems?|looks? like|if|whether"
        r"|unless|what about|can you|could you"
        r"|i want|i need|i'd like|want to|need to|needs to|going to|gonna|let's|we'll"
        r"|you'll|i'll|you need|you can"
        r"|hopefully|ideally|in theory|eventually|todo|wish)\b"
        r"|\b(?:(?:he|she|they|someone|people|everyone|everybody|docs?|blog|post|page|wiki|article"
        r"|readme|chatgpt|coderabbit|reviewer"
        r"|customer|client) (?:said|says|say|wrote|writes|told|tells|claims?|claimed"
        r"|thinks?|suggests?|mentioned)"
        r"|according to|quote)\b"
        r"|\b(?:today|tomorrow|yesterday|right now|for now|at the moment|this time|just"
        r" now|so far|currently|now|yet"
        r"|anymore|again|still|already(?! (?:includes?|excludes?|contains?))|almost|next(?! to\b)"
        r"|later|here(?!,? not\b|\W*$)|sprint|forever|since|too"
        r" (?:many|much|slow|big|long)|complain\w*|problems?|slow|better|worse|best"
        r"|meeting|standup|deadline|crazy|annoying|ugly|weird|horrible|terrible|awful"
        r"|done|works?|working(?! days?\b)|worked"
        r"|returns? (?:an? )?(?:[45]\d\d|errors?|null|nothing)|broken|fails?|failed|failing"
        r"|missing|error|bug|crash(?:es)?|issue|typo|nit|nitpick|lgtm|diff|line \d+|pr"
        r"|commit|branch|screenshot|button|modal"
        r"|tab|pixel|css|colou?r|font|padding|layout|dialog|you|your|i|me|my|mine)\b"
        r"|\b(?:lol|haha+|lmao|yeah right|oh great|oh sure|of course it|genius|brilliant"
        r"|obviously|wow|thanks a lot"
        r"|wtf|fuck\w*|shit\w*|damn|crap|hell)\b|🙄|😂|🤣|😅| /s$"
    ),
    vague=pattern(
        r"^(?:it|its|it's|this|that|that's|these|those|they|they're|there|there's|he|she"
        r"|one|both|same|another"
        r"|the (?:other|same|first|second|last|test|tests|code|file|page|function|above"
        r"|below)|which|here|all (?:of|that)|everything|nothing)\b"
    ),
)

"""Measures the extraction of knowledge: hand-written sessions, what is in them, what must hold.

In the order of their use:

    cases        what was written by hand (`gold/*.toml`), with a split into seen and held
    planting     secrets for them, made up on the spot
    transcripts  a case as the bytes that an agent would have written
    extractors   phrase rules, recorded answers, or a model: what each finds in a session
    judging      candidates against what was to be found; quotes, secrets and bait against the bytes
    second_run   what reading everything again would add to the base
    pairs        pairs of statements and what they are to each other (`gold/pairs.jsonl`)
    relating     what the base makes of them: duplicates, conflicts, orders of arrival
    figures      sums over cases: precision, recall, by kind and language
    criteria     what must hold, in one table
    evaluation   all of it, as one value for JSON; `report` prints it

The rule: what is expected is written by people and never computed by what is measured, and what is
judged goes through the same code as in the service: dialects, redaction, windows, rules, proof.
"""

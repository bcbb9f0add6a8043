"""What people teach an agent in a session: the pure parts, without a model, a clock or a file.

In the order of their use, each a function of the one before:

    redactor = Redactor(key)                    # redaction: no secret gets beyond this
    turns = turns_of(session.lines, redactor)   # turns: what people said, redacted, marked
    for window in windows_of(turns):            # windows: fixed pieces; closed ones never change
        found_by_rules(window)                  # rules: candidates by phrases alone
        question(window, redactor)              # requests: what a model is asked …
        read_answer(text, window, redactor)     # answers: … and its candidates, quotes proved
        rows_of(window, verdict, bundle_turn)   # rows: … and what is left of it in the tables

The rule: everything behind `turns_of` sees redacted text only, and everything that leaves here as
knowledge (`candidates.Candidate`) rests on quotes with true places in people's own words. `VERSION`
of redaction, rules and requests says when results must be made anew.
"""

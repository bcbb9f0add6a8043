"""The team's knowledge base in the database.

The rule: `knowledge` decides and this stores. A change is computed from the base as it is, written
as one transaction of the `Book`, and only then true in memory; nothing that reprocesses files
deletes anything here.

    values      what is stored beside an item, an intake, a change
    base        the whole base at one instant: clusters, confidence, who sees what
    tables      rows of it, read and written
    shelf       the base in memory and the only way to change it
    finding     evidence in the processors' tables that the base does not have yet
    intake      evidence becomes items and relations
    governing   decisions, edits, settlements
    judging     what a model is asked about conflicts and says of them, which changes nothing
    memory      all of it together, as the desk has it
    showing     items as JSON for one viewer, `showing_pairs` conflicts and duplicates
"""

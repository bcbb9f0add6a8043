"""The tables of running the service for a team: tokens, audit, runs, people, uploads.

The rule: nothing here follows from session files, so the engine neither writes nor needs it; each
module owns its tables, reads and writes them through a `Book`, and answers in values.
"""

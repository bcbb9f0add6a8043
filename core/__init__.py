"""Pure values and rules: keys, complete lines, records, block digests, the plan, errors.

Nothing here does I/O or reads a clock, so every rule can be tested with values alone and the
whole engine can run on a simulated world. Imports: standard library, msgspec, xxhash.
"""

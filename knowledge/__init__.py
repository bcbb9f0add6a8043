"""Rules of the team's knowledge base: pure functions over values.

The rule: no file, database, clock, network or model. What is known, who asks and what time it is
come in as arguments; what should change goes out as a value, and other rooms carry it out.
"""

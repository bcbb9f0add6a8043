"""The HTTP side: JSON, metrics and a first page, over TCP and over a private Unix socket.

The rule: it reads the database through `state.queries` and asks the service through `Control`;
it starts no thread of the engine, writes no table but those of `state.operations` and knows no
processor.
"""

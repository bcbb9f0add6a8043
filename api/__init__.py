"""The HTTP side: JSON, metrics and a first page, over TCP and over a private Unix socket.

The rule: it reads the database through `state.queries` and asks the service through `Control`;
it starts nothing, writes nothing and knows no processor.
"""

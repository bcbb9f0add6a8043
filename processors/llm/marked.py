"""Data in a request as a model is to take it: between marks that nobody who wrote it can know.

The rule: the marks are a code of what stands between them under the installation's key, so no text
can end its own part, and the same data is the same request.
"""


def marked(about: str, data: str, code: str) -> str:
    """The user's text of a request: what it is, the marks, and the data between them."""
    mark = f"data-{code}"
    return f"{about} between <{mark}> and </{mark}>.\n<{mark}>\n{data}\n</{mark}>"

"""How many examples a law is given."""

from hypothesis import settings


def fewer(share: float) -> settings:
    """This share of the profile's examples, for laws whose examples are dear."""
    return settings(max_examples=max(1, int(settings().max_examples * share)))

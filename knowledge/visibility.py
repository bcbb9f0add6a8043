"""Who may see an item, and to whom it is delivered. Every reader asks here.

The rule: one function for all read paths, lists, counts, searches, bundles and prompts alike;
what it refuses is told apart from what does not exist by nobody.
"""

from knowledge.values import EVERYONE, Item, State, Viewer

DELIVERED: frozenset[State] = frozenset({"approved", "mandatory"})
WITHDRAWN: frozenset[State] = frozenset({"rejected", "revoked", "expired"})


def visible(item: Item, viewer: Viewer) -> bool:
    """Whether this viewer may know that the item exists.

    A personal item: its owner only, not even reviewers. What is under review or withdrawn: its
    owner and reviewers. What is in force: those it is for, its owner and reviewers.
    """
    if item.personal:
        return viewer.user == item.owner
    if viewer.reviewer or viewer.user == item.owner:
        return True
    return item.state in DELIVERED and addressed(item, viewer)


def addressed(item: Item, viewer: Viewer) -> bool:
    """Whether the item is for this viewer. Being a reviewer or the owner puts nobody in a group."""
    return item.audience == EVERYONE or not viewer.groups.isdisjoint(item.audience)


def delivered(item: Item, viewer: Viewer) -> bool:
    """Whether it may be put before this viewer's agent: in force, theirs to see, for them.

    A personal item is never in force for a team, whatever its state.
    """
    return not item.personal and item.state in DELIVERED and addressed(item, viewer)


def comparable(one: Item, other: Item) -> bool:
    """Whether two items may be held against each other: personal ones only with their owner's."""
    return _owner(one) == _owner(other)


def _owner(item: Item) -> str:
    return item.owner if item.personal else ""

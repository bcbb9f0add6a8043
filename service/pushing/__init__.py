"""Pushes one's own session files to a service elsewhere: `sessionwatch push`.

The rules: what is there is proved before anything is added to it, so only new bytes are sent; what
is remembered of earlier runs saves work and is never relied on; and nothing is read that a link
leads to, that its user keeps private, or that is excluded.
"""

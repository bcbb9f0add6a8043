"""What the rows of the `usage` processor add up to: messages counted once, priced and reported.

The rule: everything here is computed from rows by SQL, for all of them at once, and depends only on
what the files say.
"""

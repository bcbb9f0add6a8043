"""Takes session files that come over HTTP into the drop folder, a source's root.

The rules: what a name may be is decided before anything is opened (`core.uploads`); the folder is
entered link by link (`drop`); a reader sees the old content or the new, or one that is growing from
the first into the second; and an answer is given when the bytes are on the disk.
"""

"""From the file system to keys that are due: the disk, its watcher, settling, queues and the sweep.

The rule: an event is a hint and the ledger is the truth. Everything here may only say "look at
this file"; what is then done about it is decided elsewhere, by comparing the file with the
ledger. So a lost event costs latency, never data.
"""

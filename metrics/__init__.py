"""Every Prometheus instrument, made on a registry that is passed in.

The rule: labels are processors, outcomes and reasons, never a path, a user or session content.
"""

"""What happens by the clock: schedules, jobs, calls over HTTP, and the thread that starts them.

The rule: what is due is computed from the last run, purely (`schedule`, `starts`); this package
says when, and `service.jobs` what a run is.
"""

"""What every test room shares: how long and how random hypothesis may be.

`dev` looks for new cases, `ci` repeats the same ones on every machine, `fuzz` takes its time;
`check` is a quarter of `dev`, for `make check`; `brief` is for tests that only ask whether the laws
are run at all.
HYPOTHESIS_PROFILE chooses; without it CI=true means `ci`.
"""

import os

from hypothesis import HealthCheck, settings

# Sessions are big values and a shared machine has slow moments: neither is a fault of ours.
_PATIENT = (HealthCheck.too_slow, HealthCheck.data_too_large)

settings.register_profile("dev", deadline=None, suppress_health_check=_PATIENT)
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=_PATIENT,
)
# As random as the profile that it is a part of.
settings.register_profile(
    "check", settings.get_profile("ci" if os.environ.get("CI") else "dev"), max_examples=25
)
settings.register_profile(
    "brief", max_examples=10, deadline=None, derandomize=True, database=None,
    suppress_health_check=_PATIENT,
)  # fmt: skip
settings.register_profile(
    "fuzz", deadline=None, max_examples=20_000, print_blob=True, suppress_health_check=_PATIENT
)
# Nothing that a test starts may ask a real model, whoever runs the tests.
for _name in ("ANTHROPIC_API_KEY", "LLM_API_KEY"):
    os.environ.pop(_name, None)

settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")
)

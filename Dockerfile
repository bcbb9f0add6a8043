# Two stages: the first builds a virtual environment, the second holds nothing else.
FROM debian:bookworm-slim AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/sessionwatch
ENV PATH=/opt/sessionwatch/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
# Dependencies first: this layer changes only with the lock.
COPY requirements.lock requirements-build.lock ./
RUN pip install --require-hashes -r requirements.lock
RUN python3 -m venv backend && backend/bin/pip install --require-hashes -r requirements-build.lock
COPY . .
RUN backend/bin/pip wheel --no-deps --no-index --no-build-isolation --wheel-dir dist . \
    && pip install --no-deps --no-index dist/*.whl

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/sessionwatch --create-home sessionwatch
COPY --from=build /opt/sessionwatch /opt/sessionwatch
ENV PATH=/opt/sessionwatch/bin:$PATH \
    SESSIONWATCH_DB=/var/lib/sessionwatch/sessionwatch.duckdb
USER sessionwatch
WORKDIR /var/lib/sessionwatch
VOLUME ["/sessions", "/var/lib/sessionwatch"]
# The service answers on 127.0.0.1 of the container; run it with the host's network, or use
# `docker exec ... sessionwatch usage session`.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["sessionwatch", "status", "--json"]
ENTRYPOINT ["sessionwatch"]
CMD ["serve", "/sessions"]

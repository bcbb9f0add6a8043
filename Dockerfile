# Two stages: the first builds a virtual environment, the second holds that and Python alone.
# `make image-check` replays these steps without a container engine.
FROM debian:bookworm-slim AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# pip has an environment of its own, so that the one that is shipped has none.
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/sessionwatch
WORKDIR /build
# Dependencies first: these layers change only with the lock.
COPY requirements.lock requirements-build.lock ./
RUN /opt/pip/bin/pip install --require-hashes -r requirements-build.lock
RUN /opt/pip/bin/pip --python /opt/sessionwatch/bin/python install --require-hashes -r requirements.lock
COPY . .
RUN /opt/pip/bin/pip wheel --no-deps --no-index --no-build-isolation --wheel-dir dist . \
    && /opt/pip/bin/pip --python /opt/sessionwatch/bin/python install --no-deps --no-index dist/*.whl \
    && /opt/sessionwatch/bin/python ops/sbom.py requirements.lock /opt/sessionwatch/share/sessionwatch

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/sessionwatch --create-home sessionwatch \
    && mkdir /sessions
COPY --from=build /opt/sessionwatch /opt/sessionwatch
# 127.0.0.1 of the container: who publishes the port also sets SESSIONWATCH_HOST=0.0.0.0, and then
# it does not start without a token (docs/operations.md).
ENV PATH=/opt/sessionwatch/bin:$PATH \
    SESSIONWATCH_DB=/var/lib/sessionwatch/sessionwatch.duckdb \
    SESSIONWATCH_PORT=8787
USER sessionwatch
WORKDIR /var/lib/sessionwatch
# All that is ever written is here; the rest of the file system may be read-only.
VOLUME ["/var/lib/sessionwatch"]
EXPOSE 8787
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python3", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['SESSIONWATCH_PORT'] + '/healthz', timeout=4)"]
ENTRYPOINT ["sessionwatch"]
CMD ["serve", "/sessions"]

# The image: the packages of requirements.lock, each held against its hash, and our wheel.
# Holds no compiler, no pip of its own, and nothing that must be written to when it runs.
# Names no registry. docs/container.md tells how it is run, and how it is built elsewhere.
#
# BASE needs Python 3.11 or newer with its venv module. Where what runs shall have no shell
# either, RUNTIME may name another image that has the same Python at the same path.
ARG BASE=python:3.13-slim-bookworm
ARG RUNTIME=${BASE}

FROM ${BASE} AS build
ARG VERSION=""
# Both are there only where whoever builds hands them in: pip's configuration of that
# machine (a mirror), and the authorities that it trusts. No layer keeps them.
ENV PIP_CONFIG_FILE=/run/secrets/pip.conf \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_COMPILE=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# Before the sources: a changed line of ours installs no package anew.
COPY requirements.lock requirements-build.lock ./
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=ca.pem \
    python3 -m venv /tools \
 && python3 -m venv --without-pip /opt/venv \
 && /tools/bin/pip install --quiet --require-hashes --no-deps --only-binary=:all: \
      --requirement requirements-build.lock \
 && /tools/bin/pip --python /opt/venv/bin/python install --quiet --require-hashes --no-deps \
      --only-binary=:all: --requirement requirements.lock
COPY pyproject.toml README.md ./
COPY exporter exporter
# The root may be read-only, so the bytecode is written now; that it belongs to its source
# is not looked up again.
RUN /tools/bin/python -m hatchling build --target wheel \
 && /tools/bin/pip --python /opt/venv/bin/python install --quiet --no-index --no-deps dist/*.whl \
 && /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib \
 && built="$(/opt/venv/bin/mailserver-exporter version | cut -d ' ' -f 2)" \
 && if [ "${VERSION:-$built}" != "$built" ]; then \
      echo "VERSION is $VERSION, and exporter/__init__.py says $built"; exit 1; fi

# Nothing is run from here on: RUNTIME needs no shell.
FROM ${RUNTIME}
ARG VERSION=""
ARG REVISION=""
LABEL org.opencontainers.image.title="mailserver-exporter" \
      org.opencontainers.image.description="Prometheus exporter that probes mail servers: do they greet, how fast is each step, do they say goodbye properly" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MAILSERVER_EXPORTER_REVISION=${REVISION}
# Where the configuration is looked for; names of files may be relative to it.
WORKDIR /etc/mailserver-exporter
# A number, so that a cluster can see that it is not root.
USER 65532:65532
EXPOSE 10525
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 \
  CMD ["/opt/venv/bin/mailserver-exporter", "healthcheck", "--pid=1"]
ENTRYPOINT ["/opt/venv/bin/mailserver-exporter"]
CMD ["serve"]

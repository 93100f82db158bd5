# The base image is one argument, so that a mirror or a distribution's own will do.
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
COPY . /src
RUN python3 -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --no-compile /src \
 && /opt/venv/bin/python -m compileall -q /opt/venv/lib

FROM ${BASE}
LABEL org.opencontainers.image.title="mailserver-exporter" \
      org.opencontainers.image.description="Prometheus exporter that probes mail servers"
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# A number, so that a cluster can see that it is not root.
USER 65532:65532
EXPOSE 10525
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/venv/bin/mailserver-exporter"]
CMD ["serve", "--config.file=/etc/mailserver-exporter/config.yaml"]

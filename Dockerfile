# The gateway as a container: nothing but Python, the locked dependencies and the package; runs as an ordinary user.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY requirements/ requirements/
# EXTRAS=emulator adds what `callstream emulator` and `callstream demo` need.
ARG EXTRAS=runtime
RUN python3 -m venv /opt/callstream \
    && /opt/callstream/bin/python -m pip install --no-cache-dir --require-hashes -r requirements/${EXTRAS}.txt
COPY pyproject.toml README.md LICENSE ./
COPY gateway/ gateway/
COPY clients/python/callstream/ clients/python/callstream/
RUN /opt/callstream/bin/python -c 'import shutil, sysconfig; \
    site = sysconfig.get_paths()["purelib"]; \
    shutil.copytree("gateway", f"{site}/gateway"); \
    shutil.copytree("clients/python/callstream", f"{site}/callstream")' \
    && /opt/callstream/bin/python -m compileall -q /opt/callstream/lib \
    && /opt/callstream/bin/python -m pip uninstall --yes --quiet pip setuptools

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="callstream" \
      org.opencontainers.image.description="gRPC gateway for SignalWire RELAY call streaming" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/callstream /opt/callstream
ENV PATH=/opt/callstream/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    CALLSTREAM_DATA_DIR=/var/lib/callstream
RUN groupadd --gid 65532 callstream \
    && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /var/lib/callstream --shell /usr/sbin/nologin callstream \
    && install -d -o 65532 -g 65532 -m 0700 /var/lib/callstream
USER 65532:65532
VOLUME /var/lib/callstream
EXPOSE 50051
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["python3", "-m", "gateway", "health"]
# Inside a container loopback is nobody's: where to listen has to be said, as in
#   docker run … callstream serve --listen 0.0.0.0:50051 --insecure-listen
ENTRYPOINT ["python3", "-m", "gateway"]
CMD ["serve"]

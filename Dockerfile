# The gateway as a container. The final image starts from nothing and holds what the process loads, no more: Python, the
# shared libraries it is linked to, certificates, the locked dependencies, the package. No shell, no package manager, no pip.
#
#   docker build --tag callstream .
#   docker build --tag callstream-emulator --build-arg EXTRAS=emulator .
#
# Any Debian with Python 3.11, its venv and CA certificates will do as a base; nothing is installed into it.
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/ requirements/
# pip lives in a place of its own, so that nothing has to be taken out of the other one again.
RUN python3 -m venv /build \
    && /build/bin/pip install --require-hashes --requirement requirements/build.txt
# EXTRAS=emulator adds what `callstream emulator` and `callstream demo` need, EXTRAS=tracing traces.
ARG EXTRAS=runtime
RUN python3 -m venv --without-pip /opt/callstream \
    && /build/bin/pip --python /opt/callstream/bin/python3 install \
        --no-compile --only-binary :all: --require-hashes --requirement "requirements/${EXTRAS}.txt"
COPY pyproject.toml README.md LICENSE ./
COPY gateway/ gateway/
COPY clients/python/callstream/ clients/python/callstream/
RUN /build/bin/pip wheel --no-build-isolation --no-deps --no-index --wheel-dir /wheels . \
    && /build/bin/pip --python /opt/callstream/bin/python3 install --no-compile --no-deps --no-index /wheels/*.whl
COPY tools/image_root.py tools/
RUN python3 tools/image_root.py --venv /opt/callstream --output /image \
    && install -d -o 65532 -g 65532 -m 0700 /volume/callstream

FROM scratch
ARG PYTHON_IMAGE
ARG REVISION=unknown
LABEL org.opencontainers.image.title="callstream" \
      org.opencontainers.image.description="gRPC gateway for SignalWire RELAY call streaming" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${PYTHON_IMAGE}" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /image/ /
# A new volume takes its owner and mode from here.
COPY --from=build --chown=65532:65532 /volume/ /var/lib/
# The root file system is meant to be read-only, so Python is not to write its bytecode: it comes compiled.
ENV PATH=/opt/callstream/bin:/usr/local/bin:/usr/bin \
    LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    CALLSTREAM_DATA_DIR=/var/lib/callstream
WORKDIR /var/lib/callstream
# By number: Kubernetes can tell only then that it is not root.
USER 65532:65532
VOLUME /var/lib/callstream
EXPOSE 50051 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s CMD ["callstream", "health"]
# Inside a container loopback is nobody's: where to listen has to be said, as in
#   docker run … callstream serve --listen 0.0.0.0:50051 --insecure-listen
ENTRYPOINT ["callstream"]
CMD ["serve"]

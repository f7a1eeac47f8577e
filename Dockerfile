# syntax=docker/dockerfile:1

# One image for workers, HTTP interface and command line:
#
#     docker build -t durable-jobs .
#     docker run durable-jobs                                        a worker of all queues
#     docker run durable-jobs python -m worker --queues payments     … of this one
#     docker run durable-jobs uvicorn starter.api:app --host 0.0.0.0
#     docker run durable-jobs uvicorn starter.codec_server:app --host 0.0.0.0 --port 8081
#     docker run durable-jobs jobs setup
#
# Kinds of job from a package of your own go into an image that is made `FROM` this one.

ARG PYTHON_IMAGE=python:3.13.14-slim-trixie

FROM ${PYTHON_IMAGE} AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /src

RUN python -m venv --without-pip /opt/jobs

# What others have made changes seldom, so it is a layer of its own.
COPY pyproject.toml constraints.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
        > /tmp/requirements.txt \
    && pip --python /opt/jobs/bin/python install --only-binary :all: -c constraints.txt -r /tmp/requirements.txt

COPY README.md LICENSE worker.py ./
COPY domain domain
COPY workflows workflows
COPY activities activities
COPY adapters adapters
COPY starter starter
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/jobs/bin/python install --no-deps -c constraints.txt . \
    && /opt/jobs/bin/python -m compileall -q /opt/jobs/lib


FROM ${PYTHON_IMAGE}

LABEL org.opencontainers.image.title="durable-jobs" \
      org.opencontainers.image.licenses="MIT"

# A number, since Kubernetes cannot tell from a name that it isn't root.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin jobs \
    && install -d -o 10001 -g 10001 -m 770 /var/lib/jobs /var/lib/jobs/reports

COPY --from=build /opt/jobs /opt/jobs

ENV PATH=/opt/jobs/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    REPORTS_STORE=/var/lib/jobs/reports \
    WORKER_HTTP_HOST=0.0.0.0 \
    API_METRICS_HOST=0.0.0.0 \
    CODEC_METRICS_HOST=0.0.0.0

# Python looks for modules here first, so that nobody but root may write to it.
WORKDIR /opt/jobs
USER 10001:10001

# The root file system may be read-only: /tmp and /var/lib/jobs/reports are all that is written to.

EXPOSE 9090 8080 8081 9464 9480

# Alive, and not ready: who ends unhealthy containers must not end them all while the database is away.
HEALTHCHECK --interval=15s --timeout=6s --start-period=90s --retries=3 \
    CMD ["python", "-m", "adapters.healthy", "http://127.0.0.1:9090/healthz"]

# Without a shell between, so that SIGTERM reaches the worker, which drains.
CMD ["python", "-m", "worker"]

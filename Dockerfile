# One image for the fake server, the scenario runner and Locust; what it runs is said by the command.
FROM python:3.13-slim

# Locust raises its own limit of open files; unbuffered, so that a log is read as it is written.
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /squall

# The pinned packages first: they change seldom, and the layer is kept.
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY harness ./harness
COPY fake_server ./fake_server
COPY scenarios ./scenarios
COPY loadtests ./loadtests
COPY reports ./reports
RUN pip install --no-cache-dir --no-deps --no-build-isolation -e .

# Nothing here needs to be root. What is written lies in this folder; the runs are a volume.
RUN useradd --create-home --uid 10001 squall && mkdir runs && chown squall:squall . runs
USER squall
VOLUME /squall/runs

FROM python:3.11-slim-trixie

# pg_dump and pg_restore 17, for `manage.py backup` and `restore`: older ones refuse PostgreSQL 16; git and ssh for the
# repository that consolidation keeps under var/
RUN apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-client git openssh-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 hopper

WORKDIR /app
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes --requirement requirements.lock
COPY . .
RUN install --directory --owner=hopper var

USER hopper
ENV PYTHONUNBUFFERED=1
EXPOSE 8000
CMD ["gunicorn", "hopper.wsgi", "--bind=0.0.0.0:8000", "--workers=2", "--threads=4", \
     "--worker-tmp-dir=/dev/shm", "--no-control-socket", "--access-logfile=-"]

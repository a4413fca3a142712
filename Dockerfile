FROM python:3.11-slim-trixie

# pg_dump and pg_restore 17, for `manage.py backup` and `restore`: older ones refuse PostgreSQL 16
RUN apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 hopper

WORKDIR /app
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes --requirement requirements.lock
COPY . .

USER hopper
ENV PYTHONUNBUFFERED=1
EXPOSE 8000
CMD ["gunicorn", "hopper.wsgi", "--bind=0.0.0.0:8000", "--workers=2", "--threads=4", \
     "--worker-tmp-dir=/dev/shm", "--no-control-socket", "--access-logfile=-"]

# Salestream: the same image for every service. The libraries are those of requirements.lock, by their hashes.

FROM python:3.11.14-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/salestream
ENV PATH=/opt/salestream/bin:$PATH
WORKDIR /src
COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY events events
COPY projections projections
COPY services services
RUN pip install --no-build-isolation --no-deps .

FROM python:3.11.14-slim-bookworm
RUN useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin salestream \
    && install --directory --owner=salestream --group=salestream --mode=0750 /data /keys
COPY --from=build /opt/salestream /opt/salestream
ENV PATH=/opt/salestream/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SALESTREAM_DATA=/data
USER salestream
WORKDIR /data
VOLUME /data
ENTRYPOINT ["salestream"]
CMD ["--help"]

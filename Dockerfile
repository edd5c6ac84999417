# fake_etcd where an image of etcd is wanted: `etcd` and `etcd --flags` are its commands, as in
# gcr.io/etcd-development/etcd. docs/containers.md says how to use it.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
WORKDIR /source
COPY pyproject.toml setup.py README.md LICENSE ./
COPY fake_etcd ./fake_etcd
# An environment without pip: that stays in this stage.
RUN python -m venv --without-pip /opt/fake_etcd \
    && pip --python /opt/fake_etcd/bin/python install --no-cache-dir .
# The program called `etcd` is made when it is asked for, which the image's user may not.
# (The conformance suite's program has no suite here.)
RUN ln -s "$(/opt/fake_etcd/bin/fake-etcd --print-bin-dir)/etcd" /opt/fake_etcd/bin/etcd \
    && rm /opt/fake_etcd/bin/fake-etcd-conformance

FROM python:${PYTHON}-slim
COPY --from=build /opt/fake_etcd /opt/fake_etcd
# A number outside of those that people have, and a name for it. The folders are etcd's own, and
# those that its guide for containers mounts; a new volume there belongs to the user as well.
RUN useradd --uid 10001 --no-create-home --home-dir /var/lib/etcd --shell /usr/sbin/nologin etcd \
    && install --directory --owner=etcd --group=etcd --mode=0700 /var/lib/etcd /var/etcd /etcd-data \
    && ln -s /opt/fake_etcd/bin/etcd /opt/fake_etcd/bin/fake-etcd /usr/local/bin/
WORKDIR /var/lib/etcd
# As a number: Kubernetes' runAsNonRoot knows no names.
USER 10001
EXPOSE 2379 2380
# There is no curl here. Where clients are served elsewhere, or over TLS, say FAKE_ETCD_HEALTH_URL.
ENV FAKE_ETCD_HEALTH_URL=http://127.0.0.1:2379/health
HEALTHCHECK --interval=2s --timeout=2s --start-period=5s --retries=3 \
    CMD ["/opt/fake_etcd/bin/python", "-I", "-c", "import os, urllib.request as http; http.build_opener(http.ProxyHandler({})).open(os.environ['FAKE_ETCD_HEALTH_URL'], timeout=1)"]
CMD ["/usr/local/bin/etcd"]

# The gateway, and all of chatctl, for containers: `docker compose up` builds it.
#
# To change: the base (another Python, or the same one by its digest), and the environment below; every
# option of `chatctl gateway` is a variable, see docs/commands.md. Redis is not in it: give CHATCTL_REDIS.

FROM python:3.12.11-slim-bookworm AS build
WORKDIR /build
RUN python -m venv --without-pip /opt/chatctl
# What it needs, in a layer of its own: built anew only when that changes.
COPY pyproject.toml .
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > needs.txt \
    && pip wheel --no-cache-dir --wheel-dir /wheels -r needs.txt \
    && pip --python /opt/chatctl/bin/python install --no-cache-dir --no-index --no-deps /wheels/*.whl
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheel . \
    && pip --python /opt/chatctl/bin/python install --no-cache-dir --no-index --no-deps /wheel/*.whl

FROM python:3.12.11-slim-bookworm
# Nothing is installed in a container that runs. By hand, since pip does not take itself out everywhere.
RUN python -c "import pathlib, pip, shutil; shutil.rmtree(pathlib.Path(pip.__file__).parent)" \
    && rm -f /usr/local/bin/pip* /usr/bin/pip*
COPY --from=build /opt/chatctl /opt/chatctl
ENV PATH=/opt/chatctl/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CHATCTL_LISTEN=0.0.0.0:2428 \
    CHATCTL_HTTP=0.0.0.0:8080
# A number, so that Kubernetes can tell that it is not root.
USER 10001:10001
EXPOSE 2428 8080
# Whether the process lives. Whether it is ready for clients is the balancer's question: /readyz.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-Im", "chatctl.healthy"]
# Process 1 is the gateway itself: SIGTERM drains it.
ENTRYPOINT ["chatctl"]
CMD ["gateway"]

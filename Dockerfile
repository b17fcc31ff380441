# An image of the gateway and all of chatctl: `docker compose up` builds it.
#
# To change: the base image (another Python, or the same one by its digest), and the environment below. Every
# option of `chatctl gateway` is a variable, see docs/commands.md. Redis is not included: set CHATCTL_REDIS.

FROM python:3.12.11-slim-bookworm AS build
WORKDIR /build
RUN python -m venv --without-pip /opt/chatctl
# The dependencies are in their own layer, which is rebuilt only when they change.
COPY pyproject.toml .
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > needs.txt \
    && pip wheel --no-cache-dir --wheel-dir /wheels -r needs.txt \
    && pip --python /opt/chatctl/bin/python install --no-cache-dir --no-index --no-deps /wheels/*.whl
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheel . \
    && pip --python /opt/chatctl/bin/python install --no-cache-dir --no-index --no-deps /wheel/*.whl

FROM python:3.12.11-slim-bookworm
# A running container installs nothing, so pip goes. By hand, because pip cannot always remove itself.
RUN python -c "import pathlib, pip, shutil; shutil.rmtree(pathlib.Path(pip.__file__).parent)" \
    && rm -f /usr/local/bin/pip* /usr/bin/pip*
COPY --from=build /opt/chatctl /opt/chatctl
ENV PATH=/opt/chatctl/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CHATCTL_LISTEN=0.0.0.0:2428 \
    CHATCTL_HTTP=0.0.0.0:8080
# As a number, so that Kubernetes can see that it is not root.
USER 10001:10001
EXPOSE 2428 8080
# Checks that the process is alive. The balancer checks whether it is ready for clients: /readyz.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-Im", "chatctl.healthy"]
# Process 1 is the gateway itself, so SIGTERM drains it.
ENTRYPOINT ["chatctl"]
CMD ["gateway"]

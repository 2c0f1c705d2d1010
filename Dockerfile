# mavfer in a container, as a user without rights, with its sessions, datasets and runs on a volume.
#
#   docker build -t mavfer .                                       the extra `all`
#   docker build -t mavfer-rating --build-arg EXTRAS=annotate .    what one machine does
#   docker run --rm -it -v "$PWD:/sessions" mavfer rig new --out rig.toml
#   docker run --rm -it --network host -v "$PWD:/sessions" mavfer operate . --rig rig.toml
#
# Pages are served on 127.0.0.1, hence --network host. The image has no C compiler: build a GenTL producer outside
# and mount it. A volume that someone else owns wants `--user "$(id -u):$(id -g)"`.
ARG PYTHON=3.11
FROM python:${PYTHON}-slim AS build

WORKDIR /source
COPY . .
RUN python -m pip install --no-cache-dir -c constraints.txt build setuptools \
    && python -m build --no-isolation --wheel --outdir /wheel .

FROM python:${PYTHON}-slim

# Extras of pyproject.toml, with commas between them; PIP_OPTIONS goes to pip, such as where a torch for CPUs alone is.
ARG EXTRAS=all
ARG PIP_OPTIONS=""
RUN --mount=type=bind,from=build,source=/wheel,target=/wheel \
    --mount=type=bind,source=constraints.txt,target=/constraints.txt \
    python -m pip install --no-cache-dir $PIP_OPTIONS -c /constraints.txt "$(echo /wheel/*.whl)${EXTRAS:+[$EXTRAS]}" \
    && useradd --create-home --uid 1000 mavfer \
    && install -d -o mavfer -g mavfer /sessions \
    && install -d -m 1777 /cache

ENV NUMBA_CACHE_DIR=/cache/numba MPLCONFIGDIR=/cache/matplotlib XDG_CACHE_HOME=/cache PYTHONUNBUFFERED=1
USER mavfer
VOLUME /sessions
WORKDIR /sessions
ENTRYPOINT ["mavfer"]
CMD ["--help"]

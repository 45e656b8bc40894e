# A container engine and its images for tests/compose/run, which sources this file: those of this machine, or, where there is none and
# no registry can be reached, some made from packages.
# shellcheck shell=bash

COMPOSE_VERSION=v2.39.4

# An engine that this script starts has a network of its own, so the published ports collide with nothing on this machine.
# `host` runs a command where those ports are.
ENGINE_PID=
host() {
  if [[ $ENGINE_PID ]]; then
    nsenter --net="/proc/$ENGINE_PID/ns/net" -- "$@"
  else
    "$@"
  fi
}

provide_engine() {
  docker info >/dev/null 2>&1 && return
  local missing=() command
  for command in dockerd iptables debootstrap ip; do
    command -v "$command" >/dev/null || missing+=("$command")
  done
  ((${#missing[@]} == 0)) || {
    say "installing docker.io, debootstrap, iproute2 and iptables"
    apt-get update && apt-get install -y --no-install-recommends docker.io debootstrap iproute2 iptables
  } >/dev/null
  mkdir -p "$CACHE/docker"
  say "starting a container engine"
  unshare --net -- bash -c 'ip link set lo up && exec "$@"' start-engine \
    dockerd --host "unix://$work/docker.sock" --data-root "$CACHE/docker" --exec-root "$work/docker" --pidfile "$work/docker.pid" \
    >"$work/docker.log" 2>&1 &
  ENGINE_PID=$!
  export DOCKER_HOST=unix://$work/docker.sock
  local end=$((SECONDS + 60))
  until docker info >/dev/null 2>&1; do
    kill -0 "$ENGINE_PID" 2>/dev/null && ((SECONDS < end)) || { tail -20 "$work/docker.log"; fail "the engine does not start"; }
    sleep 0.2
  done
}

# What a run made, other than the images of others, goes with it.
end_engine() {
  [[ ! $ENGINE_PID ]] || { docker system prune --force >/dev/null && kill "$ENGINE_PID" && wait "$ENGINE_PID"; } || true
}

# `go install` refuses the plugin for its exclude directives, so a module of ours builds it.
provide_compose() {
  ! docker compose version >/dev/null 2>&1 || return 0
  local plugin=$CACHE/docker-compose-$COMPOSE_VERSION/docker-compose
  if [[ ! -x $plugin ]]; then
    say "building docker compose $COMPOSE_VERSION"
    mkdir -p "$work/compose" "${plugin%/*}"
    printf 'package main\n\nimport _ "github.com/docker/compose/v2/cmd"\n' >"$work/compose/main.go"
    (
      cd "$work/compose"
      go mod init compose && go mod edit -require="github.com/docker/compose/v2@$COMPOSE_VERSION" && go mod tidy &&
        go build -mod=mod -ldflags=-s -o "$plugin" github.com/docker/compose/v2/cmd
    ) >"$work/compose.log" 2>&1 || { tail -5 "$work/compose.log"; fail "docker compose cannot be built"; }
  fi
  export DOCKER_CONFIG=$work/docker-config
  mkdir -p "$DOCKER_CONFIG/cli-plugins"
  ln -s "$plugin" "$DOCKER_CONFIG/cli-plugins/docker-compose"
}

# Pulls or makes an image, and says in `provided` whether there is one now.
provide_image() {
  local image=$1
  provided=yes
  ! docker image inspect "$image" >/dev/null 2>&1 || return 0
  ! docker pull --quiet "$image" >/dev/null 2>&1 || return 0
  say "$image cannot be pulled"
  case $image in
    debian:*) import_debian "$image" ca-certificates ;;
    apache/kafka:*) make_kafka "$image" ;;
    minio/minio:*) make_minio "$image" ;;
    prom/prometheus:*) make_prometheus "$image" ;;
    danielqsj/kafka-exporter:*) make_kafka_exporter "$image" ;;
    *) provided= ;;
  esac
}

# As small as the official slim images, which leave out what nobody reads in a container.
import_debian() {
  local image=$1 packages=$2 root=$work/debian
  debootstrap --variant=minbase --include="$packages" bookworm "$root" >"$work/debootstrap.log" ||
    { tail -5 "$work/debootstrap.log"; fail "debootstrap failed"; }
  rm -rf "$root"/{var/cache/apt,var/lib/apt/lists,usr/share/{doc,info,locale,man}}/* "$root"/var/log/*.log
  tar -C "$root" -c . | docker import - "$image" >/dev/null
  rm -rf "$root"
}

build_image() {
  docker build --quiet --tag "$1" "$2" >"$work/image.log" 2>&1 || { tail -5 "$work/image.log"; fail "$1 cannot be made"; }
  rm -rf "$2"
}

# A variable that `deploy/local/cluster env` sets, with the path of what that script builds.
of_cluster() { (eval "$(deploy/local/cluster env)" && echo "${!1}"); }
need_cluster() { fail "build the servers first: deploy/local/cluster run true"; }

make_kafka() {
  docker image inspect kivend-test-java >/dev/null 2>&1 ||
    import_debian kivend-test-java openjdk-17-jre-headless,ca-certificates
  cp -r tests/compose/images/kafka "$work/kafka"
  mkdir "$work/kafka/libs"
  cp "$(of_cluster KIVEND_TEST_KAFKA | sed 's|/[^/]*$||')"/*.jar "$work/kafka/libs/" || need_cluster
  build_image "$1" "$work/kafka"
}

make_minio() {
  mkdir "$work/minio"
  cp "$(of_cluster KIVEND_TEST_MINIO)" "$work/minio/" || need_cluster
  GOBIN=$work/minio go install -ldflags=-s github.com/minio/mc@latest 2>"$work/mc.log" || { tail -3 "$work/mc.log"; fail "mc cannot be built"; }
  printf 'FROM debian:12.12-slim\nCOPY minio mc /usr/bin/\nENTRYPOINT ["minio"]\n' >"$work/minio/Dockerfile"
  build_image "$1" "$work/minio"
}

# The files of a package of this machine's distribution.
unpack() {
  (cd "$work" && apt-get download -qq "$1" && dpkg-deb --extract "$1"_*.deb "$2" && rm "$1"_*.deb)
}

make_prometheus() {
  mkdir "$work/prometheus"
  unpack prometheus "$work/prometheus/root"
  unpack busybox-static "$work/prometheus/root"
  printf '%s\n' 'FROM debian:12.12-slim' 'COPY root/usr/bin/prometheus root/usr/bin/promtool /bin/' 'COPY root/bin/busybox /bin/wget' \
    'RUN mkdir /prometheus && chown 65534 /prometheus' 'USER 65534' 'ENTRYPOINT ["prometheus"]' >"$work/prometheus/Dockerfile"
  build_image "$1" "$work/prometheus"
}

# Its module is not on every proxy.
make_kafka_exporter() {
  local program=${KIVEND_KAFKA_EXPORTER:-$(command -v kafka_exporter || true)}
  [[ $program ]] || { provided=; return 0; }
  mkdir "$work/exporter"
  cp "$program" "$work/exporter/kafka_exporter"
  unpack busybox-static "$work/exporter/root"
  printf '%s\n' 'FROM debian:12.12-slim' 'COPY kafka_exporter /bin/' 'COPY root/bin/busybox /bin/wget' 'USER 65534' \
    'ENTRYPOINT ["kafka_exporter"]' >"$work/exporter/Dockerfile"
  build_image "$1" "$work/exporter"
}

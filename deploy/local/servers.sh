# shellcheck shell=bash Builds, configures and starts Kafka and MinIO, and checks whether they are ready. Sourced by
# `cluster` after process.sh.

KAFKA_VERSION=4.1.1
# Go does not accept MinIO's release tags as versions; this commit is RELEASE.2025-09-07T16-13-09Z.
MINIO_VERSION=v0.0.0-20250907161309-07c3a429bfed
CLUSTER_ID=kivend-local-cluster-A
SERVERS=(broker-1 broker-2 broker-3 minio)
HOST=127.0.0.1
BUCKET=kivend-audit
REGION=us-east-1
# Public, and only used for servers that listen on the loopback address.
ACCESS_KEY=kivend
# Tests that revoke the credentials restart MinIO with another CLUSTER_SECRET_KEY.
SECRET_KEY=${CLUSTER_SECRET_KEY:-kivend-local-only}
KAFKA_JARS=$CACHE/kafka-$KAFKA_VERSION-$(cksum <"$HERE/kafka.pom.xml" | cut -d ' ' -f 1)
KAFKA_CLASSES=$KAFKA_JARS/classes.jsa
MINIO=$CACHE/minio-$MINIO_VERSION/minio
JAVA=${JAVA_HOME:+$JAVA_HOME/bin/}java
JAVA_FLAGS=(-Xmx768m -XX:MaxDirectMemorySize=1g -cp "$KAFKA_JARS/*" "-Dlog4j2.configurationFile=$HERE/log4j2.properties")
readonly KAFKA_VERSION MINIO_VERSION CLUSTER_ID SERVERS HOST BUCKET REGION ACCESS_KEY SECRET_KEY
readonly KAFKA_JARS KAFKA_CLASSES MINIO JAVA JAVA_FLAGS

# --- Ports and addresses ---------------------------------------------------------------------------------------

# Ports come from the variables, then from the state, then from the defaults.
choose_ports() {
  local recorded=(9092 19092 9000) wanted server
  [[ ! -e $STATE/ports ]] || read -ra recorded <"$STATE/ports"
  KAFKA_PORT=${CLUSTER_KAFKA_PORT:-${recorded[0]}}
  CONTROLLER_PORT=${CLUSTER_CONTROLLER_PORT:-${recorded[1]}}
  MINIO_PORT=${CLUSTER_MINIO_PORT:-${recorded[2]}}
  wanted="$KAFKA_PORT $CONTROLLER_PORT $MINIO_PORT"
  for server in "${SERVERS[@]}"; do
    [[ $wanted == "${recorded[*]}" ]] || ! process_is_alive "$server" ||
      fail "$server runs, and on other ports (${recorded[*]}, wanted $wanted): down first, or unset CLUSTER_*_PORT"
  done
}

broker_port() { echo $((KAFKA_PORT + ${1#broker-} - 1)); }
controller_port() { echo $((CONTROLLER_PORT + ${1#broker-} - 1)); }

server_address() {
  case $1 in
    minio) echo "$HOST:$MINIO_PORT" ;;
    *) echo "$HOST:$(broker_port "$1")" ;;
  esac
}

brokers() {
  echo "$(server_address broker-1),$(server_address broker-2),$(server_address broker-3)"
}

port_answers() { (exec 3<>"/dev/tcp/$HOST/$1") 2>/dev/null; }

refuse_taken_ports() {
  local port ports=("$MINIO_PORT")
  [[ $1 == minio ]] || ports=("$(broker_port "$1")" "$(controller_port "$1")")
  for port in "${ports[@]}"; do
    ! port_answers "$port" || fail "port $port, meant for $1, is taken by $(listener_on "$port");" \
      "end it, move with CLUSTER_KAFKA_PORT, CLUSTER_CONTROLLER_PORT or CLUSTER_MINIO_PORT," \
      "or share its servers with CLUSTER_STATE, if they are of this kind"
  done
}

# Prints "pid PID (command)" of the process that listens on a port, if this user may see it.
listener_on() {
  local pid
  pid=$({ ss -Hltnp "sport = :$1" || lsof -nP -t -iTCP:"$1" -sTCP:LISTEN; } 2>/dev/null |
    sed -E 's/.*pid=([0-9]+).*/\1/' | grep -m 1 -E '^[0-9]+$') ||
    { echo "a process that only its owner (or ss, or lsof) can name"; return; }
  echo "pid $pid ($(xargs -0 <"/proc/$pid/cmdline" | cut -c 1-300))"
}

# --- Builds: once per version, cached outside the checkout -----------------------------------------------------

build_servers() {
  need "$JAVA" "a JDK, 17 or newer"
  need curl "curl, which creates the bucket"
  mkdir -p "$CACHE"
  (
    exec 9>"$CACHE/lock"
    flock 9
    rm -rf "$CACHE/unfinished"
    [[ -d $KAFKA_JARS ]] || fetch_kafka
    [[ -x $MINIO ]] || build_minio
  )
}

need() { command -v "$1" >/dev/null || fail "$1 is not there: install $2"; }

# A build is renamed to its final name when it is complete, so that an interrupted build is not used.
fetch_kafka() {
  need mvn Maven
  say "fetching Kafka $KAFKA_VERSION (once, some seconds)"
  mvn --batch-mode --quiet --file "$HERE/kafka.pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$CACHE/unfinished" >&2 || fail "mvn could not fetch Kafka"
  mv "$CACHE/unfinished" "$KAFKA_JARS"
}

build_minio() {
  need go "Go, 1.24 or newer"
  say "building MinIO $MINIO_VERSION (once, some minutes)"
  GOBIN=$CACHE/unfinished GOFLAGS=-buildvcs=false \
    go install -ldflags=-s "github.com/minio/minio@$MINIO_VERSION" >&2 || fail "go could not build MinIO"
  mv "$CACHE/unfinished" "${MINIO%/*}"
}

# --- Start -----------------------------------------------------------------------------------------------------

begin_server() {
  case $1 in
    minio) begin_minio ;;
    *) begin_broker "$1" ;;
  esac
}

begin_minio() {
  process_begin minio env MINIO_ROOT_USER=$ACCESS_KEY MINIO_ROOT_PASSWORD=$SECRET_KEY MINIO_BROWSER=off \
    MINIO_UPDATE=off "$MINIO" server --quiet --address "$(server_address minio)" "$STATE/minio"
}

begin_broker() {
  local sharing=-XX:+RecordDynamicDumpInfo
  [[ ! -e $KAFKA_CLASSES ]] || sharing=-XX:SharedArchiveFile=$KAFKA_CLASSES
  process_begin "$1" "$JAVA" "$sharing" "${JAVA_FLAGS[@]}" kafka.Kafka "$STATE/$1/server.properties"
}

# Nearly half of a broker's start-up is class loading. The first broker that is stopped dumps its loaded classes, and
# later ones map that file. The dump takes a second or two; brokers also start without it.
keep_classes() {
  local unfinished=$KAFKA_JARS/unfinished.$$
  [[ ! -e $KAFKA_CLASSES ]] && process_is_alive broker-1 || return 0
  if "${JAVA%java}jcmd" "$(process_pid broker-1)" VM.cds dynamic_dump "$unfinished"; then
    mv "$unfinished" "$KAFKA_CLASSES"
  fi >"$STATE/logs/classes.log" 2>&1 || true
}

# Writes what servers need on disk before they start: settings every time, formatted storage once.
prepare_servers() {
  local server formats=() format
  mkdir -p "$STATE/minio"
  echo "$KAFKA_PORT $CONTROLLER_PORT $MINIO_PORT" >"$STATE/ports"
  for server; do
    [[ $server != minio ]] || continue
    mkdir -p "$STATE/$server"
    broker_settings "$server" >"$STATE/$server/server.properties"
    [[ -e $STATE/$server/data/meta.properties ]] || { format_broker "$server" & formats+=($!); }
  done
  for format in "${formats[@]}"; do
    wait "$format" || fail "a broker's storage could not be formatted; see $STATE/broker-*/format.log"
  done
}

broker_settings() {
  local voters=() voter
  for voter in 1 2 3; do voters+=("$voter@$HOST:$(controller_port $voter)"); done
  cat "$HERE/broker.properties" - <<PROPERTIES

# Added by the cluster script.
node.id=${1#broker-}
listeners=CLIENT://$(server_address "$1"),CONTROLLER://$HOST:$(controller_port "$1")
controller.quorum.voters=$(IFS=,; echo "${voters[*]}")
log.dirs=$STATE/$1/data
PROPERTIES
}

format_broker() {
  "$JAVA" "${JAVA_FLAGS[@]}" kafka.tools.StorageTool format \
    --cluster-id "$CLUSTER_ID" --config "$STATE/$1/server.properties" >"$STATE/$1/format.log" 2>&1
}

# --- Ready -----------------------------------------------------------------------------------------------------

# ready · starting · dead (begun here, ended by something else) · stopped
server_state() {
  if process_is_alive "$1"; then
    if server_is_ready "$1"; then echo ready; else echo starting; fi
  elif process_was_begun "$1"; then
    echo dead
  else
    echo stopped
  fi
}

# A broker opens its port to clients last of all, once the controllers have unfenced it: it leads and replicates.
# After a restart it may open it before it has heard of the others, so each is asked whom it knows.
server_is_ready() {
  case $1 in
    minio) curl --silent --fail --max-time 2 --output /dev/null "http://$(server_address minio)/minio/health/ready" ;;
    *) broker_knows_all "$1" ;;
  esac
}

# Whether a broker tells clients of every broker that lives.
broker_knows_all() {
  local server known address
  known=$(broker_metadata "$1") || return 1
  for server in "${SERVERS[@]}"; do
    [[ $server != minio ]] && process_is_alive "$server" || continue
    address=$(printf %s "$HOST" | in_hex)$(printf %08x "$(broker_port "$server")")
    [[ $known == *"$address"* ]] || return 1
  done
}

# Prints, in hex, a broker's answer to Kafka's Metadata request (version 4, no topics). In it, each broker that it knows
# has its host followed by its port in four bytes.
broker_metadata() {
  local request='\x0\x0\x0\xf\x0\x3\x0\x4\x0\x0\x0\x1\xff\xff\x0\x0\x0\x0\x0' size
  (
    exec 3<>"/dev/tcp/$HOST/$(broker_port "$1")" || exit 1
    # shellcheck disable=SC2059
    printf "$request" >&3
    size=$(timeout 2 head -c 4 <&3 | in_hex)
    [[ -n $size ]] && timeout 2 head -c $((16#$size)) <&3 | in_hex
  ) 2>/dev/null
}

in_hex() { od -An -v -tx1 | tr -d ' \n'; }

# True once SIGKILL does no harm: the broker's logs are flushed and marked as cleanly closed. Only its controller still
# runs, for 5 s, to hand its leadership over to controllers that are stopping too.
server_has_let_go() {
  [[ $1 != minio ]] && grep -q 'Transition from SHUTTING_DOWN to SHUTDOWN' "$(process_log "$1")"
}

# The bucket has no versioning and no Object Lock. Tests of these create buckets of their own.
create_bucket() {
  local answer
  answer=$(curl --silent --show-error --max-time 10 --request PUT --user "$ACCESS_KEY:$SECRET_KEY" \
    --aws-sigv4 "aws:amz:$REGION:s3" --header "x-amz-content-sha256: UNSIGNED-PAYLOAD" \
    --write-out '%{http_code}' "http://$(server_address minio)/$BUCKET" 2>&1)
  case $answer in
    200 | *BucketAlreadyOwnedByYou*) ;;
    *) fail "MinIO did not create the bucket $BUCKET: $answer" ;;
  esac
}

# --- Environment -----------------------------------------------------------------------------------------------

# KIVEND_TEST_CLUSTER is this script; if it is set, the integration tests use the servers. With KIVEND_TEST_MINIO, a
# program, and KIVEND_TEST_KAFKA, a class path, tests start servers with settings of their own; with
# KIVEND_TEST_WITNESS, the script beside this one, a witness.
print_env() {
  local endpoint
  endpoint=http://$(server_address minio)
  cat <<EXPORTS
export AWS_ACCESS_KEY_ID=$ACCESS_KEY
export AWS_SECRET_ACCESS_KEY=$SECRET_KEY
export AWS_REGION=$REGION
export AWS_ENDPOINT_URL=$endpoint
export KIVEND_KAFKA__BROKERS=$(brokers)
export KIVEND_STORE__ENDPOINT=$endpoint
export KIVEND_STORE__BUCKET=$BUCKET
export KIVEND_STORE__REGION=$REGION
export KIVEND_TEST_MINIO=$(printf %q "$MINIO")
export KIVEND_TEST_KAFKA=$(printf %q "$KAFKA_JARS/*")
export KIVEND_TEST_CLUSTER=$(printf %q "$HERE/cluster")
export KIVEND_TEST_WITNESS=$(printf %q "$HERE/witness")
export CLUSTER_STATE=$(printf %q "$STATE")
EXPORTS
}

# Sourced by the shell of a page before its first block, with NAME, PORT and TOP set: an archive with records, in the current folder,
# and stand-ins for what a reader's machine has and this one has not.
mkdir -p etc/kivend usb metrics node-exporter
cat > kivend.toml <<END
topics = [{ name = "$NAME-user-events", partitions = 2 }, { name = "$NAME-payments", partitions = 2 }]
[topic_defaults]
replication_factor = 1
[topic_defaults.properties]
"min.insync.replicas" = 1
[routing]
default = "$NAME-user-events"
[[routing.rules]]
topic = "$NAME-payments"
event_types = ["payment_attempt", "payment_success", "payment_failed", "payment_failure"]
[kafka]
group_id = "$NAME"
[store]
prefix = "$NAME"
[archive]
seal_max_idle = "1s"
key_file = "archive.key"
END
export KIVEND_CONFIG=$PWD/kivend.toml

# Sends records to every partition, which a running archiver takes.
more() { kivend generate --events 1000 --seed "$((seed += 1))" | kivend ingest --quiet > /dev/null; }

start_archiver() {
  kivend-archiver 2>> archiver.log > /dev/null &
  archiver=$!
  curl --silent --fail --retry 60 --retry-delay 1 --retry-all-errors --output ready "localhost:$PORT/readyz"
}

stop_archiver() { kill "$archiver" && wait "$archiver"; }

# For systemd: an archiver that is restarted has archived something of each partition when this ends.
systemctl() {
  case $1 in
    restart) stop_archiver && more && kivend-archiver --once --quiet > /dev/null && start_archiver ;;
    reload) kill -HUP "$archiver" ;;
    # It ends with 1 while a topic cannot be archived.
    stop) kill "$archiver" && { wait "$archiver" || [[ $? == 1 ]]; } ;;
    start) start_archiver ;;
    *) return 1 ;;
  esac
}

# The user of the package.
runuser() { shift 3 && "$@"; }

new_public() { kivend keys show --format json | jq --raw-output '.keys[] | select(.signs_here).key'; }

# An operator who deletes a topic by mistake.
delete() {
  java -cp "$KIVEND_TEST_KAFKA" org.apache.kafka.tools.TopicCommand --bootstrap-server "${KIVEND_KAFKA__BROKERS%%,*}" --delete --topic "$1"
  until ! kivend consume "$1" > /dev/null 2>&1; do sleep 0.2; done
}

# For the journal, in which grep finds something.
journalctl() { cat archiver.log && echo "WARN a line of the stand-in"; }

editor() { [[ -e $1 ]]; }

# tests/debian/run installs and upgrades the package.
apt-get() { [[ $1 == install ]]; }

kafka-configs.sh() { java -cp "$KIVEND_TEST_KAFKA" kafka.admin.ConfigCommand "$@"; }

kivend topics create --quiet > /dev/null
kivend init > init.txt
PUBLIC=$(sed -n 's/^public key *//p' init.txt)
echo "$PUBLIC" | tee etc/kivend/archive.pub > kivend.pub
cp kivend.toml etc/kivend/kivend.toml
more
kivend archive --quiet > /dev/null

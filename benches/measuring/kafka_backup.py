"""kafka-backup, a backup tool for Kafka: its configuration, and how it is run. peers/kafka_backup is the program."""

import json
import os
from pathlib import Path

from . import peers, processes


def backup(servers, backup_id, topics):
    """Everything up to now, once. Without headers of its own, so that the records are stored as they are."""
    return {
        "mode": "backup",
        "backup_id": backup_id,
        "source": {"bootstrap_servers": servers.brokers.split(","), "topics": {"include": topics}},
        "storage": _storage(servers),
        "backup": {
            "compression": "zstd",
            "continuous": False,
            "stop_at_current_offsets": True,
            "include_offset_headers": False,
        },
    }


def restore(servers, backup_id, renamed):
    """`renamed` are the topics with their targets, which are created. As with kivend, brokers leave batches as they were
    compressed by the producer."""
    return {
        "mode": "restore",
        "backup_id": backup_id,
        "target": {"bootstrap_servers": servers.brokers.split(",")},
        "storage": _storage(servers),
        "restore": {
            "create_topics": True,
            "default_replication_factor": 3,
            "topic_mapping": renamed,
            "topic_config_overrides": {target: {"compression.type": "producer"} for target in renamed.values()},
        },
    }


def _storage(servers):
    return {
        "backend": "s3",
        "bucket": servers.bucket,
        "region": "us-east-1",
        "endpoint": os.environ["AWS_ENDPOINT_URL"],
        "path_style": True,
        "allow_http": True,
    }


def run(work, config):
    """Answers the report and the cost."""
    path = Path(work, f"{config['backup_id']}-{config['mode']}.json")
    path.write_text(json.dumps(config))
    out, cost = processes.run([peers.kafka_backup(), path])
    return processes.json_of(out), cost

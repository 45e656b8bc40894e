"""The commands of kivend that are measured, each with settings of its own so that no two runs meet."""

from . import machine, processes

TOPICS = ("user-events", "payments", "orders")


class Kivend:
    """One set of topics, one group, one place in the bucket: whatever carries this name."""

    def __init__(self, name, work, extra=None, names=TOPICS):
        self.binary = machine.kivend_binary()
        self.name, self.names = name, names
        self.prefix = f"{name}."
        self.env = {
            "KIVEND_TOPIC_PREFIX": self.prefix,
            "KIVEND_STORE__PREFIX": name,
            "KIVEND_KAFKA__GROUP_ID": name,
            "KIVEND_TELEMETRY__LISTEN": "",
            "XDG_CONFIG_HOME": str(work),
        } | (extra or {})

    def command(self, *arguments):
        return [self.binary, *arguments, "--format", "json", "--quiet"]

    def run(self, *arguments, accept=(0,)):
        """Answers the report and the cost."""
        out, cost = processes.run(self.command(*arguments), self.env, accept=accept)
        return processes.json_of(out), cost

    def create_topics(self):
        self.run("topics", "create")

    def topics(self):
        return [self.prefix + topic for topic in self.names]

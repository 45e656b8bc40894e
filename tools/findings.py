"""What a verification found, and the verdict: docs/FORMAT.md, section 9."""
import contextlib

EXIT_CODES = {"tampered": 10, "incomplete": 11, "unverifiable": 12, "intact": 0}  # gravest first

class Findings:
    """Each finding once, in the order of finding: (severity, where, what); the severity "note" changes no verdict."""

    def __init__(self):
        self.found = {}

    def add(self, severity, where, what):
        self.found[severity, str(where), str(what).replace("\n", " ")] = None

    def __iter__(self):
        return iter(self.found)

    def has(self, severity):
        return any(found == severity for found, *_ in self.found)

    @property
    def verdict(self):
        severities = {severity for severity, *_ in self.found}
        return next(verdict for verdict in EXIT_CODES if verdict == "intact" or verdict in severities)

    @contextlib.contextmanager
    def judging(self, where):
        try:
            yield
        except Exception as why:  # What makes a reader fail breaks a rule.
            self.add(getattr(why, "severity", "tampered"), where, why)

    def settle(self, key, outcome, tolerated):
        """Reports an object that does not count at a note's place: section 1.2. Junk is tolerated in few places."""
        severity = {"junk": "note" if tolerated else "tampered", "replay": "note", "unknown": "unverifiable"}.get(outcome.cls)
        severity = severity or getattr(outcome.why, "severity", "tampered")
        self.add(severity, key, f"passed over, {outcome.cls}: {outcome.why}" if severity == "note" else outcome.why)

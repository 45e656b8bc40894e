"""How the links of one partition follow each other: docs/FORMAT.md, section 6."""
from notes import demand, grow, root, sha

class Chain:
    """The links taken so far. `continues` tells what is wrong with the next one, `take` takes it."""

    def __init__(self, archive_hash, topic, partition):
        genesis = sha(f"kivend.genesis/v1\n{archive_hash}\n{topic}\n{partition}\n".encode())
        self.partition, self.height, self.hash = (topic, partition), -1, genesis
        self.epoch, self.next_offset, self.checkpoint = 0, 0, 0  # where the next link stands
        self.in_epoch = None  # the newest link, if none is missing after it
        self.leader_epoch = None  # that of the next link is not below this one
        self.current = []  # (next offset, leader epoch) of the links of which no later epoch superseded a part
        self.closed = []  # places at which epochs were closed
        self.peaks, self.count = [], 0  # of the tree over all links; not grown after a gap

    @property
    def next_place(self):
        return (*self.partition, self.epoch, self.next_offset)

    def continues(self, link):
        demand(link.height == self.height + 1, "its height is not one above the link before")
        demand((link.epoch, link.first_offset) == (self.epoch, self.next_offset), "it does not begin where the link before ends")
        demand(link.previous == self.hash, "it names another link as the one before")
        self.follows_somehow(link)
        before = self.in_epoch
        if before and before.seal_reason == "recreated":
            demand(None in (before.topic_id, link.topic_id) or link.topic_id != before.topic_id, "the topic that was created anew has its old id")
        elif before:
            demand(link.cluster_id == before.cluster_id, "another cluster within an epoch")
            demand(before.topic_id in (None, link.topic_id), "another topic id within an epoch")
        bound = self.leader_epoch
        demand(None in (bound, link.leader_epoch) or link.leader_epoch >= bound, "its leader epoch falls")

    def follows_somehow(self, link):
        """What holds even where links before it are missing."""
        demand(link.checkpoint["number"] >= self.checkpoint, "it names an older checkpoint than the link before")

    def take(self, link):
        """Takes the next link, or one with others missing before it."""
        if link.height == self.count:
            grow(self.peaks, self.count, link.note.data)
            self.count += 1
            link.log_root = root(self.peaks)
        if (link.epoch, link.height) != (self.epoch, self.height + 1):
            self.in_epoch = self.leader_epoch = None
        self.height, self.hash, self.checkpoint = link.height, link.hash, link.checkpoint["number"]
        self.epoch, self.next_offset, self.in_epoch = link.epoch, link.next_offset, link
        if link.leader_epoch is not None:
            self.leader_epoch = link.leader_epoch
        if link.closing:
            self.close(link)
        else:
            self.current.append((link.next_offset, link.leader_epoch))

    def close(self, link):
        """The next link begins the next epoch, and supersedes what stands from there on."""
        begin = link.next_epoch_at
        self.closed.append(self.next_place)
        self.epoch, self.next_offset = link.epoch + 1, begin
        self.current = [(next_, leader) for next_, leader in self.current if next_ <= begin]
        bounds = [leader for _, leader in self.current if leader is not None]
        self.leader_epoch = bounds[-1] if bounds else None

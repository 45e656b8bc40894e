"""Checks paths in Merkle trees: RFC 9162, sections 2.1.3.2 and 2.1.4.2, step by step, and those of several leaves."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable

from notes import demand


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def follow(index: int, last: int, path: list[bytes], left: Callable[[bytes], None], right: Callable[[bytes], None]) -> None:
    """Walks from a node to the root: calls `left` with each left sibling, and `right` with each right one."""
    for sibling in path:
        demand(last != 0, "a path is too long")
        if index & 1 or index == last:
            left(sibling)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            right(sibling)
        index, last = index >> 1, last >> 1
    demand(last == 0, "a path is too short")


def check_inclusion(start: bytes, index: int, count: int, path: list[bytes], root: str) -> None:
    demand(index < count, "there is no such leaf")
    reached = [start]
    follow(
        index,
        count - 1,
        path,
        lambda sibling: reached.append(node(sibling, reached[-1])),
        lambda sibling: reached.append(node(reached[-1], sibling)),
    )
    demand(reached[-1].hex() == root, "a path does not lead to the root that was signed")


def check_several(leaves: list[tuple[int, bytes]], count: int, path: list[bytes], root: str) -> None:
    """The leaves, by their indices, and the subtrees that have none of them: docs/FORMAT.md, section 0."""
    indices = [index for index, _ in leaves]
    demand(indices and indices == sorted(set(indices)) and indices[-1] < count, "leaves are missing or not in their order")
    steps = iter(path)

    def over(start: int, end: int, first: int, size: int) -> bytes:
        """The root over `size` leaves from `first` on; `leaves[start:end]` are among them."""
        if start == end:
            step = next(steps, None)
            demand(step is not None, "a path is too short")
            return bytes(step or b"")
        if size == 1:
            return leaves[start][1]
        half = 1 << (size - 1).bit_length() - 1
        middle = bisect_left(indices, first + half, start, end)
        left = over(start, middle, first, half)
        return node(left, over(middle, end, first + half, size - half))

    reached = over(0, len(leaves), 0, count)
    demand(next(steps, None) is None, "a path is too long")
    demand(reached.hex() == root, "a path does not lead to the root that was signed")


def check_consistency(first: int, first_root: str, second: int, second_root: str, path: list[bytes]) -> None:
    if first == second:
        return demand(not path and first_root == second_root, "two logs of one size differ")
    demand(0 < first < second, "the later log is the smaller one")
    nodes = path if first & (first - 1) else [bytes.fromhex(first_root), *path]
    demand(nodes and path, "a path is too short")
    index, last = first - 1, second - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    old, new = [nodes[0]], [nodes[0]]

    def left(sibling: bytes) -> None:
        old.append(node(sibling, old[-1]))
        new.append(node(sibling, new[-1]))

    follow(index, last, nodes[1:], left, lambda sibling: new.append(node(new[-1], sibling)))
    demand((old[-1].hex(), new[-1].hex()) == (first_root, second_root), "the later log does not continue the earlier one")

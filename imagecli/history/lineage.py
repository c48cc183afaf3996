"""The tree that an image belongs to: from the first image it was made from to everything made from that."""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from imagecli.history.query import HistoryImage, find_children, find_images

MAX_NODES: Final = 100
"""Images of a tree: more would hide the one that is looked for."""


class LineageNode(NamedTuple):
    """An image of a tree."""

    image: HistoryImage
    depth: int
    """Steps from the root."""
    is_last: bool
    """The last of its parent's children."""


def find_lineage(connection: sqlite3.Connection, image: HistoryImage) -> list[LineageNode]:
    """The tree of *image*, each node before its children, at most MAX_NODES.

    Its root is found by the first input of each image. Other inputs are in `HistoryImage.parents`.
    """
    root = image
    # A parent was recorded before its child, so this ends.
    while root.parents:
        root = find_images(connection, root.parents[:1])[root.parents[0]]
    nodes: list[LineageNode] = []
    _add_nodes(connection, LineageNode(root, 0, True), nodes)
    return nodes


def _add_nodes(connection: sqlite3.Connection, node: LineageNode, nodes: list[LineageNode]) -> None:
    if len(nodes) >= MAX_NODES:
        return
    nodes.append(node)
    children = [child for child in find_children(connection, node.image.id) if child.parents[0] == node.image.id]
    for number, child in enumerate(children, start=1):
        _add_nodes(connection, LineageNode(child, node.depth + 1, number == len(children)), nodes)

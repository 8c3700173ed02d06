"""Squarified treemap (Bruls, Huizing, van Wijk): the areas are the values, each as square as possible."""

from __future__ import annotations

from collections.abc import Sequence

from census_lib.svg import Box


def squarify(values: Sequence[float], room: Box) -> list[Box]:
    """Return one box per value, in the same order. Values are above zero and descend."""
    scale = room.w * room.h / sum(values) if values else 0.0
    areas = [value * scale for value in values]
    boxes: list[Box] = []
    while len(boxes) < len(areas):
        side = min(room.w, room.h)
        start = end = len(boxes)
        while end < len(areas) and (end == start or _gains(areas[start:end], areas[end], side)):
            end += 1
        placed, room = _place(areas[start:end], room)
        boxes += placed
    return boxes


def _gains(row: Sequence[float], area: float, side: float) -> bool:
    return _worst([*row, area], side) <= _worst(row, side)


def _worst(row: Sequence[float], side: float) -> float:
    """Return the worst ratio of sides in a row of rectangles along `side`."""
    total = sum(row)
    return max(side**2 * max(row) / total**2, total**2 / (side**2 * min(row)))


def _place(row: Sequence[float], room: Box) -> tuple[list[Box], Box]:
    """Lay a row along the shorter side. Returns it and the room that is left."""
    boxes: list[Box] = []
    upright = room.w >= room.h
    thickness = sum(row) / max(room.h if upright else room.w, 1e-9)
    at = room.y if upright else room.x
    for area in row:
        length = area / max(thickness, 1e-9)
        boxes.append(Box(room.x, at, thickness, length) if upright else Box(at, room.y, length, thickness))
        at += length
    if upright:
        return boxes, Box(room.x + thickness, room.y, max(room.w - thickness, 0), room.h)
    return boxes, Box(room.x, room.y + thickness, room.w, max(room.h - thickness, 0))

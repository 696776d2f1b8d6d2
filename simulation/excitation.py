"""How the beat enters the heart: through its Purkinje tree, and from sources in the wall."""

import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.heart import Boundary, Heart
from twin.simulation.activation import Activation
from twin.simulation.eikonal import activation
from twin.simulation.purkinje import Bundle, Purkinje
from twin.simulation.settings import EARLY_SITES, Settings, Source, Wall

BRANCHES = {"left": Bundle.LEFT, "right": Bundle.RIGHT}


def excite(heart: Heart, settings: Settings) -> Activation:
    """The activation map of the heart by the settings."""
    physiology = settings.physiology
    tissue = physiology.tissue(heart)
    if settings.endocardium.layer:
        tissue = tissue.line(heart, settings.endocardium.layer)
    tree = purkinje_tree(heart, settings)
    sources = settings.sources or ([] if tree else list(EARLY_SITES))
    if not sources:
        return activation(heart, tissue, purkinje=tree)
    places, times = _positions(heart, sources)
    return activation(heart, tissue, places, times, tree)


def purkinje_tree(heart: Heart, settings: Settings) -> Purkinje | None:
    """The tree of the settings, its blocked branch cut; None where there is to be none."""
    if not settings.purkinje.present:
        return None
    tree = settings.physiology.tree(heart)
    branch = BRANCHES.get(settings.purkinje.block)
    return tree if branch is None else tree.cut(branch)


def _positions(heart: Heart, sources: list[Source]):
    """Node numbers if all sources are at nodes, else places in mm; and their times."""
    times = np.array([source.time for source in sources])
    nodes = np.array([_node(heart, source, i) for i, source in enumerate(sources)], int)
    if (nodes >= 0).all():
        return nodes, times
    places = [
        heart.points[node] if source.place is None else source.place
        for node, source in zip(nodes, sources, strict=True)
    ]
    return np.array(places, float), times


def _node(heart: Heart, source: Source, number: int) -> int:
    """The source's node; -1 for one that is a place."""
    if source.node is not None:
        if source.node >= len(heart.points):
            raise InputError(
                f"sources.{number}: node {source.node:,}, but the heart has nodes 0 to "
                f"{len(heart.points) - 1:,}"
            )
        return source.node
    if source.place is not None:
        return -1
    return _site(heart, *source.site)


def _site(heart: Heart, wall: Wall, apicobasal: float, rotational: float) -> int:
    """The endocardial node nearest to a height and an angle."""
    left = wall == "left"
    nodes = heart.boundary_nodes(Boundary.LV_ENDOCARDIUM if left else Boundary.RV_ENDOCARDIUM)
    c = heart.coordinates
    nodes = nodes[c.ventricle[nodes] == (wall == "right")]
    if not len(nodes):
        raise InputError(f"sources: the heart has no endocardium '{wall}' to start at")
    angle = 2 * np.pi * rotational
    around = np.hypot(
        c.rotational_cosine[nodes] - np.cos(angle), c.rotational_sine[nodes] - np.sin(angle)
    )
    return int(nodes[np.argmin(np.hypot(2 * (c.apicobasal[nodes] - apicobasal), around))])

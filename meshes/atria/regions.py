"""The parts of a left atrium."""

from enum import IntEnum


class Region(IntEnum):
    """What a triangle of a left atrium belongs to; 0 is reserved for 'unknown'."""

    BODY = 1
    LEFT_SUPERIOR_VEIN = 2
    LEFT_INFERIOR_VEIN = 3
    RIGHT_SUPERIOR_VEIN = 4
    RIGHT_INFERIOR_VEIN = 5
    RIGHT_MIDDLE_VEIN = 6
    LEFT_COMMON_TRUNK = 7
    APPENDAGE = 8
    MITRAL_VESTIBULE = 9


LEFT_VEINS = (Region.LEFT_SUPERIOR_VEIN, Region.LEFT_INFERIOR_VEIN)
RIGHT_VEINS = (Region.RIGHT_SUPERIOR_VEIN, Region.RIGHT_INFERIOR_VEIN, Region.RIGHT_MIDDLE_VEIN)
VEINS = LEFT_VEINS + RIGHT_VEINS

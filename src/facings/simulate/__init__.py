"""The store simulator: invented packs, photos of them and of whole shelves, with exact ground truth."""

from facings.simulate.camera import Camera, photograph, random_camera
from facings.simulate.composed_shelves import ComposedShelf, compose_shelf
from facings.simulate.cutouts import Cutout, read_cutouts
from facings.simulate.dataset import StoreSummary, write_store
from facings.simulate.fronts import draw_front
from facings.simulate.geometry import Homography
from facings.simulate.packs import Pack, make_packs
from facings.simulate.planning import ShelfPlan, Slot, plan_shelf
from facings.simulate.scenes import product_photo
from facings.simulate.shelf_dataset import ShelvesSummary, write_shelves
from facings.simulate.shelves import ShelfPhoto, shelf_photo

__all__ = [
    "Camera",
    "ComposedShelf",
    "Cutout",
    "Homography",
    "Pack",
    "ShelfPhoto",
    "ShelfPlan",
    "ShelvesSummary",
    "Slot",
    "StoreSummary",
    "compose_shelf",
    "draw_front",
    "make_packs",
    "photograph",
    "plan_shelf",
    "product_photo",
    "random_camera",
    "read_cutouts",
    "shelf_photo",
    "write_shelves",
    "write_store",
]

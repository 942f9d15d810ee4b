"""The store simulator: invented packs, photos of them and of whole shelves, with exact ground truth."""

from facings.simulate.camera import Camera, photograph, random_camera
from facings.simulate.dataset import StoreSummary, write_store
from facings.simulate.fronts import draw_front
from facings.simulate.geometry import Homography
from facings.simulate.packs import Pack, make_packs
from facings.simulate.planning import ShelfPlan, Slot, plan_shelf
from facings.simulate.scenes import product_photo
from facings.simulate.shelves import ShelfPhoto, shelf_photo

__all__ = [
    "Camera",
    "Homography",
    "Pack",
    "ShelfPhoto",
    "ShelfPlan",
    "Slot",
    "StoreSummary",
    "draw_front",
    "make_packs",
    "photograph",
    "plan_shelf",
    "product_photo",
    "random_camera",
    "shelf_photo",
    "write_store",
]

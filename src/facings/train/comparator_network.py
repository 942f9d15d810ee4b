"""The network that tells tampered places of a pack: a Siamese network that looks at a picture beside genuine ones.

Picture and genuine photos go through the same two convolutions to places; each pair is then compared with what
`pack_maps.py` measured, and the pairs are pooled, mean and most, so that their number and order do not matter; dilated
convolutions see enough of the surroundings to know a hand for a hand (for change detection by Siamese networks:
Daudt et al., "Fully Convolutional Siamese Networks for Change Detection", 2018).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from facings.apps.pack_comparator import N_LOOKS

PAIR_WIDTH, JOINT_WIDTH = 24, 32
_UNSEEN = -4.0  # of a pair's features, where a genuine photo does not reach


class ComparatorNetwork(nn.Module):
    """Logits of places being tampered with; its strides are those of `PLACE_PX`."""

    def __init__(self) -> None:
        super().__init__()
        c, d = PAIR_WIDTH, JOINT_WIDTH
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, c, 3, 2, 1))
        self.pair_in, self.pair_near, self.pair_out = (
            nn.Conv2d(3 * c + N_LOOKS, c, 1), nn.Conv2d(c, c, 3, 1, 1), nn.Conv2d(c, c, 1)
        )  # fmt: skip
        self.joint_in = nn.Conv2d(3 * c + 1, d, 1)
        self.joint = nn.ModuleList(nn.Conv2d(d, d, 3, 1, reach, reach) for reach in (1, 2, 4, 1))
        self.out = nn.Conv2d(d, 1, 1)

    def forward(self, part: Tensor, laid: Tensor, looks: Tensor, is_seen: Tensor) -> Tensor:
        """float32 (N, h, w) logits.

        Args:
            part: float32 (N, 3, H, W), -1 to 1.
            laid: float32 (N, K, 3, H, W), -1 to 1.
            looks: float32 (N, K, `N_LOOKS`, h, w).
            is_seen: bool (N, K, h, w).
        """
        n_photos = laid.shape[1]
        mine, theirs = self.stem(part), self.stem(laid.flatten(0, 1))
        beside = mine[:, None].expand(-1, n_photos, -1, -1, -1).flatten(0, 1)
        pairs = torch.cat([beside, theirs, (beside - theirs).abs(), looks.flatten(0, 1)], 1)
        pairs = relu(self.pair_in(pairs))
        pairs = self.pair_out(relu(pairs + self.pair_near(pairs))).unflatten(0, (-1, n_photos))
        share = is_seen[:, :, None].to(pairs.dtype)
        n_seen = share.sum(1)
        mean = (pairs * share).sum(1) / n_seen.clamp(min=1)
        most = torch.where(is_seen[:, :, None], pairs, torch.full_like(pairs, _UNSEEN)).amax(1)
        found = relu(self.joint_in(torch.cat([mean, most, mine, n_seen / 6], 1)))
        for layer in self.joint:
            found = relu(found + layer(found))
        logits: Tensor = self.out(found)[:, 0]
        return logits

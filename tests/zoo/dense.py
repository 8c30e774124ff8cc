"""Models whose output is an image or a set of maps."""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn as nn
import torch.nn.functional as F


class DoubleConv(nn.Module):
    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, padding=1),
            nn.GroupNorm(2, out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
            nn.ReLU(inplace=True),
        )

    def forward(self, x):
        return self.net(x)


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1 = DoubleConv(1, 4)
        self.down2 = DoubleConv(4, 8)
        self.bottom = DoubleConv(8, 8)
        self.up2 = DoubleConv(16, 4)
        self.up1 = DoubleConv(8, 4)
        self.out = nn.Conv2d(4, 2, 1)

    def forward(self, x):
        skip1 = self.down1(x)
        skip2 = self.down2(F.max_pool2d(skip1, 2))
        x = self.bottom(F.max_pool2d(skip2, 2))
        x = F.interpolate(x, size=skip2.shape[2:], mode="bilinear", align_corners=False)
        x = self.up2(torch.cat([x, skip2], dim=1))
        x = F.interpolate(x, size=skip1.shape[-2:], mode="nearest")
        x = self.up1(torch.cat([x, skip1], dim=1))
        return self.out(x)


class Pyramid(nn.Module):
    def __init__(self, channels: list[int], out_channels: int):
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(c, out_channels, 1) for c in channels)
        self.output = nn.ModuleList(nn.Conv2d(out_channels, out_channels, 3, padding=1) for _ in channels)

    def forward(self, features):
        top = self.lateral[-1](features[-1])
        outputs = [self.output[-1](top)]
        for i in range(len(features) - 2, -1, -1):
            lateral = self.lateral[i](features[i])
            top = lateral + F.interpolate(top, size=lateral.shape[-2:], mode="nearest")
            outputs.insert(0, self.output[i](top))
        return outputs


class DetectionHead(nn.Module):
    def __init__(self, channels: int, n_classes: int):
        super().__init__()
        self.shared = nn.Conv2d(channels, channels, 3, padding=1)
        self.scores = nn.Conv2d(channels, n_classes, 1)
        self.boxes = nn.Conv2d(channels, 4, 1)

    def forward(self, feature):
        shared = F.relu(self.shared(feature))
        return self.scores(shared), self.boxes(shared).exp()


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.stage1 = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU())
        self.stage2 = nn.Sequential(nn.Conv2d(4, 8, 3, stride=2, padding=1), nn.ReLU())
        self.fpn = Pyramid([4, 8], 6)
        self.head = DetectionHead(6, 3)

    def forward(self, images):
        c1 = self.stage1(images)
        c2 = self.stage2(c1)
        scores, boxes = [], []
        for feature in self.fpn([c1, c2]):
            score, box = self.head(feature)
            scores.append(score.flatten(2).permute(0, 2, 1))
            boxes.append(box.flatten(2).permute(0, 2, 1))
        return {"scores": torch.cat(scores, dim=1), "boxes": torch.cat(boxes, dim=1)}


class SuperResolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            OrderedDict(
                head=nn.Conv2d(1, 8, 3, padding=1),
                act=nn.LeakyReLU(0.1),
                tail=nn.Conv2d(8, 4, 3, padding=1),
            )
        )
        self.up = nn.ConvTranspose2d(1, 1, 3, padding=1)

    def forward(self, x):
        detail = F.pixel_shuffle(self.body(x), 2)
        base = F.interpolate(x, scale_factor=2, mode="bicubic", align_corners=False)
        padded = F.pad(base + detail, (1, 1, 1, 1), mode="reflect")
        return self.up(padded)[:, :, 1:-1, 1:-1].clamp(0, 1)

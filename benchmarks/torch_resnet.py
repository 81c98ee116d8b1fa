"""ResNet in PyTorch, with torchvision's names: what `fastnets.models` is compared with."""

import torch
from torch import nn


def convolution(in_channels, out_channels, kernel_size, stride=1):
    return nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2, bias=False)


class Block(nn.Module):
    def __init__(self, in_channels, width, stride, bottleneck):
        super().__init__()
        out_channels = 4 * width if bottleneck else width
        sizes = [(1, 1), (3, stride), (1, 1)] if bottleneck else [(3, stride), (3, 1)]
        self.depth = len(sizes)
        channels = in_channels
        for i, (kernel_size, step) in enumerate(sizes, 1):
            wide = out_channels if i == self.depth else width
            setattr(self, f"conv{i}", convolution(channels, wide, kernel_size, step))
            setattr(self, f"bn{i}", nn.BatchNorm2d(wide))
            channels = wide
        self.downsample = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                convolution(in_channels, out_channels, 1, stride), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x):
        y = x
        for i in range(1, self.depth + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = torch.relu(y) if i < self.depth else y
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, blocks, bottleneck, num_classes):
        super().__init__()
        self.conv1, self.bn1 = convolution(3, 64, 7, 2), nn.BatchNorm2d(64)
        channels = 64
        for i, count in enumerate(blocks):
            stage = []
            for j in range(count):
                stage.append(Block(channels, 64 * 2**i, 2 if i > 0 and j == 0 else 1, bottleneck))
                channels = 64 * 2**i * (4 if bottleneck else 1)
            setattr(self, f"layer{i + 1}", nn.Sequential(*stage))
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))

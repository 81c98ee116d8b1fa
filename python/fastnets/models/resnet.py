"""Residual networks for images, with torchvision's state_dict names."""

from __future__ import annotations

import math

from .. import nn, random

__all__ = ["ResNet", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]


def _convolution(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> nn.Conv2d:
    """Without bias, since a batch norm follows; He's initialisation for the gradients' scale, as torchvision has it."""
    layer = nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2, bias=False)
    layer.weight = random.normal(0.0, math.sqrt(2 / (out_channels * kernel_size**2)), layer.weight.shape)
    return layer


class _Block(nn.Residual):
    """``relu(layers(x) + downsample(x))``; downsample, a 1 × 1 convolution, where the shape changes."""

    shortcut_name = "downsample"
    expansion: int  # of the block's width to its output's channels

    def __init__(self, in_channels: int, width: int, stride: int, layers: dict[str, nn.Module]) -> None:
        out_channels = width * self.expansion
        downsample = None
        if stride != 1 or in_channels != out_channels:
            downsample = nn.Sequential(
                _convolution(in_channels, out_channels, 1, stride),
                nn.BatchNorm2d(out_channels),
            )
        super().__init__(layers, shortcut=downsample, activation="relu")


class BasicBlock(_Block):
    """Two 3 × 3 convolutions."""

    expansion = 1

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        layers: dict[str, nn.Module] = {
            "conv1": _convolution(in_channels, width, 3, stride),
            "bn1": nn.BatchNorm2d(width),
            "relu1": nn.ReLU(),
            "conv2": _convolution(width, width, 3),
            "bn2": nn.BatchNorm2d(width),
        }
        super().__init__(in_channels, width, stride, layers)


class Bottleneck(_Block):
    """A 3 × 3 convolution, which has the stride, between two of 1 × 1 (the variant called ResNet V1.5)."""

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        layers: dict[str, nn.Module] = {
            "conv1": _convolution(in_channels, width, 1),
            "bn1": nn.BatchNorm2d(width),
            "relu1": nn.ReLU(),
            "conv2": _convolution(width, width, 3, stride),
            "bn2": nn.BatchNorm2d(width),
            "relu2": nn.ReLU(),
            "conv3": _convolution(width, width * self.expansion, 1),
            "bn3": nn.BatchNorm2d(width * self.expansion),
        }
        super().__init__(in_channels, width, stride, layers)


class ResNet(nn.Sequential):
    """A residual network: (N, 3, H, W) images in, (N, num_classes) scores out.

    In eval the batch norms are part of the convolutions; a checkpoint of torchvision's models loads as it is.

    Parameters
    ----------
    block : BasicBlock or Bottleneck
        The class of its blocks.
    blocks : tuple of 4 int
        How many of them each stage has; the stages are 64, 128, 256 and 512 wide.
    num_classes : int
        Size of the output.

    References
    ----------
    He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2015, https://arxiv.org/abs/1512.03385

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> model = fn.models.resnet18(num_classes=10).eval()
    >>> model(np.zeros((1, 3, 64, 64), np.float32)).shape
    (1, 10)
    """

    def __init__(
        self, block: type[BasicBlock] | type[Bottleneck], blocks: tuple[int, int, int, int], num_classes: int = 1000
    ) -> None:
        layers: dict[str, nn.Module] = {
            "conv1": _convolution(3, 64, 7, 2),
            "bn1": nn.BatchNorm2d(64),
            "relu": nn.ReLU(),
            "maxpool": nn.MaxPool2d(3, 2, 1),
        }
        channels = 64
        for i, count in enumerate(blocks):
            width, stage = 64 * 2**i, []
            for j in range(count):
                stage.append(block(channels, width, 2 if i > 0 and j == 0 else 1))
                channels = width * block.expansion
            layers[f"layer{i + 1}"] = nn.Sequential(*stage)
        layers["avgpool"] = nn.AdaptiveAvgPool2d(1)
        layers["flatten"] = nn.Flatten()
        layers["fc"] = nn.Linear(channels, num_classes)
        super().__init__(layers)


def resnet18(num_classes: int = 1000) -> ResNet:
    """ResNet-18: 11.7 million parameters, 3.6 GFLOP for an image of 224 × 224; see `ResNet`."""
    return ResNet(BasicBlock, (2, 2, 2, 2), num_classes)


def resnet34(num_classes: int = 1000) -> ResNet:
    """ResNet-34: 21.8 million parameters, 7.3 GFLOP for an image of 224 × 224; see `ResNet`."""
    return ResNet(BasicBlock, (3, 4, 6, 3), num_classes)


def resnet50(num_classes: int = 1000) -> ResNet:
    """ResNet-50: 25.6 million parameters, 8.2 GFLOP for an image of 224 × 224; see `ResNet`."""
    return ResNet(Bottleneck, (3, 4, 6, 3), num_classes)


def resnet101(num_classes: int = 1000) -> ResNet:
    """ResNet-101: 44.5 million parameters, 15.6 GFLOP for an image of 224 × 224; see `ResNet`."""
    return ResNet(Bottleneck, (3, 4, 23, 3), num_classes)


def resnet152(num_classes: int = 1000) -> ResNet:
    """ResNet-152: 60.2 million parameters, 23.0 GFLOP for an image of 224 × 224; see `ResNet`."""
    return ResNet(Bottleneck, (3, 8, 36, 3), num_classes)

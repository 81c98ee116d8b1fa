"""What goes wrong on a GPU."""

__all__ = ["CudaError", "CudaOutOfMemoryError"]


class CudaError(RuntimeError):
    """An error of the CUDA runtime or of a kernel; the message names the operation."""


class CudaOutOfMemoryError(CudaError, MemoryError):
    """The GPU has not enough free memory."""

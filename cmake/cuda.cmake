# fastnets._cuda and fastnets._cuda_emulated: not there yet.
set(FASTNETS_CUDA_REASON "this version has no CUDA kernels yet")
set(FASTNETS_EMULATION_REASON "built without FASTNETS_EMULATION=ON")

# fastnets._cuda: not there yet.
set(FASTNETS_CUDA_REASON "this version has no CUDA kernels yet")

# fastnets._cuda_emulated: the same kernels compiled for the host, for tests.
set(FASTNETS_EMULATION_REASON "built without FASTNETS_EMULATION=ON")
if(FASTNETS_EMULATION)
  set(FASTNETS_EMULATION_REASON "")
  add_subdirectory(${PROJECT_SOURCE_DIR}/csrc/emulation)
  pybind11_add_module(_cuda_emulated ${bindings}/arrays.cpp ${bindings}/bind_all.cpp
                      ${bindings}/module_cuda_emulated.cpp)
  target_link_libraries(_cuda_emulated PRIVATE fastnets_cuda_emulated fastnets_emulation)
  install(TARGETS _cuda_emulated LIBRARY DESTINATION fastnets)
endif()

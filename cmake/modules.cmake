# What Python imports: fastnets._<backend>, each with the same bindings, which are compiled once.
set(bindings ${PROJECT_SOURCE_DIR}/csrc/bindings)
add_library(fastnets_bindings OBJECT ${bindings}/arrays.cpp ${bindings}/bind_all.cpp)
target_include_directories(fastnets_bindings PRIVATE ${PROJECT_SOURCE_DIR}/csrc)
target_link_libraries(fastnets_bindings PRIVATE pybind11::module)

function(fastnets_add_module name)
  pybind11_add_module(${name} NO_EXTRAS ${ARGN})  # optimising at link time would compile the bindings again
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/csrc)
  target_link_libraries(${name} PRIVATE fastnets_bindings)
  pybind11_strip(${name})
endfunction()

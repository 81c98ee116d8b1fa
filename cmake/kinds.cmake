# Ops of a kind are compiled as one translation unit: they are made of the same parts, which then are compiled once. The
# largest ops, and those that share little, are units of their own.
set(fastnets_kinds convolution pooling normalization loss elementwise)
set(convolution conv conv_depthwise conv_transpose)
set(pooling adaptive_avg_pool adaptive_max_pool avg_pool max_pool)
set(normalization batch_norm group_norm layer_norm)
set(loss binary_cross_entropy_with_logits cross_entropy mse_loss nll_loss softmax)
set(elementwise adam add clip dropout elementwise embedding norm rotary_embedding scale sgd)

# `target` has sources among csrc/<folder>/<op>.<suffix>.
function(fastnets_compile_by_kind target folder suffix)
  cmake_path(GET CMAKE_CURRENT_FUNCTION_LIST_DIR PARENT_PATH root)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  foreach(kind ${fastnets_kinds})
    foreach(op ${${kind}})
      set_source_files_properties(${root}/csrc/${folder}/${op}.${suffix} PROPERTIES UNITY_GROUP ${kind})
    endforeach()
  endforeach()
endfunction()

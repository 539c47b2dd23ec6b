# Instruction sets: which are built for which processor, and with what flags. This is the only list in the build;
# csrc/simd/tiles.h and the dispatcher hold the others.

string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" processor)
set(PYCONV_BASELINE_FLAGS)
if(processor MATCHES "^(x86_64|amd64)$")
    set(PYCONV_ISAS scalar avx2 avx512)
    set(PYCONV_BASELINE_FLAGS -march=x86-64-v2)
elseif(processor MATCHES "^(aarch64|arm64)$")
    set(PYCONV_ISAS scalar neon)
else()
    set(PYCONV_ISAS scalar)
endif()

set(PYCONV_FLAGS_scalar)
list(LENGTH PYCONV_ISAS targets)
if(targets GREATER 1)
    set(PYCONV_FLAGS_scalar -Os) # the last resort of a binary that has better should be small
endif()
set(PYCONV_FLAGS_avx2 -mavx2 -mfma -mbmi2 -mf16c)
set(PYCONV_FLAGS_avx512 -mavx512f -mavx512vl -mavx512dq -mavx512bw -mavx2 -mfma -mbmi2 -mf16c)
set(PYCONV_FLAGS_neon)

# Defines pyconv_target_<dtype>_<isa>: what a file needs to be compiled for one instruction set and element type.
function(pyconv_add_target_flags isa dtype)
    string(TOUPPER ${isa} ISA)
    string(TOUPPER ${dtype} DTYPE)
    set(name pyconv_target_${dtype}_${isa})
    add_library(${name} INTERFACE)
    target_compile_options(${name} INTERFACE ${PYCONV_FLAGS_${isa}})
    target_compile_definitions(
        ${name} INTERFACE PC_TARGET_${ISA}=1 PC_DTYPE_${DTYPE}=1 PC_SUFFIX=${dtype}_${isa})
endfunction()

# Installs libpyconv for C users: find_package(pyconv) then gives pyconv::pyconv (shared) and pyconv::pyconv_static.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pyconv)

set_target_properties(pyconv_shared PROPERTIES EXPORT_NAME pyconv)
add_library(pyconv::pyconv ALIAS pyconv_shared)

install(TARGETS pyconv_static pyconv_shared EXPORT pyconv_targets)
install(FILES csrc/include/pyconv.h TYPE INCLUDE)
install(EXPORT pyconv_targets NAMESPACE pyconv:: DESTINATION ${package_dir})

configure_package_config_file(cmake/pyconvConfig.cmake.in pyconvConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(pyconvConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/pyconvConfig.cmake ${PROJECT_BINARY_DIR}/pyconvConfigVersion.cmake
        DESTINATION ${package_dir})

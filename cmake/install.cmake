# install.cmake: what `cmake --install` lays down: libraries, headers, CMake package, pkg-config.
# SPDX-License-Identifier: Apache-2.0

include(CMakePackageConfigHelpers)

set(berth_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/berth)
set(berth_pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(DIRECTORY include/berth DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(BERTH_PORT)
  file(GLOB berth_port_headers ports/${BERTH_PORT}/*.h)
  install(FILES ${berth_port_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/berth/ports)
  set(BERTH_PC_PORT_FLAG "-I\${includedir}/berth/ports")
endif()
install(TARGETS ${BERTH_LIBRARIES} EXPORT berthTargets)
install(EXPORT berthTargets NAMESPACE berth:: DESTINATION ${berth_cmake_dir})

configure_package_config_file(
  cmake/berthConfig.cmake.in ${PROJECT_BINARY_DIR}/berthConfig.cmake
  INSTALL_DESTINATION ${berth_cmake_dir}
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/berthConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/berthConfig.cmake ${PROJECT_BINARY_DIR}/berthConfigVersion.cmake
        DESTINATION ${berth_cmake_dir})

# The module finds its prefix from where it lies, so that an installed tree can be moved.
file(RELATIVE_PATH BERTH_PC_PREFIX /${berth_pc_dir} /)
string(REGEX REPLACE "/$" "" BERTH_PC_PREFIX ${BERTH_PC_PREFIX})
configure_file(cmake/berth.pc.in ${PROJECT_BINARY_DIR}/berth.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/berth.pc DESTINATION ${berth_pc_dir})

# A component is an object library with an include root of its own that holds one link,
# <build>/include/<component>/nyala/<component>, so that a component sees those it uses and no
# others: an include upwards does not compile.

set(NYALA_INCLUDE_ROOT "${CMAKE_CURRENT_BINARY_DIR}/include")

add_library(nyala_flags INTERFACE)
target_compile_features(nyala_flags INTERFACE cxx_std_20)
target_compile_options(nyala_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  $<$<BOOL:${NYALA_WARNINGS_AS_ERRORS}>:-Werror>
  # g++ 12 sees overlaps in std::string's own code (its bug 105651); a designated initialiser may
  # leave out what has a default.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict -Wno-missing-field-initializers>
  $<$<CXX_COMPILER_ID:Clang>:-Werror=reorder-init-list>)
# Checks that a sanitizer adds make g++ see values that are not there.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_FLAGS MATCHES "-fsanitize")
  target_compile_options(nyala_flags INTERFACE -Wno-maybe-uninitialized)
endif()

function(nyala_link_folder component)
  set(link "${NYALA_INCLUDE_ROOT}/${component}/nyala/${component}")
  get_filename_component(parent "${link}" DIRECTORY)
  file(MAKE_DIRECTORY "${parent}")
  file(CREATE_LINK "${CMAKE_CURRENT_SOURCE_DIR}/${component}" "${link}" SYMBOLIC)
endfunction()

function(nyala_component component)
  cmake_parse_arguments(ARG "" "" "USES" ${ARGN})
  nyala_link_folder(${component})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${component}/*.cpp")
  add_library(nyala_${component} OBJECT ${sources})
  set_target_properties(nyala_${component} PROPERTIES
    POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    CXX_EXTENSIONS OFF)
  target_link_libraries(nyala_${component} PRIVATE nyala_flags)
  foreach(used IN LISTS component ARG_USES ITEMS ${component})
    if(used)
      target_include_directories(nyala_${component} PRIVATE "${NYALA_INCLUDE_ROOT}/${used}")
    endif()
  endforeach()
  target_link_libraries(nyala_${component} PRIVATE
    Threads::Threads nyala_blas PkgConfig::HWY PkgConfig::LIBZIP PkgConfig::ZLIB
    spdlog::spdlog nlohmann_json::nlohmann_json)
  target_sources(nyala PRIVATE $<TARGET_OBJECTS:nyala_${component}>)
  target_include_directories(nyala INTERFACE
    $<BUILD_INTERFACE:${NYALA_INCLUDE_ROOT}/${component}>)
  install(DIRECTORY ${component}/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/nyala/${component}
    FILES_MATCHING PATTERN "*.hpp" PATTERN "*.def" PATTERN "kernels" EXCLUDE PATTERN "support.hpp" EXCLUDE)
endfunction()

# The header that users include: <nyala/nyala.hpp>.
function(nyala_umbrella header)
  file(MAKE_DIRECTORY "${NYALA_INCLUDE_ROOT}/umbrella/nyala")
  file(CREATE_LINK "${CMAKE_CURRENT_SOURCE_DIR}/${header}"
    "${NYALA_INCLUDE_ROOT}/umbrella/nyala/nyala.hpp" SYMBOLIC)
  target_include_directories(nyala INTERFACE $<BUILD_INTERFACE:${NYALA_INCLUDE_ROOT}/umbrella>)
  install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/nyala)
endfunction()

# Links, install rules and the package config of the one library.
function(nyala_finish)
  target_compile_features(nyala PUBLIC cxx_std_20)
  target_include_directories(nyala INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(nyala PRIVATE
    Threads::Threads nyala_blas PkgConfig::HWY PkgConfig::LIBZIP PkgConfig::ZLIB spdlog::spdlog)
  include(CMakePackageConfigHelpers)
  set(config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/nyala")
  install(TARGETS nyala EXPORT nyala-targets)
  install(FILES cmake/NyalaBlas.cmake DESTINATION ${config_dir})
  install(EXPORT nyala-targets NAMESPACE nyala:: DESTINATION ${config_dir})
  configure_package_config_file(cmake/nyala-config.cmake.in nyala-config.cmake
    INSTALL_DESTINATION ${config_dir})
  write_basic_package_version_file(nyala-config-version.cmake COMPATIBILITY SameMajorVersion)
  install(FILES "${CMAKE_CURRENT_BINARY_DIR}/nyala-config.cmake"
    "${CMAKE_CURRENT_BINARY_DIR}/nyala-config-version.cmake" DESTINATION ${config_dir})
endfunction()

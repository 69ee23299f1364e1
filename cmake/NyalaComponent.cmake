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

# Whether linker and loader know packed relocations: a program that has them is run.
function(nyala_check_relr)
  if(NOT CMAKE_CROSSCOMPILING)
    include(CheckCXXSourceRuns)
    set(CMAKE_REQUIRED_LINK_OPTIONS "LINKER:-z,pack-relative-relocs" "LINKER:--fatal-warnings")
    check_cxx_source_runs(
      "int x; int* volatile p = &x; int main() { return p == &x ? 0 : 1; }" NYALA_HAS_RELR)
  endif()
endfunction()

# The library from the objects of all components: these are position-independent and show only what
# public headers declare, so the same objects serve both kinds. `nyala` is of the kind that
# BUILD_SHARED_LIBS asks for, the other kind is built on request. `nyala_static` is the archive in
# any case, for programs of this project that use what the shared library hides.
function(nyala_library)
  if(BUILD_SHARED_LIBS)
    add_library(nyala SHARED)
    add_library(nyala_static STATIC EXCLUDE_FROM_ALL)
    set(shared nyala)
    set(static nyala_static)
  else()
    add_library(nyala STATIC)
    add_library(nyala_static ALIAS nyala)
    add_library(nyala_shared SHARED EXCLUDE_FROM_ALL)
    set(shared nyala_shared)
    set(static nyala)
  endif()
  add_library(nyala::nyala ALIAS nyala)
  set_target_properties(${shared} ${static} PROPERTIES OUTPUT_NAME nyala EXPORT_NAME nyala)
  # Below 1.0 a minor version may change what programs were compiled with.
  set_target_properties(${shared} PROPERTIES
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  if(UNIX AND NOT APPLE)
    set(script "${CMAKE_CURRENT_SOURCE_DIR}/cmake/nyala.map")
    target_link_options(${shared} PRIVATE
      "LINKER:--version-script=${script}" "LINKER:--gc-sections")
    set_property(TARGET ${shared} PROPERTY LINK_DEPENDS "${script}")
    # What a program does not reach is left out of it.
    target_link_options(${static} INTERFACE "LINKER:--gc-sections")
    # The addresses in its tables take a bit each. Only here: who links an installed package may have
    # another linker.
    nyala_check_relr()
    if(NYALA_HAS_RELR)
      target_link_options(${static} INTERFACE $<BUILD_INTERFACE:LINKER:-z,pack-relative-relocs>)
    endif()
  endif()
  set(NYALA_SHARED ${shared} PARENT_SCOPE)
  set(NYALA_STATIC ${static} PARENT_SCOPE)
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
  foreach(library ${NYALA_SHARED} ${NYALA_STATIC})
    target_sources(${library} PRIVATE $<TARGET_OBJECTS:nyala_${component}>)
    target_include_directories(${library} INTERFACE
      $<BUILD_INTERFACE:${NYALA_INCLUDE_ROOT}/${component}>)
  endforeach()
  install(DIRECTORY ${component}/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/nyala/${component}
    COMPONENT headers
    FILES_MATCHING PATTERN "*.hpp" PATTERN "*.def" PATTERN "kernels" EXCLUDE PATTERN "support.hpp" EXCLUDE)
endfunction()

# The header that users include: <nyala/nyala.hpp>.
function(nyala_umbrella header)
  file(MAKE_DIRECTORY "${NYALA_INCLUDE_ROOT}/umbrella/nyala")
  file(CREATE_LINK "${CMAKE_CURRENT_SOURCE_DIR}/${header}"
    "${NYALA_INCLUDE_ROOT}/umbrella/nyala/nyala.hpp" SYMBOLIC)
  foreach(library ${NYALA_SHARED} ${NYALA_STATIC})
    target_include_directories(${library} INTERFACE
      $<BUILD_INTERFACE:${NYALA_INCLUDE_ROOT}/umbrella>)
  endforeach()
  install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/nyala COMPONENT headers)
endfunction()

# Installs one kind of the library with what finds it: `find_package(nyala)` and
# `pkg-config nyala`. A shared library brings what it needs, an archive names it.
function(nyala_install library)
  get_target_property(type ${library} TYPE)
  set(kind static)
  if(type STREQUAL "SHARED_LIBRARY")
    set(kind shared)
  endif()
  set(options COMPONENT ${kind})
  if(NOT library STREQUAL "nyala")
    list(APPEND options EXCLUDE_FROM_ALL)
  endif()
  set(config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/nyala")
  set(from "${CMAKE_CURRENT_BINARY_DIR}/package-${kind}")

  install(TARGETS ${library} EXPORT nyala-${kind} DESTINATION ${CMAKE_INSTALL_LIBDIR} ${options})
  # A name for each kind: CMake writes exports of one destination and one name to one file.
  install(EXPORT nyala-${kind} NAMESPACE nyala:: FILE nyala-${kind}-targets.cmake
    DESTINATION ${config_dir} ${options})
  set(NYALA_KIND ${kind})
  configure_package_config_file(cmake/nyala-config.cmake.in ${from}/nyala-config.cmake
    INSTALL_DESTINATION ${config_dir})
  install(FILES "${from}/nyala-config.cmake" DESTINATION ${config_dir} ${options})

  set(NYALA_PC_REQUIRES)
  set(NYALA_PC_LIBS "-L\${libdir} -lnyala")
  if(kind STREQUAL "static")
    set(NYALA_PC_REQUIRES "libhwy libzip zlib spdlog")
    string(APPEND NYALA_PC_LIBS " -pthread -Wl,--gc-sections")
    if(OPENBLAS_FOUND)
      string(APPEND NYALA_PC_REQUIRES " openblas")
    else()
      list(JOIN LAPACK_LIBRARIES " " lapack)
      list(JOIN BLAS_LIBRARIES " " blas)
      string(APPEND NYALA_PC_LIBS " ${lapack} ${blas}")
    endif()
  endif()
  # From where the file lies, so that a package may be moved.
  file(RELATIVE_PATH up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  set(NYALA_PC_PREFIX "\${pcfiledir}/${up}")
  configure_file(cmake/nyala.pc.in ${from}/nyala.pc @ONLY)
  install(FILES "${from}/nyala.pc" DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig ${options})
endfunction()

# Links, install rules and the package of the library.
function(nyala_finish)
  set(needs
    Threads::Threads nyala_blas PkgConfig::HWY PkgConfig::LIBZIP PkgConfig::ZLIB spdlog::spdlog)
  target_link_libraries(${NYALA_STATIC} PRIVATE ${needs})
  foreach(need IN LISTS needs)
    target_link_libraries(${NYALA_SHARED} PRIVATE $<BUILD_INTERFACE:${need}>)
  endforeach()
  foreach(library ${NYALA_SHARED} ${NYALA_STATIC})
    target_compile_features(${library} PUBLIC cxx_std_20)
    target_include_directories(${library} INTERFACE
      $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  endforeach()

  include(CMakePackageConfigHelpers)
  nyala_install(nyala)
  if(TARGET nyala_shared)
    nyala_install(nyala_shared)
  endif()
  set(config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/nyala")
  install(FILES cmake/NyalaBlas.cmake DESTINATION ${config_dir} COMPONENT headers)
  write_basic_package_version_file(nyala-config-version.cmake COMPATIBILITY SameMajorVersion)
  install(FILES "${CMAKE_CURRENT_BINARY_DIR}/nyala-config-version.cmake"
    DESTINATION ${config_dir} COMPONENT headers)
endfunction()

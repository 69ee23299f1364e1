# The target nyala_blas: OpenBLAS where pkg-config knows it, else whatever BLAS and LAPACK
# find_package finds. Only OpenBLAS has kernels to choose from and threads of its own to keep still.
option(NYALA_OPENBLAS "Use OpenBLAS where it is found" ON)

add_library(nyala_blas INTERFACE IMPORTED)
if(NYALA_OPENBLAS)
  pkg_check_modules(OPENBLAS IMPORTED_TARGET openblas)
endif()
if(OPENBLAS_FOUND)
  target_link_libraries(nyala_blas INTERFACE PkgConfig::OPENBLAS)
  target_compile_definitions(nyala_blas INTERFACE NYALA_OPENBLAS=1)
else()
  find_package(BLAS REQUIRED)
  find_package(LAPACK REQUIRED)
  target_link_libraries(nyala_blas INTERFACE ${LAPACK_LIBRARIES} ${BLAS_LIBRARIES})
  target_compile_definitions(nyala_blas INTERFACE NYALA_OPENBLAS=0)
endif()

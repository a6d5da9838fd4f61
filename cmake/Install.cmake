# Installs libraries, headers, pkg-config files and the CMake package. None of them contains the prefix: the installed
# tree is relocatable.

set(_hf_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/handsfree_secrets")
set(_hf_pkgconfig_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

install(FILES "${_hf_library_dir}/${_hf_shared}" "${_hf_library_dir}/${_hf_soname}"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT handsfree_secrets_Runtime)
install(FILES "${_hf_library_dir}/${_hf_link}" "${_hf_library_dir}/libhandsfree_secrets.a"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT handsfree_secrets_Development)
install(FILES include/handsfree_secrets.h include/handsfree_secrets.hpp
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT handsfree_secrets_Development)
install(DIRECTORY include/handsfree_secrets
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT handsfree_secrets_Development
    FILES_MATCHING PATTERN "*.hpp")

# The .pc files compute the prefix from their own location, unless a directory was given as an absolute path.
function(_hf_relative_to_pkgconfig path out)
    if(IS_ABSOLUTE "${path}")
        set(${out} "${path}" PARENT_SCOPE)
    elseif(IS_ABSOLUTE "${_hf_pkgconfig_dir}")
        set(${out} "${CMAKE_INSTALL_PREFIX}/${path}" PARENT_SCOPE)
    else()
        set(${out} "\${prefix}/${path}" PARENT_SCOPE)
    endif()
endfunction()
if(IS_ABSOLUTE "${_hf_pkgconfig_dir}")
    set(PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
else()
    file(RELATIVE_PATH _hf_up "/prefix/${_hf_pkgconfig_dir}" "/prefix")
    string(REGEX REPLACE "/$" "" _hf_up "${_hf_up}")
    set(PC_PREFIX "\${pcfiledir}/${_hf_up}")
endif()
_hf_relative_to_pkgconfig("${CMAKE_INSTALL_LIBDIR}" PC_LIBDIR)
_hf_relative_to_pkgconfig("${CMAKE_INSTALL_INCLUDEDIR}" PC_INCLUDEDIR)
string(REPLACE ";" " " PC_NATIVE_LIBS "${HANDSFREE_SECRETS_NATIVE_LIBS}")
set(PC_STATIC_LIBRARY "-L\${libdir} -l:libhandsfree_secrets.a")
if(APPLE) # whose linker has no -l:
    set(PC_STATIC_LIBRARY "\${libdir}/libhandsfree_secrets.a")
endif()
foreach(_hf_pc IN ITEMS handsfree_secrets handsfree_secrets-static)
    configure_file("cmake/${_hf_pc}.pc.in" "${CMAKE_CURRENT_BINARY_DIR}/${_hf_pc}.pc" @ONLY)
    install(FILES "${CMAKE_CURRENT_BINARY_DIR}/${_hf_pc}.pc"
        DESTINATION "${_hf_pkgconfig_dir}" COMPONENT handsfree_secrets_Development)
endforeach()

configure_package_config_file(cmake/handsfree_secretsConfig.cmake.in
    "${CMAKE_CURRENT_BINARY_DIR}/handsfree_secretsConfig.cmake"
    INSTALL_DESTINATION "${_hf_package_dir}"
    PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR
    NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/handsfree_secretsConfigVersion.cmake"
    VERSION "${PROJECT_VERSION}" COMPATIBILITY SameMajorVersion)
install(FILES
        "${CMAKE_CURRENT_BINARY_DIR}/handsfree_secretsConfig.cmake"
        "${CMAKE_CURRENT_BINARY_DIR}/handsfree_secretsConfigVersion.cmake"
        cmake/handsfree_secretsTargets.cmake
    DESTINATION "${_hf_package_dir}" COMPONENT handsfree_secrets_Development)

# Builds the crate with cargo, post-processes its two libraries, and defines the targets
# handsfree_secrets::handsfree_secrets and handsfree_secrets::handsfree_secrets_static.

include("${CMAKE_CURRENT_LIST_DIR}/CrossCompile.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/handsfree_secretsTargets.cmake")

handsfree_secrets_cross_compile(_hf_target _hf_cargo_environment)

handsfree_secrets_library_names("${PROJECT_VERSION}" _hf_shared _hf_soname _hf_link)
set(_hf_library_dir "${CMAKE_CURRENT_BINARY_DIR}/lib")

# Cargo names the folder of the dev profile "debug".
set(_hf_profile_dir "${_hf_profile}")
if(_hf_profile STREQUAL "dev")
    set(_hf_profile_dir debug)
endif()
set(_hf_cargo_out "${HANDSFREE_SECRETS_CARGO_TARGET_DIR}/${_hf_target}/${_hf_profile_dir}")
string(REPLACE "//" "/" _hf_cargo_out "${_hf_cargo_out}")

# The crate types are given because the crate is also a Rust library, and cargo omits link-time optimisation if one of
# those is among the outputs.
set(_hf_cargo_arguments rustc --lib --crate-type cdylib,staticlib --locked --profile "${_hf_profile}"
    --manifest-path "${CMAKE_CURRENT_SOURCE_DIR}/Cargo.toml"
    --target-dir "${HANDSFREE_SECRETS_CARGO_TARGET_DIR}")
if(_hf_target)
    list(APPEND _hf_cargo_arguments --target "${_hf_target}")
endif()
list(APPEND _hf_cargo_arguments ${HANDSFREE_SECRETS_CARGO_FLAGS})

# Release libraries are stripped of debug information; symbols for backtraces stay.
set(_hf_strip_debug ON)
if(_hf_profile STREQUAL "dev")
    set(_hf_strip_debug OFF)
endif()

# Only cargo knows whether something has changed, so it runs at every build. The later steps run only if one of its
# outputs is newer. Cargo reads .cargo/config.toml in the working directory.
add_custom_target(handsfree_secrets_cargo ALL
    COMMAND "${CMAKE_COMMAND}" -E env ${_hf_cargo_environment} "${HANDSFREE_SECRETS_CARGO}" ${_hf_cargo_arguments}
    BYPRODUCTS "${_hf_cargo_out}/${_hf_link}" "${_hf_cargo_out}/libhandsfree_secrets.a"
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
    COMMENT "Building the crate handsfree_secrets with cargo (profile ${_hf_profile})"
    VERBATIM)

add_custom_command(
    OUTPUT "${_hf_library_dir}/${_hf_shared}" "${_hf_library_dir}/${_hf_soname}"
        "${_hf_library_dir}/${_hf_link}"
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${_hf_library_dir}"
    COMMAND "${CMAKE_COMMAND}" -E copy "${_hf_cargo_out}/${_hf_link}" "${_hf_library_dir}/${_hf_shared}"
    COMMAND "${CMAKE_COMMAND}" -E create_symlink "${_hf_shared}" "${_hf_library_dir}/${_hf_soname}"
    COMMAND "${CMAKE_COMMAND}" -E create_symlink "${_hf_soname}" "${_hf_library_dir}/${_hf_link}"
    DEPENDS handsfree_secrets_cargo "${_hf_cargo_out}/${_hf_link}"
    VERBATIM)

# The tools of macOS cannot do that: there the static library defines the symbols of the Rust runtime, too.
set(_hf_make_static
    "-DINPUT=${_hf_cargo_out}/libhandsfree_secrets.a"
    "-DSHARED=${_hf_cargo_out}/${_hf_link}"
    "-DOUTPUT=${_hf_library_dir}/libhandsfree_secrets.a"
    "-DLD=${CMAKE_LINKER}" "-DNM=${CMAKE_NM}" "-DOBJCOPY=${CMAKE_OBJCOPY}" "-DAR=${CMAKE_AR}"
    "-DSTRIP_DEBUG=${_hf_strip_debug}"
    -P "${CMAKE_CURRENT_LIST_DIR}/LocalizeStaticLibrary.cmake")
if(APPLE)
    set(_hf_make_static -E copy "${_hf_cargo_out}/libhandsfree_secrets.a" "${_hf_library_dir}/libhandsfree_secrets.a")
endif()
add_custom_command(
    OUTPUT "${_hf_library_dir}/libhandsfree_secrets.a"
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${_hf_library_dir}"
    COMMAND "${CMAKE_COMMAND}" ${_hf_make_static}
    DEPENDS handsfree_secrets_cargo "${_hf_cargo_out}/libhandsfree_secrets.a"
        "${CMAKE_CURRENT_LIST_DIR}/LocalizeStaticLibrary.cmake"
    COMMENT "Making libhandsfree_secrets.a one object that defines hf_* and nothing else"
    VERBATIM)

add_custom_target(handsfree_secrets_libraries ALL
    DEPENDS "${_hf_library_dir}/${_hf_shared}" "${_hf_library_dir}/libhandsfree_secrets.a")

handsfree_secrets_add_targets(
    LIBRARY_DIR "${_hf_library_dir}"
    INCLUDE_DIR "${CMAKE_CURRENT_SOURCE_DIR}/include"
    VERSION "${PROJECT_VERSION}")
add_dependencies(handsfree_secrets::handsfree_secrets handsfree_secrets_libraries)
add_dependencies(handsfree_secrets::handsfree_secrets_static handsfree_secrets_libraries)

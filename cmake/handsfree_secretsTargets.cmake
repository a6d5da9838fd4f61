# Defines the two targets, for the build tree and for an installed copy.

# The system libraries that the static library needs: what
# `cargo rustc --lib --crate-type staticlib -- --print native-static-libs` says, which a test compares, without -lgcc_s.
# The compiler adds the unwinder itself: that one, or with -static another, since gcc_s is a shared library only.
set(HANDSFREE_SECRETS_NATIVE_LIBS -lutil -lrt -lpthread -lm -ldl -lc)

# handsfree_secrets_add_targets(LIBRARY_DIR <dir> INCLUDE_DIR <dir> VERSION <x.y.z>)
function(handsfree_secrets_add_targets)
    cmake_parse_arguments(arg "" "LIBRARY_DIR;INCLUDE_DIR;VERSION" "" ${ARGN})
    string(REGEX MATCH "^[0-9]+" major "${arg_VERSION}")

    if(NOT TARGET handsfree_secrets::handsfree_secrets)
        add_library(handsfree_secrets::handsfree_secrets SHARED IMPORTED GLOBAL)
        set_target_properties(handsfree_secrets::handsfree_secrets PROPERTIES
            IMPORTED_LOCATION "${arg_LIBRARY_DIR}/libhandsfree_secrets.so.${arg_VERSION}"
            IMPORTED_SONAME "libhandsfree_secrets.so.${major}"
            INTERFACE_INCLUDE_DIRECTORIES "${arg_INCLUDE_DIR}")
    endif()

    if(NOT TARGET handsfree_secrets::handsfree_secrets_static)
        add_library(handsfree_secrets::handsfree_secrets_static STATIC IMPORTED GLOBAL)
        set_target_properties(handsfree_secrets::handsfree_secrets_static PROPERTIES
            IMPORTED_LOCATION "${arg_LIBRARY_DIR}/libhandsfree_secrets.a"
            IMPORTED_LINK_INTERFACE_LANGUAGES C
            INTERFACE_LINK_LIBRARIES "${HANDSFREE_SECRETS_NATIVE_LIBS}"
            INTERFACE_INCLUDE_DIRECTORIES "${arg_INCLUDE_DIR}")
    endif()
endfunction()

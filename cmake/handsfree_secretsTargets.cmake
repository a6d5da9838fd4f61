# Defines the two targets, for the build tree and for an installed copy.

# The system libraries that the static library needs: what
# `cargo rustc --lib --crate-type staticlib -- --print native-static-libs` says, which a test compares for Linux, without
# -lgcc_s. The compiler adds the unwinder itself: that one, or with -static another, since gcc_s is a shared library only.
if(APPLE)
    set(HANDSFREE_SECRETS_NATIVE_LIBS "-framework Security" "-framework CoreFoundation" -lSystem -lc -lm)
elseif(CMAKE_SYSTEM_NAME STREQUAL "FreeBSD")
    set(HANDSFREE_SECRETS_NATIVE_LIBS -lexecinfo -lpthread -lm -lrt -lutil -lkvm -lmemstat -lprocstat -ldevstat -lc)
else()
    set(HANDSFREE_SECRETS_NATIVE_LIBS -lutil -lrt -lpthread -lm -ldl -lc)
endif()

# handsfree_secrets_library_names(<x.y.z> <file> <soname> <link>): sets the names of the shared library: of the file, and of
# the links to it that programs load and that linkers open.
function(handsfree_secrets_library_names version file soname link)
    string(REGEX MATCH "^[0-9]+" major "${version}")
    if(APPLE)
        set(${file} "libhandsfree_secrets.${version}.dylib" PARENT_SCOPE)
        set(${soname} "libhandsfree_secrets.${major}.dylib" PARENT_SCOPE)
        set(${link} "libhandsfree_secrets.dylib" PARENT_SCOPE)
    else()
        set(${file} "libhandsfree_secrets.so.${version}" PARENT_SCOPE)
        set(${soname} "libhandsfree_secrets.so.${major}" PARENT_SCOPE)
        set(${link} "libhandsfree_secrets.so" PARENT_SCOPE)
    endif()
endfunction()

# handsfree_secrets_add_targets(LIBRARY_DIR <dir> INCLUDE_DIR <dir> VERSION <x.y.z>)
function(handsfree_secrets_add_targets)
    cmake_parse_arguments(arg "" "LIBRARY_DIR;INCLUDE_DIR;VERSION" "" ${ARGN})
    handsfree_secrets_library_names("${arg_VERSION}" file soname link)
    set(prefix "")
    if(APPLE)
        set(prefix "@rpath/")
    endif()

    if(NOT TARGET handsfree_secrets::handsfree_secrets)
        add_library(handsfree_secrets::handsfree_secrets SHARED IMPORTED GLOBAL)
        set_target_properties(handsfree_secrets::handsfree_secrets PROPERTIES
            IMPORTED_LOCATION "${arg_LIBRARY_DIR}/${file}"
            IMPORTED_SONAME "${prefix}${soname}"
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

# Makes cargo build for the target machine of CMake's C compiler.
#
# A cross build needs a CMake toolchain file or a C compiler for another machine. The Rust target, cargo's linker and
# the compiler of the C code in the crates are derived from them.

# Converts the machine name of a C compiler, such as riscv64-linux-gnu, to a Rust target triple. The result is empty if
# there is none, or if the compiler has no machine name.
function(handsfree_secrets_rust_target machine out)
    string(TOLOWER "${machine}" machine)
    set(${out} "" PARENT_SCOPE)
    if(machine MATCHES "^([^-]+)-apple-(darwin|macosx?)[0-9.]*$")
        set(processor "${CMAKE_MATCH_1}")
        set(system apple-darwin)
    elseif(machine MATCHES "^([^-]+)-(.*-)?freebsd[0-9.]*$")
        set(processor "${CMAKE_MATCH_1}")
        set(system unknown-freebsd)
    elseif(machine MATCHES "^([^-]+)-(.*-)?linux(-(gnu[a-z0-9]*))?$")
        set(processor "${CMAKE_MATCH_1}")
        set(abi "${CMAKE_MATCH_4}")
        if(NOT abi)
            set(abi gnu) # such as aarch64-poky-linux
        endif()
        set(system "unknown-linux-${abi}")
    else()
        return()
    endif()
    # The same processor has one name at each of gcc, clang and rustc; these are where they differ.
    if(processor MATCHES "^riscv(32|64)$")
        string(APPEND processor gc)
    elseif(processor STREQUAL "amd64")
        set(processor x86_64)
    elseif(processor STREQUAL "arm64")
        set(processor aarch64)
    elseif(processor STREQUAL "ppc64le")
        set(processor powerpc64le)
    elseif(processor MATCHES "^i[3-7]86$")
        set(processor i686)
    elseif(processor STREQUAL "arm" AND abi STREQUAL "gnueabihf")
        set(processor armv7)
    endif()
    set(${out} "${processor}-${system}" PARENT_SCOPE)
endfunction()

# Asks rustc, which is in the same directory as cargo, about itself.
function(_hf_ask_rustc out)
    get_filename_component(folder "${HANDSFREE_SECRETS_CARGO}" DIRECTORY)
    find_program(_hf_rustc rustc HINTS "${folder}" NO_CMAKE_FIND_ROOT_PATH)
    mark_as_advanced(_hf_rustc)
    set(text "")
    if(_hf_rustc)
        execute_process(COMMAND "${_hf_rustc}" ${ARGN} OUTPUT_VARIABLE text OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    endif()
    set(${out} "${text}" PARENT_SCOPE)
endfunction()

# Writes a program that calls the C compiler as CMake does, with the target, the system root and the flags of the
# toolchain file. Cargo and the crates with C code accept a program without arguments only.
function(_hf_write_compiler path)
    set(words "${CMAKE_C_COMPILER}")
    if(CMAKE_C_COMPILER_TARGET AND CMAKE_C_COMPILER_ID MATCHES "Clang")
        list(APPEND words "--target=${CMAKE_C_COMPILER_TARGET}")
    endif()
    if(CMAKE_SYSROOT)
        list(APPEND words "--sysroot=${CMAKE_SYSROOT}")
    endif()
    list(TRANSFORM words REPLACE "'" "'\\\\''")
    list(JOIN words "' '" words)
    # The flags are written for a shell already. Warnings about the code of other people, and errors made of them, are
    # turned off.
    set(script "#!/bin/sh\nexec '${words}'${CMAKE_C_COMPILER_ARG1} ${CMAKE_C_FLAGS} -w \"$@\"\n")
    file(WRITE "${path}.new/cc" "${script}")
    file(COPY "${path}.new/cc" DESTINATION "${path}"
        FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
    file(REMOVE_RECURSE "${path}.new")
endfunction()

# handsfree_secrets_cross_compile(<target> <environment>): sets the Rust target, empty for this machine, and the
# environment (NAME=value) that makes cargo use CMake's compiler for it.
function(handsfree_secrets_cross_compile out_target out_environment)
    set(${out_environment} "" PARENT_SCOPE)
    set(${out_target} "${HANDSFREE_SECRETS_TARGET}" PARENT_SCOPE)

    set(tools "${CMAKE_CURRENT_BINARY_DIR}/toolchain")
    _hf_write_compiler("${tools}")
    execute_process(COMMAND "${tools}/cc" -dumpmachine
        OUTPUT_VARIABLE machine OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    handsfree_secrets_rust_target("${machine}" compiled)
    _hf_ask_rustc(about -vV)
    set(host "")
    if(about MATCHES "host: ([^\n]+)")
        set(host "${CMAKE_MATCH_1}")
    endif()
    if(NOT CMAKE_CROSSCOMPILING AND (NOT compiled OR NOT host OR compiled STREQUAL host))
        return() # The compiler is this machine's own.
    endif()

    set(target "${HANDSFREE_SECRETS_TARGET}")
    if(NOT target)
        set(target "${compiled}")
        if(NOT target)
            message(FATAL_ERROR "no Rust target is known for the machine ${machine} of ${CMAKE_C_COMPILER}: "
                "set HANDSFREE_SECRETS_TARGET to one that `rustc --print target-list` prints")
        endif()
        _hf_ask_rustc(sysroot --print sysroot)
        if(sysroot AND NOT IS_DIRECTORY "${sysroot}/lib/rustlib/${target}/lib")
            message(FATAL_ERROR "Rust's library for ${target} is not installed: rustup target add ${target}")
        endif()
    endif()
    message(STATUS "handsfree_secrets: building for ${target} with ${CMAKE_C_COMPILER}")

    string(REPLACE "-" "_" name "${target}")
    string(TOUPPER "${name}" upper)
    set(${out_target} "${target}" PARENT_SCOPE)
    # On 64-bit POWER, code that GCC optimizes for size calls functions that linkers make, but not for shared libraries.
    set(flags "")
    if(target MATCHES "^powerpc64")
        set(flags "CFLAGS_${name}=-O2")
    endif()
    set(${out_environment}
        ${flags}
        "CARGO_TARGET_${upper}_LINKER=${tools}/cc"
        "CC_${name}=${tools}/cc"
        "AR_${name}=${CMAKE_AR}"
        "RANLIB_${name}=${CMAKE_RANLIB}"
        PARENT_SCOPE)
endfunction()

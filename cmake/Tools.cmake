# The program hfsecret, which docs/shell.md describes, with its manual page and its completion for bash.

file(GLOB _hf_tool_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/tools/hfsecret/*.c")
add_executable(hfsecret ${_hf_tool_sources})
target_compile_features(hfsecret PRIVATE c_std_99)
target_link_libraries(hfsecret PRIVATE handsfree_secrets::handsfree_secrets)

if(HANDSFREE_SECRETS_INSTALL)
    # Relative to the program, so that the installed tree can be moved. CMAKE_SKIP_INSTALL_RPATH leaves it out, for
    # packages of distributions.
    if(NOT IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}" AND NOT IS_ABSOLUTE "${CMAKE_INSTALL_BINDIR}")
        file(RELATIVE_PATH _hf_to_libraries "/prefix/${CMAKE_INSTALL_BINDIR}" "/prefix/${CMAKE_INSTALL_LIBDIR}")
        set(_hf_origin "$ORIGIN")
        if(APPLE)
            set(_hf_origin "@loader_path")
        endif()
        set_target_properties(hfsecret PROPERTIES INSTALL_RPATH "${_hf_origin}/${_hf_to_libraries}")
    endif()
    install(TARGETS hfsecret
        DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT handsfree_secrets_Tools)
    install(FILES tools/hfsecret/hfsecret.1
        DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT handsfree_secrets_Tools)
    install(FILES tools/hfsecret/hfsecret.bash
        DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" RENAME hfsecret
        COMPONENT handsfree_secrets_Tools)
endif()
